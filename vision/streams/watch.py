"""All of a worker's cameras: those kept open and those visited, behind one face."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vision.core.registry import Camera, SourceKind
from vision.streams.health import CameraHealth
from vision.streams.supervisor import Supervisor
from vision.streams.visits import PatrolRunner


@dataclass(slots=True)
class Watch:
    """Patrol cameras go to the patrol, every other kind to the supervisor."""

    supervisor: Supervisor
    patrol: PatrolRunner
    _rounds: bool = False

    def apply(self, cameras: Iterable[Camera]) -> None:
        """Make these the watched cameras; only those added, changed or removed are touched."""
        wanted = list(cameras)
        self.supervisor.apply([camera for camera in wanted if camera.kind is not SourceKind.PATROL])
        visited = [camera for camera in wanted if camera.kind is SourceKind.PATROL]
        self.patrol.apply(visited)
        if visited and not self._rounds:
            self.patrol.start()
            self._rounds = True

    def visit_soon(self, camera_id: str) -> None:
        """A patrol camera is visited next; one that is kept open answers with its next look anyway."""
        self.patrol.visit_soon(camera_id)

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        """An MP4 of what a camera that is kept open sent; raises SourceError when it holds nothing of that time."""
        return self.supervisor.clip(camera_id, begin, end)

    def health(self) -> dict[str, CameraHealth]:
        return {**self.supervisor.health(), **self.patrol.health()}

    def stop(self) -> None:
        self.supervisor.stop()
        if self._rounds:
            self.patrol.stop()
