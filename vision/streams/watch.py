"""All of a worker's cameras: those kept open and those visited, behind one face."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from vision.core.errors import ConfigError, SourceError
from vision.core.frames import Image
from vision.core.registry import Camera, SourceKind
from vision.streams.health import CameraHealth
from vision.streams.patrol import PatrolReport
from vision.streams.supervisor import Supervisor
from vision.streams.visits import PatrolRunner, Steering

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watch:
    """Patrol cameras go to the patrol, every other kind to the supervisor.

    Attributes:
        steering: turns a PTZ camera that is kept open back to its view when a person lets it go.
    """

    supervisor: Supervisor
    patrol: PatrolRunner
    steering: Steering | None = None
    _rounds: bool = False
    _open: dict[str, Camera] = field(default_factory=dict)
    _held: frozenset[str] = frozenset()

    def apply(self, cameras: Iterable[Camera]) -> None:
        """Make these the watched cameras; only those added, changed or removed are touched."""
        wanted = list(cameras)
        self._open = {camera.id: camera for camera in wanted if camera.kind is not SourceKind.PATROL}
        self.supervisor.apply(self._open.values())
        visited = [camera for camera in wanted if camera.kind is SourceKind.PATROL]
        self.patrol.apply(visited)
        if visited and not self._rounds:
            self.patrol.start()
            self._rounds = True

    def visit_soon(self, camera_id: str) -> None:
        """A patrol camera is visited next; one that is kept open answers with its next look anyway."""
        self.patrol.visit_soon(camera_id)

    def boost(self, camera_ids: frozenset[str]) -> None:
        """Patrol cameras among these are visited more often; those kept open are looked at often enough."""
        self.patrol.boost(camera_ids)

    def rounds(self) -> PatrolReport | None:
        """How well the patrol keeps its targets; None where nothing is visited."""
        return self.patrol.report() if self._rounds else None

    def hold(self, camera_ids: frozenset[str]) -> None:
        """Leave these to the people who turn them; those let go return to their views."""
        let_go, self._held = self._held - camera_ids, camera_ids
        self.patrol.hold(camera_ids)
        for camera_id in let_go:
            camera = self._open.get(camera_id)
            if camera is not None and camera.views[0].preset is not None and self.steering is not None:
                threading.Thread(target=self._turn_back, args=(camera,), name=f"turn-{camera_id}", daemon=True).start()

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        """An MP4 of what a camera that is kept open sent; raises SourceError when it holds nothing of that time."""
        return self.supervisor.clip(camera_id, begin, end)

    def glance(self, camera_id: str, longest_px: int) -> Image | None:
        """The newest picture of a camera that is kept open; None when nothing new came."""
        return self.supervisor.glance(camera_id, longest_px)

    def health(self) -> dict[str, CameraHealth]:
        return {**self.supervisor.health(), **self.patrol.health()}

    def stop(self) -> None:
        self.supervisor.stop()
        if self._rounds:
            self.patrol.stop()

    def _turn_back(self, camera: Camera) -> None:
        assert self.steering is not None
        try:
            self.steering.turn(camera, camera.views[0])
        except (SourceError, ConfigError) as error:
            # The view guard sees that the picture is not the view's, and its zones stay unknown.
            _log.warning("view_not_regained", camera=camera.id, reason=str(error))
