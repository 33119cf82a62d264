"""Clips as cameras: at their own pace or as fast as they decode, once or for ever."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
from av.video.frame import VideoFrame

from vision.core.clock import Clock
from vision.core.errors import SourceError, SourceRefusedError
from vision.core.frames import Frame, TimeSource
from vision.core.registry import Camera
from vision.streams.ffmpeg_errors import source_error
from vision.streams.options import source_options
from vision.streams.picture import Scaler, held
from vision.streams.sampling import Sampler


class FileSource:
    """One clip's looks. Every picture is decoded (clips may have one keyframe in ten seconds), few are kept."""

    def __init__(
        self, camera: Camera, clock: Clock, *, view_id: str | None = None, session: int = 0, look_px: int = 640
    ) -> None:
        self.camera, self.clock, self.session = camera, clock, session
        self.view_id = view_id or camera.views[0].id
        self._options = source_options(camera)
        self._scaler = Scaler(look_px, keep_full=self._options.keep_full)
        self._began_at: datetime | None = None
        self._stopping = threading.Event()

    @property
    def path(self) -> Path:
        parts = urlsplit(self.camera.url)
        return Path(unquote(parts.path) if parts.scheme == "file" else self.camera.url)

    def open(self) -> None:
        if not self.path.is_file():
            raise SourceRefusedError(f"no clip at {self.path}")
        self._began_at = self.clock.now()

    def frames(self) -> Iterator[Frame]:
        """Looks with scene time = when it was opened + pts; ends with the clip unless it loops."""
        if self._began_at is None:
            raise SourceError(f"{self.path} is not open")
        sampler = Sampler(self.camera.sample_s, early_s=0.0)
        begun_s, seq = self.clock.monotonic_s(), 0
        for picture, pts_s in self._pictures():
            if self._stopping.is_set():
                return
            if not sampler.due(pts_s):
                continue
            if self._options.pace == "real":
                self.clock.sleep(max(0.0, begun_s + pts_s - self.clock.monotonic_s()), self._stopping)
                if self._stopping.is_set():
                    return
            sampler.took(pts_s)
            image, full = self._scaler.looks(picture)
            sharper = held(picture, image) if full is None else full
            captured_at = self._began_at + timedelta(seconds=pts_s)
            yield Frame(
                self.camera.id, self.view_id, self.session, seq, pts_s, captured_at, TimeSource.FILE, image, sharper
            )
            seq += 1

    def close(self) -> None:
        self._stopping.set()

    def _pictures(self) -> Iterator[tuple[VideoFrame, float]]:
        """Pictures with their time since the first, running on over loops."""
        offset_s = 0.0
        while True:
            first_s, last_s, step_s = None, 0.0, 0.04
            try:
                with av.open(str(self.path)) as container:
                    if not container.streams.video:
                        raise SourceRefusedError(f"no video in {self.path}")
                    rate = container.streams.video[0].average_rate
                    step_s = float(1 / rate) if rate else step_s
                    for picture in container.decode(video=0):
                        time_s = picture.time if picture.time is not None else last_s + step_s
                        first_s = time_s if first_s is None else first_s
                        last_s = time_s - first_s
                        if not picture.is_corrupt:
                            yield picture, offset_s + last_s
            except (av.error.FFmpegError, OSError) as error:
                raise source_error(self.camera, "cannot play", error) from None
            if first_s is None:
                raise SourceRefusedError(f"no picture in {self.path}")
            if not self._options.loop:
                return
            offset_s += last_s + step_s
