"""The RTSP conversation (RFC 2326) up to PLAY over one TCP connection, and its end.

Only what looking at a camera needs: DESCRIBE, SETUP of the one video track interleaved, PLAY, keep-alive,
TEARDOWN. After PLAY the socket carries interleaved packets and belongs to the reader.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from vision.core.errors import SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.registry import redact_url
from vision.streams.login import Credentials
from vision.streams.sdp import VideoTrack, video_track

_MOST_HEADER_BYTES = 64 * 1024
_MOST_BODY_BYTES = 256 * 1024
_REDIRECTS = 3
_UNREAD_PIECES = 64
_AGENT = "streetward"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    reason: str
    headers: dict[str, list[str]]
    body: bytes

    def header(self, name: str) -> str:
        return next(iter(self.headers.get(name, ())), "")


@dataclass(slots=True)
class RtspClient:
    """One conversation. Errors are SourceErrors that never show the password."""

    url: str = field(repr=False)
    timeout_s: float = 8.0
    track: VideoTrack | None = None
    channel: int = 0
    session: str = ""
    session_timeout_s: float = 60.0
    keep_alive: str = "OPTIONS"
    _sock: socket.socket | None = None
    _inbox: bytearray = field(default_factory=bytearray)
    _sequence: int = 0
    _deadline_s: float = 0.0
    _control: str = ""
    _credentials: Credentials | None = None

    @property
    def safe_url(self) -> str:
        return redact_url(self.url)

    def play(self) -> tuple[socket.socket, bytes]:
        """Connect and talk up to PLAY.

        Returns:
            the socket and the bytes of the stream that came with the last reply.

        Raises:
            SourceError: no connection, or it broke; SourceTimeoutError: no answer in `timeout_s` altogether;
            SourceRefusedError: login, path, description or transport refused.
        """
        self._deadline_s = time.monotonic() + self.timeout_s
        with self._told("cannot open"):
            reply, base_url = self._describe()
            self.track = video_track(reply.body.decode(errors="replace"), base_url)
            if self.track.codec in {"h264", "hevc"}:
                self._setup(self.track)
                # Most clients send this Range, so it is what cameras were tried with.
                self._request("PLAY", self._control, {"Session": self.session, "Range": "npt=0.000-"})
            return self._open_sock(), bytes(self._inbox)

    def keep_alive_request(self) -> bytes:
        """The bytes to send at least every `session_timeout_s`."""
        return self._rendered(self.keep_alive, self._control, {"Session": self.session})

    def close(self) -> None:
        """TEARDOWN without waiting for an answer, then close. Gateways that are not told run out of sessions."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        with suppress(OSError):
            if self.session:
                sock.setblocking(False)
                sock.send(self._rendered("TEARDOWN", self._control, {"Session": self.session}))
            sock.shutdown(socket.SHUT_RDWR)
            # To close with packets unread resets the connection (RFC 1122, 4.2.2.13), and a camera that meets the reset
            # at its next packet may never read the goodbye.
            for _ in range(_UNREAD_PIECES):
                if not sock.recv(65536):
                    break
        sock.close()

    def _describe(self) -> tuple[Reply, str]:
        for _ in range(_REDIRECTS):
            self._connect()
            options = self._request("OPTIONS", self._control, {})
            if "GET_PARAMETER" in options.header("public"):
                self.keep_alive = "GET_PARAMETER"
            reply = self._request("DESCRIBE", self._control, {"Accept": "application/sdp"})
            if reply.status // 100 != 3:
                base = reply.header("content-base") or reply.header("content-location")
                return reply, urljoin(self._control, base) if base else self._control
            self._hang_up()
            self.url = urljoin(self._control, reply.header("location"))
        raise SourceRefusedError("redirected too often")

    def _connect(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "rtsp" or not parts.hostname:
            raise SourceRefusedError("not an rtsp:// address")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        self._control = urlunsplit(("rtsp", host + port, parts.path, parts.query, ""))
        if parts.username is not None:
            self._credentials = Credentials(unquote(parts.username), unquote(parts.password or ""))
        self._sock = socket.create_connection((parts.hostname, parts.port or 554), timeout=self._left_s())
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _setup(self, track: VideoTrack) -> None:
        wanted = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        reply = self._request("SETUP", track.control, wanted)
        session, _, rest = reply.header("session").partition(";")
        self.session = session.strip()
        key, _, value = rest.strip().partition("=")
        if key.lower() == "timeout" and value.strip().isdigit():
            self.session_timeout_s = max(5.0, float(value))
        for part in reply.header("transport").lower().split(";"):
            key, _, value = part.strip().partition("=")
            if key == "interleaved" and value.partition("-")[0].isdigit():
                self.channel = int(value.partition("-")[0])
        if not self.session:
            raise SourceRefusedError("SETUP gave no session")

    def _request(self, method: str, url: str, headers: dict[str, str]) -> Reply:
        """Send and await; logs in when asked to.

        Raises:
            SourceRefusedError: any status that is not 2xx or 3xx.
        """
        for attempt in range(2):
            sock = self._open_sock()
            sock.settimeout(self._left_s())
            sock.sendall(self._rendered(method, url, headers))
            reply = self._reply()
            challenges = reply.headers.get("www-authenticate", [])
            if reply.status == 401 and attempt == 0 and self._credentials and self._credentials.challenged(challenges):
                continue
            break
        if reply.status >= 400 and method != "OPTIONS":
            raise SourceRefusedError(f"{method} answered {reply.status} {reply.reason}")
        return reply

    def _rendered(self, method: str, url: str, headers: dict[str, str]) -> bytes:
        self._sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", f"User-Agent: {_AGENT}"]
        lines += [f"{key}: {value}" for key, value in headers.items() if value]
        authorization = self._credentials.header(method, url) if self._credentials else None
        if authorization:
            lines.append(f"Authorization: {authorization}")
        return "\r\n".join([*lines, "", ""]).encode()

    def _reply(self) -> Reply:
        while True:
            self._skip_interleaved()
            end = self._inbox.find(b"\r\n\r\n")
            if end >= 0:
                break
            if len(self._inbox) > _MOST_HEADER_BYTES:
                raise SourceRefusedError("does not speak RTSP")
            self._receive()
        status, headers = parse_head(bytes(self._inbox[:end]))
        length = headers.get("content-length", ["0"])[0]
        size = int(length) if length.isdigit() else 0
        if size > _MOST_BODY_BYTES:
            raise SourceRefusedError(f"a description of {size} bytes")
        while len(self._inbox) < end + 4 + size:
            self._receive()
        body = bytes(self._inbox[end + 4 : end + 4 + size])
        del self._inbox[: end + 4 + size]
        return Reply(status[0], status[1], headers, body)

    def _skip_interleaved(self) -> None:
        """Packets of a stream that began before its PLAY was answered."""
        while len(self._inbox) >= 4 and self._inbox[0] == 0x24:
            size = 4 + int.from_bytes(self._inbox[2:4], "big")
            while len(self._inbox) < size:
                self._receive()
            del self._inbox[:size]

    def _receive(self) -> None:
        sock = self._open_sock()
        sock.settimeout(self._left_s())
        data = sock.recv(65536)
        if not data and self._inbox and not self._inbox.startswith(b"RTSP"):
            raise SourceRefusedError("does not speak RTSP")
        if not data:
            raise SourceError("closed the connection")
        self._inbox += data

    def _open_sock(self) -> socket.socket:
        if self._sock is None:
            raise SourceError("closed on this side")  # by another thread, in the middle of the conversation
        return self._sock

    def _left_s(self) -> float:
        left_s = self._deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _hang_up(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
        self._inbox.clear()

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Every failure as a SourceError that names the camera without its password; the socket is closed."""
        try:
            yield
        except SourceError as error:
            self.close()
            raise type(error)(f"{doing} {self.safe_url}: {error}") from None
        except TimeoutError:
            self.close()
            raise SourceTimeoutError(f"{doing} {self.safe_url}: no answer in {self.timeout_s:g} s") from None
        except (OSError, ValueError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or "malformed answer"
            raise SourceError(f"{doing} {self.safe_url}: {reason}") from None


def parse_head(head: bytes) -> tuple[tuple[int, str], dict[str, list[str]]]:
    """Status line and headers (names in lower case, values in order).

    Raises:
        SourceRefusedError: not an RTSP reply.
    """
    first, *rest = head.decode("utf-8", errors="replace").split("\r\n")
    parts = first.split(" ", 2)
    if not parts[0].startswith("RTSP/") or len(parts) < 2 or not parts[1].isdigit():
        raise SourceRefusedError("does not speak RTSP")
    headers: dict[str, list[str]] = {}
    for line in rest:
        key, colon, value = line.partition(":")
        if colon:
            headers.setdefault(key.strip().lower(), []).append(value.strip())
    return (int(parts[1]), parts[2] if len(parts) > 2 else ""), headers
