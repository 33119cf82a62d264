"""One outgoing SIP call over UDP (RFC 3261, RFC 3264): as much of a telephone as talking to a horn takes."""

import secrets
import select
import socket
import time
from dataclasses import dataclass
from typing import Self

from vision.alerts.g711 import RATE_HZ, Law
from vision.alerts.speakers.digest import authorization
from vision.alerts.speakers.rtsp import parse_sdp
from vision.alerts.speakers.sip_message import SipMessage, answer, build, parse
from vision.core.errors import Rejected, RetryLater

_T1_S = 0.5  # RFC 3261, 17.1.1.1
_BUSY = frozenset({408, 480, 486, 500, 503, 504, 600})
_LARGEST_DATAGRAM = 65535


@dataclass(frozen=True, slots=True)
class Party:
    """Whom to call. `host`, `port`: where the requests go; `user`: its extension."""

    user: str
    host: str
    port: int
    password: str = ""
    login: str = ""

    @property
    def uri(self) -> str:
        return f"sip:{self.user + '@' if self.user else ''}{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Media:
    """Where the called party wants its sound, and in which code."""

    host: str
    port: int
    law: Law
    payload_type: int


class SipCall:
    """A call from its INVITE to its BYE. `media` is known once `dial` returned."""

    def __init__(self, party: Party, laws: tuple[Law, ...], *, timeout_s: float = 4.0, ring_s: float = 10.0) -> None:
        """`timeout_s`: until the first sign of life; `ring_s`: until somebody picks up."""
        self._party = party
        self._laws = laws
        self._timeout_s, self._ring_s = timeout_s, ring_s
        self._call_id, self._tag = f"{secrets.token_hex(12)}@streetward", secrets.token_hex(6)
        self._sequence = 1
        self._to = f"<{party.uri}>"
        self._target = party.uri
        self._routes: list[str] = []
        self._acknowledged: bytes | None = None
        self._secret: tuple[str, str] | None = None
        self.hung_up = False
        self.media: Media | None = None
        try:
            self._socket = _connected(party.host, party.port)
        except OSError as error:
            raise RetryLater(f"{party.uri} cannot be reached: {error}") from error
        self.local_host, self._local_port = self._socket.getsockname()[:2]
        self.sound = _bound_pair(self._socket.family, self.local_host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def dial(self) -> str:
        """Call and wait until it is answered; returns the answer's first line.

        Raises:
            RetryLater: no answer, busy, unavailable.
            Rejected: refused, unknown, wrong password, or no G.711.
        """
        for attempt in range(2):
            final = self._invite()
            if final.status in {401, 407} and attempt == 0 and self._party.password:
                self._authenticate(final)
                continue
            if final.status // 100 == 2:
                return f"SIP {final.status} {final.reason}"
            words = f"{self._party.uri} answered the call with {final.status} {final.reason}"
            raise RetryLater(words) if final.status in _BUSY else Rejected(words)
        raise AssertionError("unreachable: the second answer was final")

    def attend(self) -> None:
        """Take what the other side said meanwhile; `hung_up` tells if it ended the call. Never waits."""
        while (message := self._receive(0.0)) is not None:
            self._mind(message)

    def close(self) -> None:
        """Hang up, and wait a moment for the other side to agree."""
        try:
            if self._acknowledged is not None and not self.hung_up:
                self._sequence += 1
                bye = self._request("BYE", self._target, self._sequence)
                self._until_answered(bye, "BYE", within_s=2.0)
        except RetryLater:
            pass  # it is gone: so is the call
        finally:
            self._socket.close()
            for one in self.sound:
                one.close()

    def _invite(self) -> SipMessage:
        branch = _branch()
        sequence = self._sequence
        invite = self._request("INVITE", self._party.uri, sequence, branch=branch, body=self._offer())
        resend_s, began_s, ringing = _T1_S, time.monotonic(), False
        next_s = began_s + resend_s
        self._send(invite)
        while True:
            now_s = time.monotonic()
            waited_s = now_s - began_s
            if not ringing and waited_s > self._timeout_s:
                raise RetryLater(f"{self._party.uri} did not answer")
            if waited_s > self._ring_s:
                self._send(self._request("CANCEL", self._party.uri, sequence, branch=branch))
                self._receive(_T1_S)
                raise RetryLater(f"{self._party.uri} rang for {self._ring_s:g} s and did not pick up")
            if not ringing and now_s >= next_s:
                self._send(invite)
                resend_s *= 2
                next_s = now_s + resend_s
            message = self._receive(0.1)
            if message is None or message.sequence != (sequence, "INVITE") or message.status == 0:
                continue
            ringing = True
            if message.status >= 200:
                self._acknowledge(message, sequence, branch)
                return message

    def _acknowledge(self, final: SipMessage, sequence: int, branch: str) -> None:
        self._to = final.header("to") or self._to
        if final.status // 100 == 2:
            self._target = final.contact or self._party.uri
            self._routes = list(reversed(final.headers.get("record-route", ())))
            self._acknowledged = self._request("ACK", self._target, sequence)
            self._send(self._acknowledged)
            self.media = self._accepted(final)
        else:
            self._send(self._request("ACK", self._party.uri, sequence, branch=branch))
            self._to = f"<{self._party.uri}>"

    def _authenticate(self, challenge: SipMessage) -> None:
        proxy = challenge.status == 407
        values = challenge.headers.get("proxy-authenticate" if proxy else "www-authenticate", ())
        self._sequence += 1
        login = self._party.login or self._party.user
        secret = authorization(values, method="INVITE", uri=self._party.uri, user=login, password=self._party.password)
        self._secret = ("Proxy-Authorization" if proxy else "Authorization", secret)

    def _offer(self) -> str:
        kind = "IP6" if self._socket.family == socket.AF_INET6 else "IP4"
        types = " ".join(str(law.payload_type) for law in self._laws)
        maps = "".join(f"a=rtpmap:{law.payload_type} {law.value}/{RATE_HZ}\r\n" for law in self._laws)
        number, port = secrets.randbits(31), self.sound[0].getsockname()[1]
        return (
            f"v=0\r\no=streetward {number} {number} IN {kind} {self.local_host}\r\ns=announcement\r\n"
            f"c=IN {kind} {self.local_host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {types}\r\n{maps}"
            "a=ptime:20\r\na=sendrecv\r\n"
        )

    def _accepted(self, final: SipMessage) -> Media:
        hosts = [line.split()[-1].partition("/")[0] for line in final.body.splitlines() if line.startswith("c=")]
        ports = [line.split()[1].partition("/")[0] for line in final.body.splitlines() if line.startswith("m=audio ")]
        for track in parse_sdp(final.body):
            for payload_type, name, rate_hz in track.codecs if track.kind == "audio" else ():
                if name in {law.value for law in self._laws} and rate_hz == RATE_HZ and hosts and int(ports[0]):
                    # A connection line inside the medium's section beats the session's; it comes later.
                    return Media(hosts[-1], int(ports[0]), Law(name), payload_type)
        raise Rejected(f"{self._party.uri} answered, but takes no G.711")

    def _request(self, method: str, uri: str, sequence: int, *, branch: str = "", body: str = "") -> bytes:
        local = f"{self.local_host}:{self._local_port}"
        headers = [
            ("Via", f"SIP/2.0/UDP {local};branch={branch or _branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", f'"Streetward" <sip:streetward@{local}>;tag={self._tag}'),
            ("To", self._to),
            ("Call-ID", self._call_id),
            ("CSeq", f"{sequence} {method}"),
            ("User-Agent", "Streetward"),
        ]
        headers += [("Route", route) for route in self._routes]
        if self._secret is not None and method in {"INVITE", "ACK"}:
            headers.append(self._secret)
        if method == "INVITE":
            # Horns and intercoms pick up at once on one of these (RFC 5373 and the usage before it).
            headers += [
                ("Contact", f"<sip:streetward@{local}>"),
                ("Answer-Mode", "Auto"),
                ("Call-Info", f"<sip:{local}>;answer-after=0"),
                ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer"),
                ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"),
                ("Content-Type", "application/sdp"),
            ]
        return build(f"{method} {uri} SIP/2.0", headers, body)

    def _until_answered(self, request: bytes, method: str, *, within_s: float) -> None:
        began_s = time.monotonic()
        while time.monotonic() - began_s < within_s:
            self._send(request)
            message = self._receive(_T1_S)
            if message is not None and message.status and message.sequence[1] == method:
                return
            if message is not None:
                self._mind(message)

    def _mind(self, message: SipMessage) -> None:
        if message.header("call-id") != self._call_id:
            if message.method and message.method != "ACK":
                self._send(answer(message, 481, "Call Does Not Exist"))
        elif message.status // 100 == 2 and message.sequence[1] == "INVITE" and self._acknowledged is not None:
            self._send(self._acknowledged)  # our ACK was lost
        elif message.method == "BYE":
            self.hung_up = True
            self._send(answer(message, 200, "OK"))
        elif message.method == "INVITE":
            self._send(answer(message, 488, "Not Acceptable Here"))  # the sound stays where it is
        elif message.method and message.method != "ACK":
            self._send(answer(message, 200, "OK"))

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError as error:
            raise RetryLater(f"{self._party.uri} cannot be reached: {error}") from error

    def _receive(self, wait_s: float) -> SipMessage | None:
        try:
            if not select.select([self._socket], [], [], wait_s)[0]:
                return None
            return parse(self._socket.recv(_LARGEST_DATAGRAM))
        except OSError as error:
            raise RetryLater(f"{self._party.uri} cannot be reached: {error}") from error


def _branch() -> str:
    return "z9hG4bK" + secrets.token_hex(8)


def _connected(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, peer = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    one = socket.socket(family, kind, protocol)
    one.connect(peer)
    return one


def _bound_pair(family: socket.AddressFamily, host: str) -> tuple[socket.socket, socket.socket]:
    """RTP on an even port and RTCP on the next (RFC 3550, 11)."""
    for _ in range(50):
        first = socket.socket(family, socket.SOCK_DGRAM)
        first.bind((host, 0))
        port = first.getsockname()[1]
        second = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                second.bind((host, port + 1))
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise RetryLater("no pair of ports is free for the call's sound")
