"""The table of source kinds."""

from collections.abc import Callable

from vision.core.clock import Clock
from vision.core.errors import ConfigError
from vision.core.ports import FrameSource
from vision.core.registry import Camera, SourceKind


def _live(camera: Camera, clock: Clock, session: int, look_px: int) -> FrameSource:
    from vision.streams.live import LiveSource
    from vision.streams.options import source_options
    from vision.streams.rtsp import RtspSource

    own_client = source_options(camera).transport == "tcp" and camera.url.startswith("rtsp://")
    source = LiveSource if own_client else RtspSource
    return source(camera, clock, session=session, look_px=look_px)


def _file(camera: Camera, clock: Clock, session: int, look_px: int) -> FrameSource:
    from vision.streams.files import FileSource

    return FileSource(camera, clock, session=session, look_px=look_px)


def _snapshot(camera: Camera, clock: Clock, session: int, look_px: int) -> FrameSource:
    from vision.streams.snapshot import SnapshotSource

    return SnapshotSource(camera, clock, session=session, look_px=look_px)


_SOURCES: dict[SourceKind, Callable[[Camera, Clock, int, int], FrameSource]] = {
    SourceKind.LIVE: _live,
    SourceKind.FILE: _file,
    SourceKind.SNAPSHOT: _snapshot,
}


def open_source(camera: Camera, clock: Clock, *, session: int = 0, look_px: int = 640) -> FrameSource:
    """The camera's source, not yet opened.

    Raises:
        ConfigError: a kind that is not watched continuously, or an option the source does not know.
    """
    make = _SOURCES.get(camera.kind)
    if make is None:
        known = ", ".join(sorted(_SOURCES))
        raise ConfigError(f"cameras.{camera.id}.kind: {camera.kind} is not kept open (kept open: {known})")
    return make(camera, clock, session, look_px)
