"""Evidence clips out of the ring: the camera's own compressed pictures remuxed to MP4, nothing re-encoded.

An H.265 clip is kept as the camera made it (that is what evidence asks for); browsers without H.265 get the
H.264 copy that `browser_copy` makes of it.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vision.core.errors import SourceError
from vision.streams.nal import AccessUnit, Codec, annex_b
from vision.streams.packet_reader import message_end, rtp_payload
from vision.streams.picture import fitted
from vision.streams.rtcp import ticks_between


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """One access unit in Annex B, keyframes with their parameter sets before them."""

    data: bytes
    ticks: int
    key: bool


def coded_pictures(
    segments: Iterable[tuple[bytearray, int]], codec: Codec, channel: int, parameter_sets: dict[int, bytes]
) -> Iterator[CodedPicture]:
    """Whole pictures of a stretch of interleaved packets, from its first keyframe on.

    A picture that misses packets is left out, and those after it until the next keyframe: they would smear.
    """
    sets, unit, ticks, next_seq, sound = dict(parameter_sets), AccessUnit(codec), -1, -1, False
    for buffer, at, begin, stop in _packets(segments, channel):
        seq = buffer[at + 6] << 8 | buffer[at + 7]
        now = int.from_bytes(buffer[at + 8 : at + 12], "big")
        gap = next_seq >= 0 and seq != next_seq
        next_seq = (seq + 1) & 0xFFFF
        if now != ticks:
            unit.broken = unit.broken or gap  # the missing may be this one's end or the next one's beginning
            sets |= unit.parameter_sets
            sound = not unit.broken and (sound or unit.key)
            if sound and unit.data:
                yield CodedPicture((annex_b(sets) if unit.key else b"") + unit.data, ticks, unit.key)
            unit, ticks = AccessUnit(codec), now
        unit.broken = unit.broken or gap
        unit.add(buffer, begin, stop)
    # The last picture may still be arriving: only a marker says that it is whole, and the next one says it as well.


def newest_key(
    segments: list[tuple[bytearray, int]], codec: Codec, channel: int, parameter_sets: dict[int, bytes]
) -> CodedPicture | None:
    """The last whole keyframe that is held. Looks from the end backwards: it mostly came just now."""
    count = 2
    while segments:
        last = segments[-count:]
        keys = [picture for picture in coded_pictures(last, codec, channel, parameter_sets) if picture.key]
        if keys:
            return keys[-1]
        if count >= len(segments):
            break
        count *= 4
    return None


def _packets(segments: Iterable[tuple[bytearray, int]], channel: int) -> Iterator[tuple[bytearray, int, int, int]]:
    """Each video packet: its buffer, where it begins, and its payload's begin and end."""
    for buffer, whole in segments:
        at = 0
        while at + 4 <= whole:
            if buffer[at] != 0x24:
                after = message_end(buffer, at, whole)  # an answer to the keep-alive
                if after == at:
                    break
                at = after
                continue
            after = at + 4 + (buffer[at + 2] << 8 | buffer[at + 3])
            if buffer[at + 1] == channel:
                begin, stop = rtp_payload(buffer, at + 4, after)
                if begin < stop:
                    yield buffer, at, begin, stop
            at = after


def cut(pictures: Iterable[CodedPicture], begin_ticks: int, end_ticks: int) -> list[CodedPicture]:
    """Those from the last keyframe not after `begin_ticks` (else the first one) up to `end_ticks`."""
    chosen: list[CodedPicture] = []
    for picture in pictures:
        if ticks_between(picture.ticks, end_ticks) > 0:
            break
        if picture.key and ticks_between(picture.ticks, begin_ticks) <= 0:
            chosen.clear()
        chosen.append(picture)
    return chosen


def remux(codec: str, pictures: list[CodedPicture], clock_hz: int) -> bytes:
    """An MP4 of the pictures with their own timing, index first so that a browser plays it while it loads.

    Raises:
        SourceError: there is no keyframe in it.
    """
    if not pictures or not pictures[0].key:
        raise SourceError("no keyframe in what is held of the stream")
    target = io.BytesIO()
    base = Fraction(1, clock_hz)
    try:
        with (
            av.open(io.BytesIO(pictures[0].data), format=codec) as elementary,
            av.open(target, "w", format="mp4", options=_index_first(len(pictures))) as container,
        ):
            stream = container.add_stream_from_template(elementary.streams.video[0])
            if codec == "hevc":
                stream.codec_context.codec_tag = "hvc1"  # the only tag that Safari plays
            stream.time_base = base
            last = -1
            for picture in pictures:
                packet = Packet(picture.data)
                at = max(last + 1, ticks_between(picture.ticks, pictures[0].ticks))
                packet.pts = packet.dts = last = at
                packet.time_base, packet.stream = base, stream
                packet.is_keyframe = picture.key
                container.mux(packet)
    except av.error.FFmpegError as error:
        raise SourceError(f"cannot write the clip: {error.strerror}") from None
    return target.getvalue()


def _index_first(pictures: int) -> dict[str, str]:
    """Muxer options that leave room for the index at the beginning (`faststart` would reopen the file by name)."""
    return {"moov_size": str(4096 + 40 * pictures)}


def playable(clip: bytes) -> bytes:
    """The clip itself when it is H.264, which every browser plays; else its copy.

    Raises:
        SourceError: the clip cannot be read.
    """
    try:
        with av.open(io.BytesIO(clip), "r") as container:
            codec = container.streams.video[0].codec_context.name
    except (av.error.FFmpegError, IndexError) as error:
        raise SourceError(f"cannot read the clip: {getattr(error, 'strerror', 'no video in it')}") from None
    return clip if codec == "h264" else browser_copy(clip)


def browser_copy(clip: bytes, *, longest_px: int = 1280, kbit_s: int = 2000) -> bytes:
    """An H.264 copy that every browser plays. For showing; the evidence stays the original.

    Raises:
        SourceError: the clip cannot be read.
    """
    target = io.BytesIO()
    try:
        with (
            av.open(io.BytesIO(clip), "r") as source,
            av.open(target, "w", format="mp4", options={"movflags": "+frag_keyframe+empty_moov"}) as container,
        ):
            video = source.streams.video[0]
            width, height = fitted(video.width - video.width % 2, video.height - video.height % 2, longest_px)
            options = {"preset": "veryfast", "profile": "main", "b": f"{kbit_s}k"}
            stream = container.add_stream("libx264", rate=video.average_rate or 25, options=options)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = video.time_base or Fraction(1, 90_000)
            last = -1
            for picture in source.decode(video):
                small: VideoFrame = picture.reformat(width, height, "yuv420p")
                if picture.pts is None or picture.pts <= last:
                    continue
                small.pts, small.time_base, last = picture.pts, picture.time_base, picture.pts
                container.mux(stream.encode(small))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, IndexError) as error:
        raise SourceError(f"cannot copy the clip: {getattr(error, 'strerror', 'no video in it')}") from None
    return target.getvalue()
