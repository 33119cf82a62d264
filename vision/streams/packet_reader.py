"""The packet loop: interleaved RTP (RFC 2326 section 10.12) read in big pieces, all but wanted keyframes skipped.

A 4 Mbit/s camera sends 23,000 packets a minute. Each costs a few byte look-ups here; only the packets of a
keyframe that will be looked at are put together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from vision.core.errors import SourceError
from vision.streams.nal import AGGREGATE, FRAGMENT, MESSAGE, PARAMETERS, AccessUnit, Codec, annex_b
from vision.streams.ring import SEGMENT_BYTES, PacketRing, Segment
from vision.streams.rtcp import SenderReport, parse_rtcp, ticks_between

_LEAST_ROOM_BYTES = 16 * 1024
_MAGIC = 0x24
_PLAIN_RTP = 0x80  # version 2, no padding, no extension, no contributing sources
_MOST_PICTURE_BYTES = 16 * 1024 * 1024
_MOST_MESSAGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeyPicture:
    """A keyframe ready to decode.

    Attributes:
        data: Annex B with its parameter sets.
        pts_s: time within the session, RTP timestamp wraps taken out.
        ticks: its RTP timestamp.
        broken: not all of it came; don't show it.
    """

    data: bytearray
    pts_s: float
    ticks: int
    broken: bool


@dataclass(slots=True)
class StreamFigures:
    """Counts since the session began."""

    received_bytes: int = 0
    packets: int = 0
    pictures: int = 0
    keyframes: int = 0
    key_interval_s: float | None = None


@dataclass(slots=True)
class PacketReader:
    """One session's bytes to keyframes. Receive into `room()`, then tell `received()` how much came.

    Attributes:
        wanted: asked at each keyframe's beginning with its pts; False leaves it in pieces.
        parameter_sets: by NAL type, from the description until the stream brings its own.
        refreshes: it told of pictures that become whole little by little (intra refresh).
    """

    codec: Codec
    channel: int
    clock_hz: int
    ring: PacketRing
    wanted: Callable[[float], bool]
    parameter_sets: dict[int, bytes] = field(default_factory=dict)
    figures: StreamFigures = field(default_factory=StreamFigures)
    report: SenderReport | None = None
    ssrc: int = 0
    last_seq: int = 0
    refreshes: bool = False
    _segment: Segment | None = None
    _at: int = 0
    _unit: AccessUnit | None = None
    _unit_ticks: int = 0
    _unit_seq: int = 0
    _unit_pts_s: float = 0.0
    _ticks: int | None = None
    _pts_ticks: int = 0
    _last_key_s: float | None = None
    _out: list[KeyPicture] = field(default_factory=list)

    def room(self, now_s: float) -> memoryview:
        """Where the next bytes go: at least 16 KiB."""
        segment = self._segment
        if segment is None:
            segment = self.ring.turn(now_s, b"")
        elif SEGMENT_BYTES - segment.used < _LEAST_ROOM_BYTES:
            segment = self.ring.turn(now_s, bytes(memoryview(segment.buffer)[self._at : segment.used]))
            self._at = 0
        self._segment = segment
        return memoryview(segment.buffer)[segment.used :]

    def received(self, count: int) -> list[KeyPicture]:
        """Go through what came; the wanted keyframes completed by it.

        Raises:
            SourceError: the stream lost its framing, or the camera said goodbye.
        """
        segment = self._segment
        assert segment is not None
        segment.used += count
        self.figures.received_bytes += count
        try:
            self._at = self._scan(segment.buffer, self._at, segment.used)
        finally:
            segment.whole = self._at
        done, self._out = self._out, []
        return done

    def _scan(self, b: bytearray, at: int, end: int) -> int:
        """Walk over whole packets from `at`; where the first cut-off one begins. Local names: this is the hot loop."""
        video, first, fragment = self.channel, self.codec.first, self.codec.fragment
        head = self.codec.header_bytes
        packets = pictures = 0
        while end - at >= 4:
            if b[at] != _MAGIC:
                after = message_end(b, at, end)
                if after == at:
                    break
                at = after
                continue
            after = at + 4 + (b[at + 2] << 8 | b[at + 3])
            if after > end:
                break
            if b[at + 1] == video:
                packets += 1
                pictures += b[at + 5] >> 7
                begin = at + 16
                if b[at + 4] != _PLAIN_RTP or after - begin <= head + 1:
                    begin, stop = rtp_payload(b, at + 4, after)
                    if stop - begin > head + 1:
                        self._packet(b, at, begin, stop)
                elif self._unit is not None:
                    self._packet(b, at, begin, after)
                else:
                    kind = first[b[begin]]
                    if kind and (kind != FRAGMENT or fragment[b[begin + head]]):
                        self._packet(b, at, begin, after)
            elif b[at + 1] == video + 1:
                self._control(bytes(memoryview(b)[at + 4 : after]))
            at = after
        self.figures.packets += packets
        self.figures.pictures += pictures
        return at

    def _packet(self, b: bytearray, at: int, begin: int, stop: int) -> None:
        """A packet that may belong to a keyframe: begin one, add to it, end it."""
        seq = b[at + 6] << 8 | b[at + 7]
        ticks = int.from_bytes(b[at + 8 : at + 12], "big")
        unit = self._unit
        if unit is not None and ticks != self._unit_ticks:
            unit.broken = unit.broken or seq != self._unit_seq  # its last packets may be the missing ones
            self._end_unit(unit)
            unit = None
        if unit is None:
            if not self._begins_key(b, begin, stop) or ticks == self._ticks:
                return  # also the rest of a keyframe that a message announced and nobody wanted
            self.ssrc, self.last_seq = int.from_bytes(b[at + 12 : at + 16], "big"), seq
            pts_s = self._keyframe(ticks)
            if not self.wanted(pts_s):
                return
            unit = self._unit = AccessUnit(self.codec, bytearray(annex_b(self.parameter_sets)))
            self._unit_ticks, self._unit_pts_s = ticks, pts_s
        elif seq != self._unit_seq:
            unit.broken = True
        self._unit_seq = (seq + 1) & 0xFFFF
        unit.add(b, begin, stop)
        if len(unit.data) > _MOST_PICTURE_BYTES:
            unit.broken = True
            unit.data.clear()
        if b[at + 5] & 0x80:
            self._end_unit(unit)

    def _begins_key(self, b: bytearray, begin: int, stop: int) -> bool:
        """Whether this packet holds the first slice of a keyframe; parameter sets on the way are remembered."""
        kind, head = self.codec.first[b[begin]], self.codec.header_bytes
        if kind == PARAMETERS:
            self.parameter_sets[self.codec.nal_type[b[begin]]] = bytes(b[begin:stop])
            return False
        if kind in (AGGREGATE, MESSAGE):
            whole = AccessUnit(self.codec)
            whole.add(b, begin, stop)
            self.parameter_sets |= whole.parameter_sets
            self.refreshes = self.refreshes or bool(whole.recovers_in)
            return whole.key
        if kind == FRAGMENT:
            # The first bit after a slice's header says that it is the picture's first.
            return bool(self.codec.fragment[b[begin + head]] and b[begin + head + 1] & 0x80)
        return bool(kind and b[begin + head] & 0x80)

    def _keyframe(self, ticks: int) -> float:
        """Count a keyframe; its time in the session."""
        if self._ticks is not None:
            self._pts_ticks += ticks_between(ticks, self._ticks)
        self._ticks = ticks
        pts_s = self._pts_ticks / self.clock_hz
        self.figures.keyframes += 1
        if self._last_key_s is not None and pts_s > self._last_key_s:
            self.figures.key_interval_s = pts_s - self._last_key_s
        self._last_key_s = pts_s
        return pts_s

    def _end_unit(self, unit: AccessUnit) -> None:
        self._unit = None
        self.parameter_sets |= unit.parameter_sets
        self._out.append(KeyPicture(unit.data, self._unit_pts_s, self._unit_ticks, unit.broken or not unit.key))

    def _control(self, data: bytes) -> None:
        report, goodbye = parse_rtcp(data)
        if report is not None:
            self.report = report
        if goodbye:
            raise SourceError("the camera ended the stream")


def message_end(b: bytearray, at: int, end: int) -> int:
    """Where the RTSP message at `at` (an answer to the keep-alive) ends; `at` when it is not whole yet.

    Raises:
        SourceError: it is not one.
    """
    if not 0x41 <= b[at] <= 0x5A:
        raise SourceError("the stream lost its framing")
    close = b.find(b"\r\n\r\n", at, end)
    if close < 0:
        if end - at > _MOST_MESSAGE_BYTES:
            raise SourceError("the stream lost its framing")
        return at
    size = 0
    for line in bytes(b[at:close]).split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-length" and value.strip().isdigit():
            size = int(value)
    if size > _MOST_MESSAGE_BYTES:
        raise SourceError("the stream lost its framing")
    after = close + 4 + size
    return after if after <= end else at


def rtp_payload(b: bytearray, begin: int, end: int) -> tuple[int, int]:
    """Where an RTP packet's payload lies when its header is not the plain one (RFC 3550 section 5.1)."""
    if end - begin < 12 or b[begin] >> 6 != 2:
        return end, end
    at = begin + 12 + 4 * (b[begin] & 15)
    if b[begin] & 0x10 and at + 4 <= end:
        at += 4 + 4 * (b[at + 2] << 8 | b[at + 3])
    stop = end - b[end - 1] if b[begin] & 0x20 else end
    return (at, stop) if at < stop else (end, end)
