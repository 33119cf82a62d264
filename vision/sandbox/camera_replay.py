"""Hundreds of simulated cameras at little cost: clips packetised once, replayed over RTSP with faults on request.

`rtsp://host:port/CLIP/N` is the N-th camera of a clip: each has its own phase, sequence numbers, timestamps and
sender reports, and goes on whether anyone watches or not, so that a client joins in the middle as with a real one.
A query asks for faults: `?silent=1` never answers, `?mute=1` answers but sends no picture, `?damage=0.01` flips
that share of slice bytes, `?jump=90000` moves the timestamp at each loop, `?quit=2` hangs up after two seconds,
`?after=OTHER` plays the other clip after the first loop (codec or size changing in mid-stream),
`?login=USER:PASSWORD` asks for digest authentication.
"""

import hashlib
import heapq
import random
import selectors
import socket
import struct
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from vision.core.clock import Clock, SystemClock
from vision.core.errors import NotThereError
from vision.sandbox.camera_packets import PacketisedClip, packetise

_REPORT_S = 5.0
_BACKLOG_BYTES = 2 * 1024 * 1024
_NTP_OFFSET_S = 2_208_988_800


@dataclass(slots=True, order=True)
class _Timeline:
    """One simulated camera: what it sends next, and when."""

    due_s: float
    path: str = field(compare=False)
    clip: PacketisedClip = field(compare=False)
    at: int = field(compare=False)
    faults: dict[str, str] = field(compare=False)
    ssrc: int = field(compare=False, default_factory=lambda: random.getrandbits(32))
    seq: int = field(compare=False, default_factory=lambda: random.getrandbits(16))
    ticks: int = field(compare=False, default_factory=lambda: random.getrandbits(32))
    reported_s: float = field(compare=False, default=-1e9)
    after: PacketisedClip | None = field(compare=False, default=None)
    clients: "list[_Client]" = field(compare=False, default_factory=list)

    def next_bytes(self) -> bytes:
        """The next picture's packets with this camera's own numbers."""
        frame = self.clip.frames[self.at]
        buffer, headers = frame.buffer.copy(), frame.headers
        seqs = (self.seq + np.arange(len(headers))) & 0xFFFF
        buffer[headers + 2], buffer[headers + 3] = seqs >> 8, seqs & 255
        numbers = np.frombuffer(struct.pack("!II", self.ticks, self.ssrc), np.uint8)
        buffer[headers[:, None] + np.arange(4, 12)] = numbers
        damage = float(self.faults.get("damage", 0))
        if damage:
            self._damage(buffer, headers, damage)
        self.seq = (self.seq + len(headers)) & 0xFFFF
        self._step()
        return buffer.tobytes()

    def _damage(self, buffer: NDArray[np.uint8], headers: NDArray[np.int64], share: float) -> None:
        rng = np.random.default_rng(self.seq)
        hit = rng.random(len(buffer)) < share
        for offset in range(-4, 16):
            hit[headers + offset] = False
        buffer[hit] ^= rng.integers(1, 256, int(hit.sum()), dtype=np.uint8)

    def _step(self) -> None:
        self.at += 1
        ticks = round(90_000 / self.clip.fps)
        if self.at == len(self.clip.frames):
            self.at = 0
            ticks += int(self.faults.get("jump", 0))
            if self.after is not None:
                self.clip, self.after = self.after, None
        self.ticks = (self.ticks + ticks) & 0xFFFFFFFF
        self.due_s += 1 / self.clip.fps

    def report(self, wall_s: float) -> bytes:
        """A sender report for the picture that is sent next."""
        ntp_s = wall_s + _NTP_OFFSET_S + float(self.faults.get("skew", 0))
        fraction = int(ntp_s % 1 * 2**32)
        body = struct.pack("!BBHIIIIII", 0x80, 200, 6, self.ssrc, int(ntp_s), fraction, self.ticks, 0, 0)
        return struct.pack("!BBH", 0x24, 1, len(body)) + body


@dataclass(slots=True, eq=False)
class _Client:
    """One connection."""

    sock: socket.socket
    inbox: bytearray = field(default_factory=bytearray)
    backlog: bytearray = field(default_factory=bytearray)
    timeline: _Timeline | None = None
    playing: bool = False
    quit_s: float | None = None


