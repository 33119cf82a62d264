"""Live RTSP through FFmpeg's demuxer: keyframes only, and of those only the ones that will be looked at."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vision.core.clock import Clock
from vision.core.errors import NotThereError, SourceError, SourceRefusedError
from vision.core.frames import Frame, TimeSource
from vision.core.registry import Camera
from vision.streams.decoding import Decode, hardware, new_context
from vision.streams.ffmpeg_errors import source_error
from vision.streams.health import SourceFigures
from vision.streams.options import source_options
from vision.streams.picture import Scaler, held
from vision.streams.sampling import Sampler

MAX_SKEW = timedelta(minutes=5)
"""A camera whose clock is further off than this is not believed: its looks get their arrival time."""


_MOST_REFRESH = 600
"""Pictures after which an intra refresh that has not come round is given up."""


class RtspSource:
    """One camera's keyframes at its sampling interval. Never retries: the supervisor reopens."""

    def __init__(
        self, camera: Camera, clock: Clock, *, view_id: str | None = None, session: int = 0, look_px: int = 640
    ) -> None:
        self.camera, self.clock, self.session = camera, clock, session
        self.view_id = view_id or camera.views[0].id
        self.corrupt = 0
        self._options = source_options(camera)
        self._scaler = Scaler(look_px, keep_full=self._options.keep_full)
        self._sampler = Sampler(camera.sample_s)
        self._container: InputContainer | None = None
        self._stopping = False
        self._refreshing = 0

    def open(self) -> None:
        options = self._options
        if options.hardware:
            # Where the device is missing this says so before the camera is troubled, as for our own client.
            new_context(Decode("h264", self._scaler.look_px, hardware=options.hardware))
        begun_s = self.clock.monotonic_s()
        try:
            self._container = av.open(
                self.camera.url,
                options={
                    "rtsp_transport": "udp" if options.transport == "udp" else "tcp",
                    "allowed_media_types": "video",
                    "fflags": "discardcorrupt",
                    "probesize": "65536",
                    "analyzeduration": "500000",
                },
                timeout=(options.open_timeout_s, options.read_timeout_s),
                hwaccel=hardware(options.hardware) if options.hardware else None,
            )
        except (av.error.FFmpegError, OSError) as error:
            # FFmpeg tells an interrupted DESCRIBE as invalid data.
            late = self.clock.monotonic_s() - begun_s >= options.open_timeout_s
            told = TimeoutError(f"no answer in {options.open_timeout_s:g} s") if late else error
            raise source_error(self.camera, "cannot open", told) from None
        if not self._container.streams.video:
            raise SourceRefusedError(f"cannot open {self.camera.safe_url}: no video in it")
        stream = self._container.streams.video[0]
        stream.codec_context.skip_frame = "NONKEY"
        stream.codec_context.thread_count = 1
        if options.hardware and not stream.codec_context.is_hwaccel:
            raise NotThereError(f"cannot decode {stream.codec_context.name} on {options.hardware}")

    def frames(self) -> Iterator[Frame]:
        container = self._container
        if container is None:
            raise SourceError(f"{self.camera.safe_url} is not open")
        try:
            stream = container.streams.video[0]
            seq, sound_s = 0, self.clock.monotonic_s()
            patience_s = self._options.no_keyframe_s + self.camera.sample_s
            for packet in container.demux(stream):
                if self._stopping:
                    return
                for frame in self._look(stream, packet, seq):
                    seq += 1
                    yield frame
                    sound_s = self.clock.monotonic_s()
                if self.clock.monotonic_s() - sound_s > patience_s:
                    raise SourceError(f"lost {self.camera.safe_url}: no whole keyframe in {patience_s:g} s")
        except (av.error.FFmpegError, OSError) as error:
            raise source_error(self.camera, "lost", error) from None
        finally:
            self._container = None
            container.close()
        if not self._stopping:
            raise SourceError(f"lost {self.camera.safe_url}: the stream ended")

    def close(self) -> None:
        """FFmpeg must not be closed under a reading thread: the next packet, or its time-out, ends it."""
        self._stopping = True

    def figures(self) -> SourceFigures:
        return SourceFigures(corrupt=self.corrupt)

    def _look(self, stream: VideoStream, packet: "Packet[VideoStream]", seq: int) -> Iterator[Frame]:
        if packet.time_base is None or not (packet.is_keyframe or self._refreshing):
            return
        # FFmpeg leaves a session's first packet without a time when a sender report came before it.
        pts_s = float((packet.pts or 0) * packet.time_base)
        if not self._refreshing and not self._sampler.due(pts_s):
            return
        arrived = self.clock.now()
        if packet.is_corrupt:
            self.corrupt += 1
            return
        sound = self._decoded(stream, packet)
        if not sound:
            return
        self._sampler.took(pts_s)
        image, full = self._scaler.looks(sound[-1])
        sharper = held(sound[-1], image) if full is None else full
        captured_at, source = _captured_at(packet, arrived)
        yield Frame(self.camera.id, self.view_id, self.session, seq, pts_s, captured_at, source, image, sharper)

    def _decoded(self, stream: VideoStream, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        """Whole pictures of a keyframe that is due; or of the picture with which an intra refresh has come round."""
        context = stream.codec_context
        try:
            if self._refreshing:
                pictures = context.decode(packet)
            else:
                # Drained at once: a decoder that reorders would hold this picture back until the next look.
                pictures = [*context.decode(packet), *context.decode(None)]
                if not pictures:
                    # FFmpeg holds back what is not whole yet: from here on it needs every picture.
                    context.flush_buffers()
                    context.skip_frame = "DEFAULT"
                    self._refreshing = _MOST_REFRESH
                    context.decode(packet)
                    return []
            sound = [picture for picture in pictures if not picture.is_corrupt]
        except av.error.FFmpegError:
            pictures = sound = []
            self._refreshing = 0
        if self._refreshing and not sound:
            self._refreshing -= 1
            if self._refreshing:
                return []
        self._refreshing = 0
        context.skip_frame = "NONKEY"
        context.flush_buffers()
        self.corrupt += not sound
        return sound


def _captured_at(packet: "Packet[VideoStream]", arrived: datetime) -> tuple[datetime, TimeSource]:
    """The camera's own time of the picture, from FFmpeg's producer reference time (sender reports), else arrival."""
    if packet.has_sidedata("prft"):
        side = bytes(packet.get_sidedata("prft"))
        if len(side) >= 8:
            (wallclock_us,) = struct.unpack_from("=q", side)
            try:
                camera_time = datetime.fromtimestamp(wallclock_us / 1e6, UTC)
            except (ValueError, OverflowError, OSError):
                return arrived, TimeSource.ARRIVAL
            if abs(camera_time - arrived) <= MAX_SKEW:
                return camera_time, TimeSource.CAMERA
    return arrived, TimeSource.ARRIVAL
