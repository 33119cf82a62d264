"""G.711 over RTP (RFC 3550, RFC 3551): the packets, and speakers that listen on a unicast or multicast address."""

import contextlib
import ipaddress
import secrets
import socket
import struct
import threading
from dataclasses import dataclass, field

from vision.alerts import g711
from vision.alerts.audio import Samples, Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, address_of, choice_of, number_of, options_of, paced
from vision.core.clock import Clock
from vision.core.errors import ConfigError, RetryLater
from vision.core.registry import Speaker

_REPORT_EVERY = 250  # packets: 5 s, RFC 3550's least interval
_HEADER = struct.Struct("!BBHII")


@dataclass(slots=True)
class Packetiser:
    """Turns frames into RTP packets of one stream. `rate_hz`: sample clock, also RTP's."""

    law: Law
    payload_type: int
    rate_hz: int = g711.RATE_HZ
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(16))
    timestamp: int = field(default_factory=lambda: secrets.randbits(32))
    packets: int = 0
    octets: int = 0

    def packet(self, frame: Samples) -> bytes:
        payload = g711.encode(frame, self.law)
        marker = 0x80 if self.packets == 0 else 0  # RFC 3551, 4.1: first packet of a talkspurt
        header = _HEADER.pack(0x80, marker | self.payload_type, self.sequence, self.timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + len(payload)) & 0xFFFFFFFF
        self.packets += 1
        self.octets += len(payload)
        return header + payload

    def sender_report(self, now_s: float) -> bytes:
        """RTCP SR (RFC 3550, 6.4.1) with a CNAME; `now_s` since 1970."""
        ntp = round((now_s + 2_208_988_800) * 2**32)
        report = struct.pack("!BBHIQIII", 0x80, 200, 6, self.ssrc, ntp, self.timestamp, self.packets, self.octets)
        name = b"speaker@streetward"
        item = struct.pack("!BB", 1, len(name)) + name
        item += bytes(4 - len(item) % 4)
        return report + struct.pack("!BBHI", 0x81, 202, 1 + len(item) // 4, self.ssrc) + item

    def goodbye(self, now_s: float) -> bytes:
        """A last report and RTCP BYE (RFC 3550, 6.6): the receiver need not wait for more."""
        return self.sender_report(now_s) + struct.pack("!BBHI", 0x81, 203, 1, self.ssrc)


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> RtpPacket | None:
    """None for what is no RTP version 2 packet."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start = 12 + 4 * (first & 15)
    if first & 0x10 and len(data) >= start + 4:
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    end = len(data) - (data[-1] if first & 0x20 else 0)
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[start:end])


def received_of(report: bytes, ssrc: int) -> tuple[int, int] | None:
    """(packets lost, highest sequence) that a compound RTCP packet reports of our stream, if it does."""
    at = 0
    while at + 8 <= len(report):
        count, kind = report[at] & 31, report[at + 1]
        length = 4 * (int.from_bytes(report[at + 2 : at + 4]) + 1)
        first_block = {200: 28, 201: 8}.get(kind)
        if first_block is not None:
            for block in range(count):
                start = at + first_block + 24 * block
                if start + 24 <= len(report) and int.from_bytes(report[start : start + 4]) == ssrc:
                    lost = int.from_bytes(report[start + 5 : start + 8], signed=True)
                    return lost, int.from_bytes(report[start + 10 : start + 12])
        at += length
    return None


class RtpSpeaker:
    """`url`: rtp://host:port, unicast or a multicast group. Options: codec (pcmu, pcma); of multicast ttl and
    interface (this machine's IPv4 address to send from).

    Nothing comes back on this road: the proof says what left, and a microphone has to say what was heard.
    """

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._address = address_of(speaker, "rtp")
        if self._address.port is None:
            raise ConfigError(f"speakers.{speaker.id}.url: should name a port")
        options = options_of(speaker, codec="pcmu", ttl="8", interface="")
        self._law = Law.MU if choice_of(speaker, options, "codec", "pcmu", "pcma") == "pcmu" else Law.A
        self._interface = options["interface"]
        self._ttl = number_of(speaker, options, "ttl")

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        stream = Packetiser(self._law, self._law.payload_type)
        began_at = self._clock.now()
        try:
            with self._socket(0) as sender, self._socket(1) as control:
                for frame in paced(sound, g711.RATE_HZ, self._clock, stop):
                    sender.send(stream.packet(frame))
                    if stream.packets % _REPORT_EVERY == 1:
                        self._tell(control, stream.sender_report(self._clock.now().timestamp()))
                self._tell(control, stream.goodbye(self._clock.now().timestamp()))
        except OSError as error:
            raise RetryLater(f"loudspeaker {self._speaker.id} cannot be reached: {error}") from error
        duration_s = stream.octets / g711.RATE_HZ
        detail = {"packets": stream.packets, "codec": self._law.value}
        return Proof("rtp", began_at, duration_s, stream.octets, "sent, not acknowledged", stop.is_set(), detail)

    @staticmethod
    def _tell(control: socket.socket, report: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # many horns do not listen for reports
            control.send(report)

    def _socket(self, offset: int) -> socket.socket:
        """Connected to the speaker's RTP port (0) or RTCP port (1)."""
        assert self._address.port is not None
        family, kind, protocol, _, peer = socket.getaddrinfo(
            self._address.host, self._address.port + offset, type=socket.SOCK_DGRAM
        )[0]
        sender = socket.socket(family, kind, protocol)
        if ipaddress.ip_address(str(peer[0])).is_multicast:
            level, name = (
                (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS)
                if family == socket.AF_INET6
                else (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL)
            )
            sender.setsockopt(level, name, self._ttl)
            if self._interface:
                sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._interface))
        sender.connect(peer)
        return sender
