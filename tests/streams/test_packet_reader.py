"""The packet loop on bytes that come in any pieces, and on bytes that no camera should send."""

import struct
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vision.core.errors import SourceError
from vision.sandbox.camera_packets import packetise
from vision.streams.nal import CODECS
from vision.streams.packet_reader import KeyPicture, PacketReader, rtp_payload
from vision.streams.ring import SEGMENT_BYTES, PacketRing

REPLY = b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 5\r\n\r\nhello"
GOODBYE = struct.pack("!BBHBBHI", 0x24, 1, 8, 0x81, 203, 1, 7)


def reader(*, wanted: bool = True, ring_s: float = 0.0, most_bytes: int = 0) -> PacketReader:
    return PacketReader(CODECS["h264"], 0, 90_000, PacketRing(ring_s, most_bytes), lambda _pts_s: wanted)


def feed(packets: PacketReader, data: bytes, pieces: list[int]) -> list[KeyPicture]:
    """The bytes in pieces of the given sizes, over and over."""
    out: list[KeyPicture] = []
    at, n = 0, 0
    while at < len(data):
        room = packets.room(float(n))
        size = min(pieces[n % len(pieces)], len(room), len(data) - at)
        room[:size] = data[at : at + size]
        at, n = at + size, n + 1
        out += packets.received(size)
    return out


def numbered(footage: Path, lost: tuple[int, int] | None = None) -> bytes:
    """Two seconds of a camera with an answer to a keep-alive between packets; one packet of one picture may be lost."""
    out, seq = bytearray(), 65_500
    for n, frame in enumerate(packetise(footage / "small.mp4").frames[:50]):
        data = bytearray(frame.buffer.tobytes())
        ends = [*(int(header) - 4 for header in frame.headers[1:]), len(data)]
        for k, (header, end) in enumerate(zip(frame.headers, ends, strict=True)):
            struct.pack_into("!HII", data, int(header) + 2, seq & 0xFFFF, (2**32 - 40_000 + n * 3600) % 2**32, 7)
            seq += 1
            if lost is None or (n, k - len(ends)) != lost:
                out += data[int(header) - 4 : end]
        if n % 7 == 0:
            out += REPLY
    return bytes(out)


@pytest.fixture(scope="module")
def stream(footage: Path) -> bytes:
    return numbered(footage)


@given(pieces=st.lists(st.integers(1, 5000), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_pictures_do_not_depend_on_how_the_bytes_come(stream: bytes, pieces: list[int]) -> None:
    whole = feed(reader(), stream, [SEGMENT_BYTES])
    split = feed(reader(), stream, [*pieces, 900])
    assert [round(picture.pts_s, 3) for picture in whole] == [0.0, 0.4, 0.8, 1.2, 1.6]
    assert split == whole
    assert not any(picture.broken for picture in whole)
    assert whole[0].data.startswith(b"\x00\x00\x00\x01\x67")


def test_unwanted_keyframes_are_counted_and_left_alone(stream: bytes) -> None:
    packets = reader(wanted=False)
    assert feed(packets, stream, [1000]) == []
    assert (packets.figures.keyframes, packets.figures.pictures) == (5, 50)
    assert packets.figures.key_interval_s == pytest.approx(0.4)
    assert packets.figures.received_bytes == len(stream)


@pytest.mark.parametrize("which", [-1, -2])
def test_a_lost_packet_breaks_only_its_picture(footage: Path, which: int) -> None:
    pictures = feed(reader(), numbered(footage, lost=(20, which)), [4096])
    assert [picture.broken for picture in pictures] == [False, False, True, False, False]


def test_goodbye_and_lost_framing_end_the_session(stream: bytes) -> None:
    with pytest.raises(SourceError, match="ended the stream"):
        feed(reader(), stream + GOODBYE, [4096])
    with pytest.raises(SourceError, match="framing"):
        feed(reader(), stream + b"\x00garbage", [4096])
    with pytest.raises(SourceError, match="framing"):
        feed(reader(), b"RTSP/1.0 200 OK\r\n" + b"x" * 200_000, [4096])


@given(data=st.binary(min_size=1, max_size=3000), at=st.integers(0, 20_000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_pictures_or_a_source_error(stream: bytes, data: bytes, at: int) -> None:
    try:
        feed(reader(), stream[:at] + data + stream[at + len(data) :], [1500])
    except SourceError:
        return


@given(header=st.binary(min_size=12, max_size=40))
def test_payload_bounds_stay_in_the_packet(header: bytes) -> None:
    begin, stop = rtp_payload(bytearray(header), 0, len(header))
    assert 0 <= begin <= stop <= len(header)


def test_extension_and_padding_are_left_out() -> None:
    extended = b"\x90\x60" + bytes(10) + b"\xbe\xde\x00\x01abcd" + b"payload"
    assert rtp_payload(bytearray(extended), 0, len(extended)) == (20, 27)
    padded = b"\xa0\x60" + bytes(10) + b"payload" + b"\x00\x00\x03"
    assert rtp_payload(bytearray(padded), 0, len(padded)) == (12, 19)


def test_ring_is_bounded_in_time_and_bytes(stream: bytes) -> None:
    packets = reader(ring_s=5.0, most_bytes=4 * SEGMENT_BYTES)
    for _ in range(30):
        packets._at = packets._segment.used if packets._segment else 0
        feed(packets, stream, [4096])
        assert packets.ring.held_bytes() <= 4 * SEGMENT_BYTES
    ring = PacketRing(10.0, 100 * SEGMENT_BYTES)
    for second in range(60):
        ring.turn(float(second), b"")
    assert 10 <= len(ring.segments()) <= 13
