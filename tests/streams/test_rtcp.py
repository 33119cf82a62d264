import struct
from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import given

from vision.streams.rtcp import ntp_time, parse_rtcp, receiver_report, ticks_between


def test_sender_report_in_a_compound_packet() -> None:
    report = struct.pack("!BBHIIIIII", 0x80, 200, 6, 7, 3_991_680_000, 1 << 31, 900, 1, 2)
    description = struct.pack("!BBHI", 0x81, 202, 1, 7)
    parsed, goodbye = parse_rtcp(report + description)
    assert parsed is not None
    assert (parsed.ssrc, parsed.rtp_ticks, goodbye) == (7, 900, False)
    assert parsed.at == datetime(2026, 6, 29, 0, 0, 0, 500_000, tzinfo=UTC)


def test_goodbye_and_unset_clock() -> None:
    unset = struct.pack("!BBHIIIIII", 0x80, 200, 6, 7, 0, 0, 900, 1, 2)
    assert parse_rtcp(unset + struct.pack("!BBHI", 0x81, 203, 1, 7)) == (None, True)


def test_ntp_era_after_2036() -> None:
    assert ntp_time(0x80000000, 0).year == 1968
    assert ntp_time(1, 0) == datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC)


@given(data=st.binary(max_size=100))
def test_no_packet_raises(data: bytes) -> None:
    parse_rtcp(data)


@given(start=st.integers(0, 2**32 - 1), step=st.integers(-(2**31) + 1, 2**31 - 1))
def test_ticks_between_is_right_over_a_wrap(start: int, step: int) -> None:
    assert ticks_between((start + step) % 2**32, start) == step


def test_receiver_report_is_well_formed() -> None:
    data = receiver_report(1, 2, 3)
    assert (len(data) // 4 - 1, data[1]) == (int.from_bytes(data[2:4], "big"), 201)
