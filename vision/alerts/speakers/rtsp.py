"""A small RTSP 1.0 client (RFC 2326) with RTP interleaved on its connection: what talking to a camera takes."""

import contextlib
import math
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from vision.alerts.speakers.digest import authorization
from vision.alerts.speakers.driver import Address
from vision.core.errors import Rejected, RetryLater

BACKCHANNEL = "www.onvif.org/ver20/backchannel"
_BUSY = frozenset({408, 453, 500, 503, 504})
_LARGEST_BYTES = 1 << 20
_STATIC = {"0": "PCMU/8000", "8": "PCMA/8000"}  # RFC 3551, table 4


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes = b""

    def header(self, name: str) -> str:
        """The first value, empty without any."""
        return next(iter(self.headers.get(name, ())), "")


@dataclass(frozen=True, slots=True)
class Track:
    """One medium of a session description (RFC 8866). `direction` as the description has it."""

    kind: str
    control: str
    direction: str
    codecs: tuple[tuple[int, str, int], ...]  # payload type, name in capitals, clock rate


class RtspClient:
    """One connection, one session. `received` gets (channel, packet) of interleaved data, on the reader's thread."""

    def __init__(
        self,
        address: Address,
        *,
        timeout_s: float = 5.0,
        received: Callable[[int, bytes], None] = lambda _channel, _packet: None,
    ) -> None:
        """Connects; raises RetryLater when nobody answers."""
        self._address = address
        self._received = received
        self._timeout_s = timeout_s
        self._sequence = 0
        self._session = ""
        self._challenges: tuple[str, ...] = ()
        self._base = address.url
        self._answers: queue.Queue[Answer | None] = queue.Queue()
        self._writing = threading.Lock()
        self._fault = ""
        tls = address.url.startswith("rtsps:")
        port = address.port or (322 if tls else 554)
        try:
            self._socket = socket.create_connection((address.host, port), timeout_s)
            if tls:
                self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=address.host)
        except OSError as error:
            raise RetryLater(f"{address.url} is offline: {error}") from error
        # The reader waits as long as it takes; only sending may time out, and connecting did.
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", math.ceil(timeout_s), 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._reader = threading.Thread(target=self._read, name="rtsp-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session politely, whatever happened before."""
        if self._session:
            with contextlib.suppress(RetryLater, Rejected):
                self._exchange("TEARDOWN", self._base, {})
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._reader.join(self._timeout_s)

    def describe(self, *, require: str = "") -> tuple[Track, ...]:
        """The tracks on offer.

        Raises:
            RetryLater: busy, or gone.
            Rejected: refused.
        """
        headers = {"Accept": "application/sdp"} | ({"Require": require} if require else {})
        answer = self._checked("DESCRIBE", self._address.url, headers)
        self._base = answer.header("content-base") or answer.header("content-location") or self._address.url
        return parse_sdp(answer.body.decode(errors="replace"))

    def setup(self, track: Track, channel: int, *, require: str = "") -> None:
        """Bind a track to the interleaved channels `channel` (RTP) and `channel` + 1 (RTCP); raises as `describe`."""
        headers = {"Transport": f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"}
        if require:
            headers["Require"] = require
        answer = self._checked("SETUP", self._control(track), headers)
        self._session = answer.header("session").partition(";")[0].strip()

    def play(self, *, require: str = "") -> None:
        headers = {"Range": "npt=0.000-"} | ({"Require": require} if require else {})
        self._checked("PLAY", self._base, headers)

    def keep_alive(self) -> None:
        """Tell the server that somebody is still here; its answer is not waited for."""
        self._send(self._request("OPTIONS", self._base, {}))

    def send(self, channel: int, packet: bytes) -> None:
        """Raises RetryLater when the connection is gone."""
        self._send(b"$" + bytes([channel]) + len(packet).to_bytes(2) + packet)

    def _control(self, track: Track) -> str:
        if track.control in {"", "*"}:
            return self._base
        if "://" in track.control:
            return track.control
        # RFC 2326, C.1.1, as devices do it: appended to the base, whatever the base's query.
        return self._base.rstrip("/") + "/" + track.control

    def _checked(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        answer = self._exchange(method, url, headers)
        if answer.status == 401:
            self._challenges = answer.headers.get("www-authenticate", ())
            answer = self._exchange(method, url, headers)
        if answer.status // 100 == 2:
            return answer
        words = f"{self._address.url} answered {method} with {answer.status} {answer.reason}"
        raise RetryLater(words) if answer.status in _BUSY else Rejected(words)

    def _exchange(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        while not self._answers.empty():  # answers to keep-alives that nobody waited for
            self._answers.get_nowait()
        self._send(self._request(method, url, headers))
        while True:
            try:
                answer = self._answers.get(timeout=self._timeout_s)
            except queue.Empty:
                raise RetryLater(f"{self._address.url} did not answer {method}") from None
            if answer is None:
                raise RetryLater(f"{self._address.url} closed the connection: {self._fault or 'no reason given'}")
            if answer.header("cseq") in {"", str(self._sequence)}:
                return answer

    def _request(self, method: str, url: str, headers: Mapping[str, str]) -> bytes:
        self._sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: Streetward"]
        if self._session:
            lines.append(f"Session: {self._session}")
        if self._challenges:
            secret = authorization(
                self._challenges, method=method, uri=url, user=self._address.user, password=self._address.password
            )
            lines.append(f"Authorization: {secret}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _send(self, data: bytes) -> None:
        try:
            with self._writing:
                self._socket.sendall(data)
        except OSError as error:
            raise RetryLater(f"{self._address.url} is gone: {error}") from error

    def _read(self) -> None:
        try:
            while self._read_one():
                pass
        except (OSError, ValueError) as error:
            self._fault = str(error)
        self._answers.put(None)

    def _read_one(self) -> bool:
        first = self._file.read(1)
        if not first:
            return False
        if first == b"$":
            head = self._file.read(3)
            self._received(head[0], self._file.read(int.from_bytes(head[1:3])))
            return True
        line = first + self._file.readline(4096)
        headers: dict[str, tuple[str, ...]] = {}
        while (raw := self._file.readline(8192).strip()) != b"":
            name, _, value = raw.decode(errors="replace").partition(":")
            key = name.strip().lower()
            headers[key] = (*headers.get(key, ()), value.strip())
        length = int(next(iter(headers.get("content-length", ("0",)))))
        if not 0 <= length <= _LARGEST_BYTES:
            raise ValueError(f"an answer of {length} bytes")
        body = self._file.read(length)
        words = line.decode(errors="replace").split(" ", 2)
        if words[0].startswith("RTSP/") and len(words) > 1:  # else a request of the server's: nobody needs those
            self._answers.put(Answer(int(words[1]), words[2].strip() if len(words) > 2 else "", headers, body))
        return True


def parse_sdp(text: str) -> tuple[Track, ...]:
    """The media sections of a session description."""
    tracks: list[Track] = []
    session_direction = "sendrecv"
    sections = text.replace("\r\n", "\n").split("\nm=")
    for number, section in enumerate(sections):
        lines = section.split("\n")
        attributes = [line[2:] for line in lines if line.startswith("a=")]
        direction = next((a for a in attributes if a in {"sendonly", "recvonly", "sendrecv", "inactive"}), "")
        if number == 0:
            session_direction = direction or session_direction
            continue
        words = lines[0].split()
        maps = dict(
            a.removeprefix("rtpmap:").split(None, 1) for a in attributes if a.startswith("rtpmap:") and " " in a
        )
        codecs = []
        for word in words[3:]:
            name, _, rest = maps.get(word, _STATIC.get(word, "")).partition("/")
            rate = rest.partition("/")[0].strip()
            if name and word.isdigit():
                codecs.append((int(word), name.strip().upper(), int(rate) if rate.isdigit() else 8000))
        control = next((a.removeprefix("control:").strip() for a in attributes if a.startswith("control:")), "")
        tracks.append(Track(words[0] if words else "", control, direction or session_direction, tuple(codecs)))
    return tuple(tracks)
