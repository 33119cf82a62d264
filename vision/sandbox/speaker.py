"""A virtual loudspeaker: takes what real ones take, keeps it as WAV, and lists what it was told to say."""

import argparse
import contextlib
import hashlib
import html
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np

from vision.alerts import g711
from vision.alerts.audio import Audio
from vision.alerts.g711 import Law
from vision.core.clock import Clock, SystemClock
from vision.sandbox.speaker_devices import Call, Devices, Reply

_LARGEST_BYTES = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One announcement it heard."""

    id: int
    at: datetime
    protocol: str
    audio: Audio

    def to_record(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "protocol": self.protocol,
            "duration_s": round(self.audio.duration_s, 3),
            "rms_dbfs": None if not self.audio.peak else round(self.audio.rms_dbfs, 1),
            "sha256": hashlib.sha256(self.audio.samples.tobytes()).hexdigest(),
            "wav": f"/recordings/{self.id}.wav",
        }


class VirtualSpeaker:
    """An HTTP server on its own thread.

    POST /play takes WAV, audio/basic (µ-law) or audio/x-alaw-basic at 8 kHz; POST /stop breaks off; GET /recordings
    lists; GET /recordings/N.wav plays back; POST /fail {"status": 503, "times": 2} makes the next requests fail. The
    paths of Hikvision's ISAPI, Axis' VAPIX and Dahua's audio.cgi work too, with digest where `user` is given.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        folder: Path | None = None,
        clock: Clock | None = None,
        user: str = "",
        password: str = "",
    ) -> None:
        self.recordings: list[Recording] = []
        self.stops = 0
        self.failures: list[int] = []
        self.changed = threading.Condition()
        self._clock = clock or SystemClock()
        self._folder = folder
        self.devices = Devices(self.keep, user, password)
        speaker = self

        class Handler(_Handler):
            device = speaker

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="virtual-speaker")

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep(self, audio: Audio, protocol: str) -> Recording:
        with self.changed:
            recording = Recording(len(self.recordings) + 1, self._clock.now(), protocol, audio)
            self.recordings.append(recording)
            self.changed.notify_all()
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / f"{recording.at:%Y%m%dT%H%M%S}-{recording.id:04d}.wav").write_bytes(audio.to_wav())
        return recording

    def wait_for(self, count: int, timeout_s: float) -> bool:
        """Whether it heard `count` announcements within `timeout_s`."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.recordings) >= count, timeout_s)


class _Handler(BaseHTTPRequestHandler):
    device: VirtualSpeaker
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        device = self.device
        if device.devices.owns(self.path):
            self._maker()
            return
        if self.path == "/healthz":
            self._answer({"ok": True})
        elif self.path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", _page(device.recordings).encode())
        elif self.path == "/recordings":
            self._answer({"recordings": [recording.to_record() for recording in device.recordings]})
        elif self.path.startswith("/recordings/") and self.path.endswith(".wav"):
            number = self.path.removeprefix("/recordings/").removesuffix(".wav")
            found = [recording for recording in device.recordings if str(recording.id) == number]
            if found:
                self._send(HTTPStatus.OK, "audio/wav", found[0].audio.to_wav())
            else:
                self._refuse(HTTPStatus.NOT_FOUND, f"no recording {number}")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing at {self.path}")

    def do_PUT(self) -> None:
        if self.device.devices.owns(self.path):
            self._maker()
        else:
            self.do_POST()

    def _maker(self) -> None:
        """A request in one of the makers' ways."""
        devices = self.device.devices
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, headers, self.rfile, self._reply)
        if not devices.admits(call):
            self.close_connection = True  # its body is not read
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("www-authenticate", devices.challenge())
            self.send_header("connection", "close")
            self.send_header("content-length", "0")
            self.end_headers()
        elif self.device.failures:
            self.close_connection = True
            self._refuse(HTTPStatus(self.device.failures.pop(0)), "told to fail")
        else:
            self._reply(devices.answer(call))

    def _reply(self, reply: Reply) -> None:
        self.close_connection = self.close_connection or reply.hang_up
        if reply.status:
            with contextlib.suppress(OSError):  # it hung up first
                self._send(HTTPStatus(reply.status), reply.media_type, reply.text.encode())

    def do_POST(self) -> None:
        if self.device.devices.owns(self.path):
            self._maker()
            return
        length = int(self.headers.get("content-length") or 0)
        if length > _LARGEST_BYTES:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {_LARGEST_BYTES} bytes")
            return
        body = self.rfile.read(length)
        if self.path == "/fail":
            order = json.loads(body)
            self.device.failures.extend([int(order["status"])] * int(order.get("times", 1)))
            self._answer({"failing": len(self.device.failures)})
        elif self.device.failures:
            status = HTTPStatus(self.device.failures.pop(0))
            self._refuse(status, "told to fail")
        elif self.path == "/stop":
            self.device.stops += 1
            self._answer({"stopped": True})
        elif self.path == "/play":
            self._play(body)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing at {self.path}")

    def _play(self, body: bytes) -> None:
        media_type = self.headers.get_content_type()
        try:
            audio = _decoded(body, media_type)
        except ValueError as error:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, str(error))
            return
        self._answer(self.device.keep(audio, "http").to_record())

    def _answer(self, document: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(document).encode())

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        self._send(status, "application/json", json.dumps({"error": words}).encode())

    def _send(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Silent: the demo's terminal belongs to the demo."""


def _page(recordings: list[Recording]) -> str:
    """What it heard, newest first, to listen to."""
    rows = "".join(
        f"<tr><td>{one.id}<td>{one.at:%H:%M:%S} UTC<td>{html.escape(one.protocol)}<td>{one.audio.duration_s:.1f} s"
        f'<td><audio controls preload="none" src="/recordings/{one.id}.wav"></audio>'
        for one in reversed(recordings)
    )
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        "<title>虚拟音柱 · virtual loudspeaker</title>"
        "<style>body{font:16px system-ui;margin:2rem}td{padding:.4rem 1rem .4rem 0}</style>"
        "<h1>虚拟音柱 · virtual loudspeaker</h1>"
        f"<table>{rows}</table>{'' if rows else '<p>尚未喊话 · nothing said yet</p>'}"
    )


def _decoded(body: bytes, media_type: str) -> Audio:
    """Raises ValueError for what it cannot play."""
    if media_type in {"audio/wav", "audio/x-wav", "audio/wave"}:
        return Audio.from_wav(body)
    laws = {"audio/basic": Law.MU, "audio/x-alaw-basic": Law.A}
    if media_type not in laws:
        raise ValueError(f"cannot play {media_type}; takes audio/wav and {', '.join(laws)}")
    return Audio(g711.decode(body, laws[media_type]).astype(np.float32), g711.RATE_HZ)


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m vision.sandbox.speaker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8801)
    parser.add_argument("--folder", type=Path, help="keep the recordings here")
    arguments = parser.parse_args()
    with VirtualSpeaker(host=arguments.host, port=arguments.port, folder=arguments.folder) as speaker:
        print(f"virtual loudspeaker at {speaker.url}, POST {speaker.url}/play", flush=True)  # noqa: T201 - a command
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