class ReplayServer:
    """Serves a folder of clips from one thread of its own. `opened` and `torn_down` count sessions."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0, clock: Clock | None = None) -> None:
        self.folder, self.host, self.port = folder, host, port
        self.opened = self.torn_down = self.dropped_frames = 0
        self.clock = clock or SystemClock()
        self._clips: dict[str, PacketisedClip] = {}
        self._timelines: dict[str, _Timeline] = {}
        self._queue: list[_Timeline] = []
        self._clients: dict[socket.socket, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises NotThereError when the port is taken."""
        try:
            self._listener = socket.create_server((self.host, self.port), backlog=512)
        except OSError as error:
            raise NotThereError(f"cannot listen on {self.host}:{self.port}: {error.strerror}") from None
        self.port = self._listener.getsockname()[1]
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._serve, name="sandbox-replay", daemon=True)
        self._thread.start()

    def url(self, clip: Path | str, number: int = 0, *, credentials: str = "", **faults: object) -> str:
        query = "&".join(f"{key}={value}" for key, value in faults.items())
        who = f"{credentials}@" if credentials else ""
        return f"rtsp://{who}{self.host}:{self.port}/{Path(clip).name}/{number}" + (f"?{query}" if query else "")

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def watching(self) -> int:
        """Connections open now."""
        return len(self._clients)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            while not self._stopping.is_set():
                now_s = self.clock.monotonic_s()
                while self._queue and self._queue[0].due_s <= now_s:
                    timeline = heapq.heappop(self._queue)
                    self._send(timeline)
                    heapq.heappush(self._queue, timeline)
                wait_s = min(0.1, self._queue[0].due_s - self.clock.monotonic_s()) if self._queue else 0.1
                for key, _ in self._selector.select(max(0.0, wait_s)):
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._hear(self._clients[key.fileobj])  # type: ignore[index]
        finally:
            for client in list(self._clients.values()):
                self._drop(client)
            self._timelines.clear()
            self._queue.clear()
            self._selector.close()
            if self._listener is not None:
                self._listener.close()

    def _send(self, timeline: _Timeline) -> None:
        """One picture to everyone who watches this camera; nobody watching costs nothing but the step."""
        now_s = self.clock.monotonic_s()
        report = b""
        if now_s - timeline.reported_s >= _REPORT_S:
            timeline.reported_s = now_s
            report = timeline.report(self.clock.now().timestamp())
        data = report + timeline.next_bytes()
        for client in list(timeline.clients):
            if client.quit_s is not None and now_s > client.quit_s:
                self._drop(client)
            elif not timeline.faults.get("mute"):
                self._give(client, data)

    def _give(self, client: _Client, data: bytes) -> None:
        """Send what the socket takes; a client that is seconds behind loses whole pictures, as with real cameras."""
        if len(client.backlog) > _BACKLOG_BYTES:
            self.dropped_frames += 1
            data = b""
        try:
            if client.backlog:
                client.backlog += data
                sent = client.sock.send(client.backlog)
                del client.backlog[:sent]
            elif data:
                sent = client.sock.send(data)
                client.backlog += data[sent:]
        except BlockingIOError:
            if not client.backlog:
                client.backlog += data
        except OSError:
            self._hear(client)  # whoever hangs up says so first, and a goodbye that came is still there to be read
            self._drop(client)

    def _accept(self) -> None:
        assert self._listener is not None
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        self._clients[sock] = _Client(sock)
        self._selector.register(sock, selectors.EVENT_READ)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.sock, None) is None:
            return
        self._selector.unregister(client.sock)
        client.sock.close()
        if client.timeline is not None and client in client.timeline.clients:
            client.timeline.clients.remove(client)

    def _hear(self, client: _Client) -> None:
        try:
            data = client.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.inbox += data
        while client.inbox and client.sock in self._clients:
            if client.inbox[0] == 0x24:
                size = 4 + int.from_bytes(client.inbox[2:4], "big")
                if len(client.inbox) < max(4, size):
                    return
                del client.inbox[:size]
                continue
            end = client.inbox.find(b"\r\n\r\n")
            if end < 0:
                return
            head = client.inbox[:end].decode(errors="replace")
            del client.inbox[: end + 4]
            self._answer(client, head)

    def _answer(self, client: _Client, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, url = [*first.split(" "), "", ""][:2]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        parts = urlsplit(url)
        faults = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if faults.get("silent"):
            return
        status, extra, body = "200 OK", list[str](), ""
        login = faults.get("login", "")
        if login and not _logged_in(login, method, headers.get("authorization", "")):
            status, extra = "401 Unauthorized", ['WWW-Authenticate: Digest realm="replay", nonce="5ca1ab1e"']
        elif method == "OPTIONS":
            extra = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"]
        elif method == "DESCRIBE":
            status, body = self._describe(client, parts.path, faults)
            extra = ["Content-Type: application/sdp"]
        elif method == "SETUP":
            extra = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"]
        elif method == "PLAY" and client.timeline is not None:
            self.opened += 1
            extra = ["Session: 1"]
        reply = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *extra]
        if body:
            reply.append(f"Content-Length: {len(body)}")
        self._give(client, ("\r\n".join(reply) + "\r\n\r\n" + body).encode())
        if method == "TEARDOWN":
            self.torn_down += 1
            self._drop(client)
        elif method == "PLAY" and client.timeline is not None and client not in client.timeline.clients:
            quit_after = float(faults.get("quit", 0))
            client.quit_s = self.clock.monotonic_s() + quit_after if quit_after else None
            client.timeline.clients.append(client)
            client.timeline.reported_s = -1e9  # a new client learns the clock with its first picture

    def _describe(self, client: _Client, path: str, faults: dict[str, str]) -> tuple[str, str]:
        name, _, number = unquote(path).strip("/").partition("/")
        number = number.partition("/")[0]
        if not (self.folder / name).is_file() or Path(name).name != name:
            return "404 Not Found", ""
        key = f"{name}/{number}?{sorted(faults.items())}"
        timeline = self._timelines.get(key)
        if timeline is None:
            clip = self._clip(name)
            spread = int(hashlib.sha256(key.encode()).hexdigest(), 16)
            at = int(faults["at"]) if "at" in faults else spread % len(clip.frames)
            due_s = self.clock.monotonic_s() + spread % 40 / 1000
            timeline = _Timeline(due_s, key, clip, at, faults)
            timeline.after = self._clip(faults["after"]) if "after" in faults else None
            if "ticks" in faults:
                timeline.ticks = int(faults["ticks"])
            self._timelines[key] = timeline
            heapq.heappush(self._queue, timeline)
        client.timeline = timeline
        return "200 OK", _description(timeline.clip)

    def _clip(self, name: str) -> PacketisedClip:
        if name not in self._clips:
            self._clips[name] = packetise(self.folder / name)
        return self._clips[name]


