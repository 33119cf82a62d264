import hypothesis.strategies as st
import pytest
from hypothesis import given

from vision.streams.nal import CODECS, START_CODE, AccessUnit, annex_b

H264, HEVC = CODECS["h264"], CODECS["hevc"]


def put(unit: AccessUnit, payload: bytes) -> None:
    buffer = bytearray(b"before" + payload + b"after")
    unit.add(buffer, 6, 6 + len(payload))


@given(body=st.binary(min_size=1, max_size=4000), size=st.integers(1, 1400), hevc=st.booleans())
def test_fragments_come_together_as_the_unit_they_were_cut_from(body: bytes, size: int, *, hevc: bool) -> None:
    codec = HEVC if hevc else H264
    header = bytes([19 << 1, 1]) if hevc else bytes([0x65])
    indicator = bytes([49 << 1, 1]) if hevc else bytes([0x60 | 28])
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    unit = AccessUnit(codec)
    for n, piece in enumerate(pieces):
        flags = (0x80 if n == 0 else 0) | (0x40 if n == len(pieces) - 1 else 0)
        put(unit, indicator + bytes([flags | (19 if hevc else 5)]) + piece)
    assert bytes(unit.data) == START_CODE + header + body
    assert unit.key
    assert not unit.broken


def test_aggregate_gives_parameter_sets_and_slices() -> None:
    unit = AccessUnit(H264)
    parts = [b"\x67sps", b"\x68pps", b"\x65slice"]
    put(unit, b"\x78" + b"".join(len(part).to_bytes(2, "big") + part for part in parts))
    assert unit.parameter_sets == {7: b"\x67sps", 8: b"\x68pps"}
    assert annex_b(unit.parameter_sets) + unit.data == b"".join(START_CODE + part for part in parts)


@pytest.mark.parametrize("payload", [b"\x78\x00\xffshort", b"\x7c", b"\x7c\x05middle of nothing", b"\x78\x00\x00\x01"])
def test_malformed_packets_break_the_unit_quietly(payload: bytes) -> None:
    unit = AccessUnit(H264)
    put(unit, payload)
    assert unit.broken


@given(payload=st.binary(max_size=200), hevc=st.booleans())
def test_no_payload_raises(payload: bytes, *, hevc: bool) -> None:
    put(AccessUnit(HEVC if hevc else H264), payload)


@pytest.mark.parametrize(("codec", "keys"), [(H264, {5}), (HEVC, set(range(16, 22)))])
def test_tables_know_keyframes(codec: object, keys: set[int]) -> None:
    table = H264 if codec is H264 else HEVC
    assert {table.nal_type[byte] for byte in range(256) if table.first[byte] == 1} == keys
