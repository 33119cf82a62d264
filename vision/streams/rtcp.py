"""RTCP as a receiver needs it (RFC 3550 section 6): sender reports in, receiver reports out."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NTP_EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_ERA = timedelta(seconds=2**32)
_SENDER_REPORT, _GOODBYE = 200, 203


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's clock at an RTP timestamp."""

    ssrc: int
    at: datetime
    rtp_ticks: int


def parse_rtcp(data: bytes) -> tuple[SenderReport | None, bool]:
    """The last sender report of a compound packet, and whether the camera said goodbye. Malformed ends it."""
    report, goodbye, at = None, False, 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        size = (words + 1) * 4
        if first >> 6 != 2 or at + size > len(data):
            break
        if kind == _SENDER_REPORT and size >= 28:
            ssrc, seconds, fraction, ticks = struct.unpack_from("!IIII", data, at + 4)
            if seconds:
                report = SenderReport(ssrc, ntp_time(seconds, fraction), ticks)
        goodbye = goodbye or kind == _GOODBYE
        at += size
    return report, goodbye


def ntp_time(seconds: int, fraction: int) -> datetime:
    """A 64-bit NTP stamp as UTC. Stamps before 1968 are of the era that begins in 2036 (RFC 4330 section 3)."""
    at = _NTP_EPOCH + timedelta(seconds=seconds + fraction / 2**32)
    return at if seconds & 0x80000000 else at + _ERA


def ticks_between(later: int, earlier: int) -> int:
    """Signed difference of two 32-bit RTP timestamps: right over a wrap, for distances under 2^31 ticks."""
    return (later - earlier + 2**31) % 2**32 - 2**31


def receiver_report(own_ssrc: int, camera_ssrc: int, highest_seq: int) -> bytes:
    """A report that nothing was lost: RTSP over TCP loses nothing, but some cameras end a session without any."""
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, own_ssrc, camera_ssrc, 0, highest_seq, 0, 0, 0)