def _description(clip: PacketisedClip) -> str:
    name = "H264" if clip.codec == "h264" else "H265"
    sets = [b64encode(unit).decode() for unit in clip.parameter_sets]
    fmtp = f"packetization-mode=1;sprop-parameter-sets={','.join(sets)}" if clip.codec == "h264" else ""
    lines = ["v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=replay", "t=0 0", "m=video 0 RTP/AVP 96", f"a=rtpmap:96 {name}/90000"]
    if fmtp:
        lines.append(f"a=fmtp:96 {fmtp}")
    return "\r\n".join([*lines, "a=control:*", ""])


def _logged_in(login: str, method: str, authorization: str) -> bool:
    """Whether a digest answer (RFC 2069 form) is right."""
    user, _, password = login.partition(":")
    parts = dict(part.strip().split("=", 1) for part in authorization.removeprefix("Digest ").split(",") if "=" in part)
    given = {key: value.strip('"') for key, value in parts.items()}

    def hashed(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    secret, request = hashed(f"{user}:replay:{password}"), hashed(f"{method}:{given.get('uri', '')}")
    expected = hashed(f"{secret}:5ca1ab1e:{request}")
    return given.get("username") == user and given.get("response") == expected


def main() -> None:
    """usage: python -m vision.sandbox.camera_replay FOLDER [PORT]; prints `port N`, serves until its input closes."""
    import sys

    server = ReplayServer(Path(sys.argv[1]), port=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    server.start()
    sys.stdout.write(f"port {server.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
