"""Live RTSP over TCP by our own client: packets skipped unread, only looked-at keyframes decoded."""

import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from vision.core.clock import Clock
from vision.core.errors import NotThereError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.frames import Frame, Image, Later, TimeSource
from vision.core.registry import Camera
from vision.streams.decoding import Decode, DecodePool, shared_pool
from vision.streams.health import SourceFigures
from vision.streams.nal import CODECS
from vision.streams.options import source_options
from vision.streams.packet_reader import KeyPicture, PacketReader, StreamFigures
from vision.streams.packets import coded_pictures, cut, newest_key, remux
from vision.streams.ring import PacketRing
from vision.streams.rtcp import receiver_report, ticks_between
from vision.streams.rtsp_client import RtspClient
from vision.streams.sampling import Sampler

log = structlog.get_logger()

MAX_SKEW = timedelta(seconds=10)
"""A camera whose clock is further off than this is not believed: its looks get their arrival time."""

_LOW_WATER_BYTES = 128 * 1024
_ROUND_S = 1.0
"""A sleeping camera thread wakes when this much has come or this long has passed."""
_REPORT_S = 10.0
_OWN_SSRC = 0x5357_5244


class LiveSource:
    """One camera's keyframes at its sampling interval. Never retries: the supervisor reopens.

    Attributes:
        ring: the last seconds of the stream, for evidence clips.
        reader: figures of the stream; None before `open`.
        corrupt: pictures dropped because not all of them came or decoded.
        clock_offset_s: the camera's clock minus ours by its last sender report; None without one.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        *,
        view_id: str | None = None,
        session: int = 0,
        look_px: int = 640,
        pool: DecodePool | None = None,
        ring: PacketRing | None = None,
    ) -> None:
        self.camera, self.clock, self.session = camera, clock, session
        self.view_id = view_id or camera.views[0].id
        self.corrupt = 0
        self.clock_offset_s: float | None = None
        self._options = options = source_options(camera)
        self.ring = ring or PacketRing(options.ring_s, round(options.ring_mb * 1e6))
        self.reader: PacketReader | None = None
        self._look_px, self._pool = look_px, pool or shared_pool()
        self._sampler = Sampler(camera.sample_s)
        self._client = RtspClient(camera.url, options.open_timeout_s)
        self._sock: socket.socket | None = None
        self._stopping = False
        self._how: Decode | None = None
        self._seq = 0
        self._failing_since_s: float | None = None
        self._early = b""
        self._anchor: tuple[datetime, int] | None = None
        self._glanced = 0

    @property
    def codec(self) -> str:
        """What the camera's description says it sends; known after `open`."""
        return self._client.track.codec if self._client.track else ""

    def open(self) -> None:
        sock, early = self._client.play()
        track = self._client.track
        assert track is not None
        if track.codec not in CODECS:
            self._client.close()
            raise SourceRefusedError(f"cannot open {self.camera.safe_url}: it sends {track.codec}, not H.264 or H.265")
        codec = CODECS[track.codec]
        reader = PacketReader(codec, self._client.channel, track.clock_hz, self.ring, self._sampler.due)
        reader.parameter_sets = {codec.nal_type[unit[0]]: unit for unit in track.parameter_sets if unit}
        self._how = Decode(track.codec, self._look_px, self._options.keep_full, self._options.hardware)
        self.reader = reader
        if self._stopping:
            self._client.close()
            raise SourceError(f"{self.camera.safe_url} was closed while it opened")
        sock.setblocking(False)
        self._sock = sock
        self._early = early

    def frames(self) -> Iterator[Frame]:
        reader, sock = self.reader, self._sock
        if reader is None or sock is None:
            raise SourceError(f"{self.camera.safe_url} is not open")
        try:
            for picture in self._pictures(reader, sock):
                frame = self._look(reader, picture)
                del picture  # a look is 0.7 MB and a keyframe 0.2: neither is held while waiting for the next
                if frame is not None:
                    yield frame
                del frame
        except SourceError as error:
            if self._stopping:
                return  # our own closing reads like the camera's
            raise type(error)(f"lost {self.camera.safe_url}: {error}") from None
        except OSError as error:
            if self._stopping:
                return
            raise SourceError(f"lost {self.camera.safe_url}: {error.strerror or type(error).__name__}") from None
        finally:
            self._client.close()

    def close(self) -> None:
        """Says TEARDOWN and wakes the thread that opens or reads."""
        self._stopping = True
        self._client.close()

    def figures(self) -> SourceFigures:
        stream = self.reader.figures if self.reader else StreamFigures()
        return SourceFigures(
            self.codec, self.corrupt, stream.received_bytes, stream.key_interval_s, self.clock_offset_s
        )

    def clip(self, begin: datetime, end: datetime) -> bytes:
        """An MP4 of what the ring holds between two scene times, from the keyframe before `begin`; from any thread.

        Raises:
            SourceError: nothing of it is held.
        """
        reader, anchor = self.reader, self._anchor
        if reader is None or anchor is None:
            raise SourceError(f"nothing seen of {self.camera.safe_url} yet")
        at, ticks = anchor
        span = [(ticks + round((t - at).total_seconds() * reader.clock_hz)) % 2**32 for t in (begin, end)]
        held = coded_pictures(self.ring.segments(), reader.codec, reader.channel, dict(reader.parameter_sets))
        return remux(reader.codec.name, cut(held, *span), reader.clock_hz)

    def glance(self, longest_px: int) -> Image | None:
        """The newest whole keyframe that the ring holds, decoded for somebody who watches; from any thread.

        It costs the camera nothing and no look is taken. None when no keyframe has come since the last glance.
        """
        reader, how = self.reader, self._how
        if reader is None or how is None or reader.figures.keyframes == self._glanced:
            return None
        seen = reader.figures.keyframes
        key = newest_key(self.ring.segments(), reader.codec, reader.channel, dict(reader.parameter_sets))
        if key is None:
            return None
        decoded = self._pool.decode(replace(how, look_px=longest_px, keep_full=False), key.data)
        self._glanced = seen
        return None if decoded is None else decoded[0]

    def _pictures(self, reader: PacketReader, sock: socket.socket) -> Iterator[KeyPicture]:
        """Wanted keyframes as they complete. Raises OSError, SourceError."""
        clock, poller = self.clock, select.poll()
        poller.register(sock, select.POLLIN)
        heard_s = key_s = reported_s = alive_s = clock.monotonic_s()
        early = memoryview(self._early)
        roused, keyframes = False, 0
        while not self._stopping:
            now_s = clock.monotonic_s()
            if early:
                room = reader.room(now_s)
                count = min(len(early), len(room))
                room[:count] = early[:count]
                early = early[count:]
            else:
                poller.poll(_ROUND_S * 1000)
                count = self._receive(reader, sock, now_s)
            now_s = clock.monotonic_s()
            if count:
                heard_s = now_s
                yield from reader.received(count)
            elif now_s - heard_s > self._options.read_timeout_s:
                raise SourceTimeoutError(f"nothing came for {self._options.read_timeout_s:g} s")
            if reader.figures.keyframes > keyframes:
                keyframes, key_s = reader.figures.keyframes, now_s
            elif now_s - key_s > self._options.no_keyframe_s:
                raise SourceError(self._why_no_keyframe(reader))
            if not roused and self._seq:
                # From the first look on nothing is urgent: let the kernel gather before waking this thread.
                roused = True
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _LOW_WATER_BYTES)
            if now_s - alive_s > self._client.session_timeout_s / 2:
                alive_s = now_s
                sock.send(self._client.keep_alive_request())
            if now_s - reported_s > _REPORT_S and reader.ssrc:
                reported_s = now_s
                data = receiver_report(_OWN_SSRC, reader.ssrc, reader.last_seq)
                sock.send(bytes((0x24, self._client.channel + 1, 0, len(data))) + data)

    def _why_no_keyframe(self, reader: PacketReader) -> str:
        waited = f"no keyframe in {self._options.no_keyframe_s:g} s"
        if reader.refreshes:
            return f"{waited}: it refreshes its picture little by little; option transport ffmpeg reads such streams"
        return f"{waited} (if it never sends any: option transport ffmpeg)"

    @staticmethod
    def _receive(reader: PacketReader, sock: socket.socket, now_s: float) -> int:
        try:
            count = sock.recv_into(reader.room(now_s))
        except BlockingIOError:
            return 0
        if count == 0:
            raise SourceError("the camera closed the connection")
        return count

    def _look(self, reader: PacketReader, picture: KeyPicture) -> Frame | None:
        arrived = self.clock.now()
        assert self._how is not None
        try:
            decoded = None if picture.broken else self._pool.decode(self._how, picture.data)
        except NotThereError as error:
            raise SourceRefusedError(str(error)) from None
        now_s = self.clock.monotonic_s()
        if decoded is None:
            self.corrupt += 1
            if self._failing_since_s is not None and now_s - self._failing_since_s > self._options.no_keyframe_s:
                raise SourceError(f"no keyframe came whole in {self._options.no_keyframe_s:g} s")
            self._failing_since_s = now_s if self._failing_since_s is None else self._failing_since_s
            return None
        self._failing_since_s = None
        look, full = decoded
        self._sampler.took(picture.pts_s)
        captured_at, time_source = self._captured_at(reader, picture, arrived)
        frame = Frame(
            self.camera.id,
            self.view_id,
            self.session,
            self._seq,
            picture.pts_s,
            captured_at,
            time_source,
            look,
            self._sharper(picture) if full is None else full,
        )
        self._seq += 1
        self._anchor = (captured_at, picture.ticks)
        return frame

    def _sharper(self, picture: KeyPicture) -> Later:
        """The look in full: its keyframe, a tenth of a decoded picture, is kept as long as it, and decoded again."""
        assert self._how is not None
        pool, how, data = self._pool, replace(self._how, keep_full=True), picture.data

        def make() -> Image | None:
            try:
                decoded = pool.decode(how, data)
            except NotThereError as error:  # a device has no decoder left for a second way: the look must do
                log.warning("full_picture_not_decoded", camera=self.camera.id, reason=str(error))
                return None
            return None if decoded is None else decoded[1]

        return Later(make)

    def _captured_at(self, reader: PacketReader, picture: KeyPicture, arrived: datetime) -> tuple[datetime, TimeSource]:
        """The camera's own time of the picture by its last sender report, if that is believable."""
        report = reader.report
        if report is None:
            return arrived, TimeSource.ARRIVAL
        since_s = ticks_between(picture.ticks, report.rtp_ticks) / reader.clock_hz
        camera_time = report.at + timedelta(seconds=since_s)
        self.clock_offset_s = (camera_time - arrived).total_seconds()
        if abs(camera_time - arrived) > MAX_SKEW:
            return arrived, TimeSource.ARRIVAL
        return camera_time, TimeSource.CAMERA
