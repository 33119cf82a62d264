"""Pictures for people who watch: from a camera's small stream, or out of what is held of its main one."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from vision.core.clock import Clock
from vision.core.errors import ConfigError, StorageError
from vision.core.frames import Frame, Image
from vision.core.registry import Camera, SourceKind
from vision.pipeline.draw import jpeg
from vision.streams.patrol import gateway_of
from vision.streams.substream import sub_stream
from vision.streams.turns import Turns

log = structlog.get_logger()

LONGEST_PX = 1280
_EVERY_S = 0.4
_SMALL_STREAM_S = 4.0
"""A small stream that has sent nothing for so long is not relied on: the main one shows itself again."""
_STALE_S = 12.0
_QUALITY = 75


class Board(Protocol):
    """What previews ask of storage.board.Board."""

    def watched(self, *, now_s: float) -> set[str]: ...

    def post_look(self, camera_id: str, jpeg: bytes) -> None: ...


class Streams(Protocol):
    """What previews ask of streams.supervisor.Supervisor: opened on demand, reconnected, closed when let go."""

    def apply(self, cameras: Iterable[Camera]) -> None: ...

    def stop(self) -> None: ...


class Mailbox(Protocol):
    def take(self, limit: int, wait_s: float) -> list[Frame]: ...


@dataclass(slots=True)
class Previews:
    """One thread. While somebody watches a camera, its newest picture is on the board within a keyframe of coming.

    Attributes:
        glance: the newest picture of a camera's open stream, at most so many pixels; None when nothing new came.
        streams, mailbox: where small streams are opened, and where their pictures arrive.
        turns: how many of them a gateway has open for people who watch.
    """

    clock: Clock
    board: Board
    glance: Callable[[str, int], Image | None]
    streams: Streams
    mailbox: Mailbox
    turns: Turns = field(default_factory=Turns)
    _cameras: Mapping[str, Camera] = field(default_factory=dict)
    _opened: dict[str, Camera] = field(default_factory=dict)
    _came_s: dict[str, float] = field(default_factory=dict)
    _posted_s: dict[str, float] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def follow(self, cameras: Sequence[Camera]) -> None:
        """These are ours to show now."""
        self._cameras = {camera.id: camera for camera in cameras}

    def shows(self, camera_id: str) -> bool:
        """Whether the camera's pictures come from here, and its looks need not be shown as well."""
        return self.clock.monotonic_s() - self._posted_s.get(camera_id, float("-inf")) < _STALE_S

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close every small stream and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(3.0)
        self.streams.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.once()
            except StorageError:
                self.clock.sleep(1.0, self._stopping)  # the worker's own turn tells of a board that is away
            except Exception:  # a thread's top: what one camera breaks must not darken the others
                log.exception("preview_failed")
                self.clock.sleep(1.0, self._stopping)

    def once(self) -> None:
        """One turn: open and close what is watched no more or anew, post what came."""
        watched = self.board.watched(now_s=self.clock.now().timestamp())
        ours = {key: camera for key, camera in self._cameras.items() if key in watched}
        self._open(ours)
        now_s = self.clock.monotonic_s()
        for frame in self.mailbox.take(32, _EVERY_S if self._opened else 0.0):
            if frame.camera_id in self._opened:
                self._came_s[frame.camera_id] = now_s
                self._post(frame.camera_id, frame.image)
        for camera_id in ours:
            if now_s - self._came_s.get(camera_id, float("-inf")) > _SMALL_STREAM_S:
                image = self.glance(camera_id, LONGEST_PX)
                if image is not None:
                    self._post(camera_id, image)
        if not self._opened:
            self.clock.sleep(_EVERY_S, self._stopping)

    def _post(self, camera_id: str, image: Image) -> None:
        self.board.post_look(camera_id, jpeg(image, quality=_QUALITY))
        self._posted_s[camera_id] = self.clock.monotonic_s()

    def _open(self, ours: Mapping[str, Camera]) -> None:
        wanted = {}
        for key, camera in ours.items():
            small = self._shown(camera)
            if small is not None:
                wanted[key] = small
        turn = self.turns.share({key: gateway_of(ours[key]) for key in wanted}, self.clock.monotonic_s())
        wanted = {key: small for key, small in wanted.items() if key in turn}
        if wanted != self._opened:
            self.streams.apply(wanted.values())
            self._opened = wanted
        self._came_s = {key: at_s for key, at_s in self._came_s.items() if key in wanted}

    def _shown(self, camera: Camera) -> Camera | None:
        """What to open for those who watch; None for a camera that is kept open anyway and has no small stream."""
        if camera.kind is SourceKind.FILE:
            return None
        if camera.kind is SourceKind.SNAPSHOT:
            return replace(camera, sample_s=1.0)
        try:
            small = sub_stream(camera)
        except ConfigError:
            return None  # its own source says what is wrong with it
        if small is None and camera.kind is not SourceKind.PATROL:
            return None
        options = tuple(pair for pair in camera.options if pair[0] not in {"ring_s", "keep_full"})
        return replace(
            camera, url=small or camera.url, kind=SourceKind.LIVE, sample_s=0.5, options=(*options, ("ring_s", "0"))
        )
