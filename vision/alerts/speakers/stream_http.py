"""HTTP as audio devices want it: a request whose body is spoken in real time over a bare connection."""

import contextlib
import select
import socket
import ssl
from dataclasses import dataclass, field
from typing import Self

from vision.alerts.speakers.digest import authorization
from vision.alerts.speakers.driver import Address
from vision.core.errors import DeliveryError, Rejected, RetryLater

_BUSY = frozenset({408, 409, 423, 429, 500, 502, 503, 504})
_HEAD_LIMIT = 65536


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers (names in lower case) of an answer, and what came of its body by then."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(slots=True)
class StreamingRequest:
    """One request, opened, spoken and finished.

    Attributes:
        path: with its query.
        length: Content-Length to announce; devices that take talk without an end are told a large one.
        patience_s: how long a device may take to refuse before it counts as listening.
    """

    address: Address
    method: str
    path: str
    media_type: str
    length: int
    patience_s: float = 1.0
    timeout_s: float = 5.0
    accepted: str = ""
    sent_bytes: int = 0
    _socket: socket.socket | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Connect, authenticate and announce.

        Raises:
            RetryLater: offline or busy.
            Rejected: refused.
        """
        try:
            self._open("")
            head = self._answer(self.patience_s if self.address.user else 0.1)
            if head is not None and head.status == 401:
                secret = authorization(
                    head.values("www-authenticate"),
                    method=self.method,
                    uri=self.path,
                    user=self.address.user,
                    password=self.address.password,
                )
                self._open(secret)
                head = self._answer(self.patience_s)
            self._judge(head)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, data: bytes) -> None:
        """Raises RetryLater when the device is gone, Rejected when it refused meanwhile."""
        assert self._socket is not None
        if select.select([self._socket], [], [], 0)[0]:
            head = self._answer(0.0)
            if head is not None:
                self._judge(head)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise RetryLater(f"{self.address.url} broke off: {error}", outcome_unknown=True) from error
        self.sent_bytes += len(data)

    def finish(self) -> str:
        """The device's last word; some close without any when all went well."""
        assert self._socket is not None
        if self.sent_bytes < self.length:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
        head = self._answer(self.patience_s)
        self._judge(head)
        return self.accepted or "closed without a reply"

    def _open(self, secret: str) -> None:
        self._close()
        tls = self.address.url.startswith("https:")
        port = self.address.port or (443 if tls else 80)
        try:
            connection = socket.create_connection((self.address.host, port), self.timeout_s)
            self._socket = connection
            if tls:
                context = ssl.create_default_context()
                self._socket = connection = context.wrap_socket(connection, server_hostname=self.address.host)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines = [
                f"{self.method} {self.path} HTTP/1.1",
                f"Host: {self.address.host}:{port}",
                "User-Agent: Streetward",
                f"Content-Type: {self.media_type}",
                f"Content-Length: {self.length}",
                "Connection: keep-alive",
                "Cache-Control: no-cache",
            ]
            if secret:
                lines.append(f"Authorization: {secret}")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        except OSError as error:
            raise RetryLater(f"{self.address.url} is offline: {error}") from error

    def _answer(self, wait_s: float) -> Head | None:
        """The next answer's head; None when there is none yet, or the device closed without one."""
        assert self._socket is not None
        data = b""
        try:
            while b"\r\n\r\n" not in data and len(data) < _HEAD_LIMIT:
                if not select.select([self._socket], [], [], wait_s)[0]:
                    return None
                piece = self._socket.recv(4096)
                if not piece:
                    break
                data += piece
        except OSError:
            return None  # reset: the next send tells
        first, _, rest = data.partition(b"\r\n")
        words = first.decode(errors="replace").split(" ", 2)
        if len(words) < 2 or not words[1].isdigit():
            return None
        raw, _, body = rest.partition(b"\r\n\r\n")
        pairs = [line.partition(":") for line in raw.decode(errors="replace").split("\r\n")]
        headers = tuple((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)
        reason = words[2] if len(words) > 2 else ""
        return Head(int(words[1]), reason, headers, body[:300].decode(errors="replace"))

    def _judge(self, head: Head | None) -> None:
        if head is None or head.status == 100:
            return
        if head.status // 100 == 2:
            self.accepted = f"{head.status} {head.reason}".strip()
            return
        words = f"{self.address.url} answered {head.status} {head.reason} {head.body}".strip()
        fault: type[DeliveryError] = RetryLater if head.status in _BUSY else Rejected
        raise fault(words)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
