"""Cameras looked at by HTTP(S) snapshot: one JPEG a look over a kept connection."""

import threading
from collections.abc import Generator, Iterator
from datetime import datetime
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from vision.core.clock import Clock
from vision.core.errors import ConfigError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.frames import Frame, TimeSource
from vision.core.jpeg import is_jpeg
from vision.core.registry import Camera
from vision.streams.health import SourceFigures
from vision.streams.jpeg import JpegReader
from vision.streams.login import Credentials
from vision.streams.options import source_options

VENDOR_PATHS = {
    "hikvision": "/ISAPI/Streaming/channels/{channel}01/picture",
    "dahua": "/cgi-bin/snapshot.cgi?channel={channel}",
}
"""Where makers serve their snapshot; others tell it by ONVIF GetSnapshotUri."""


class CameraLogin(httpx.Auth):
    """Basic or Digest, whichever the camera asks for; remembered, so that the next look needs one request."""

    def __init__(self, user: str, password: str) -> None:
        self._credentials = Credentials(user, password)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        path = request.url.raw_path.decode("ascii")
        known = self._credentials.header(request.method, path)
        if known:
            request.headers["Authorization"] = known
        response = yield request
        challenges = response.headers.get_list("www-authenticate")
        if response.status_code == 401 and self._credentials.challenged(challenges):
            request.headers["Authorization"] = self._credentials.header(request.method, path) or ""
            yield request


class SnapshotSource:
    """One camera's snapshots at its sampling interval. Never retries: the supervisor reopens."""

    def __init__(
        self, camera: Camera, clock: Clock, *, view_id: str | None = None, session: int = 0, look_px: int = 640
    ) -> None:
        self.camera, self.clock, self.session = camera, clock, session
        self.view_id = view_id or camera.views[0].id
        self.received_bytes = 0
        self._options = source_options(camera)
        self._reader = JpegReader(look_px, keep_full=self._options.keep_full)
        self._url, self._login = _address(camera, self._options.vendor, self._options.channel)
        self._client: httpx.Client | None = None
        self._stopping = threading.Event()
        self._begun_s, self._seq = 0.0, 0

    def open(self) -> None:
        self._client = httpx.Client(
            auth=self._login,
            verify=self._options.verify_tls,
            timeout=httpx.Timeout(self._options.read_timeout_s, connect=self._options.open_timeout_s),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=None),
            follow_redirects=True,
            max_redirects=2,
            trust_env=False,
        )
        self._begun_s = self.clock.monotonic_s()

    def frames(self) -> Iterator[Frame]:
        due_s = self.clock.monotonic_s()
        while not self._stopping.is_set():
            yield self.look()
            # A slow camera skips looks rather than running late for ever.
            now_s = self.clock.monotonic_s()
            due_s = max(due_s + self.camera.sample_s, now_s)
            self.clock.sleep(due_s - now_s, self._stopping)

    def look(self) -> Frame:
        """One snapshot now.

        Raises:
            SourceError: no answer, not a JPEG, too large, damaged; SourceRefusedError for login and path.
        """
        data, arrived = self._fetch()
        decoded = self._reader.look(data)
        if decoded is None:
            raise SourceError(f"{self.camera.safe_url}: a damaged JPEG of {len(data)} bytes, expected a whole one")
        pts_s = self.clock.monotonic_s() - self._begun_s
        seq, self._seq = self._seq, self._seq + 1
        return Frame(self.camera.id, self.view_id, self.session, seq, pts_s, arrived, TimeSource.ARRIVAL, *decoded)

    def close(self) -> None:
        self._stopping.set()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def figures(self) -> SourceFigures:
        return SourceFigures(codec="jpeg", received_bytes=self.received_bytes)

    def _fetch(self) -> tuple[bytes, datetime]:
        client, where = self._client, self.camera.safe_url
        if client is None:
            raise SourceError(f"{where} is not open")
        try:
            with client.stream("GET", self._url) as response:
                arrived = self.clock.now()
                _judge(response, where)
                return self._body(response, where), arrived
        except httpx.TimeoutException:
            raise SourceTimeoutError(f"{where}: no answer in {self._options.read_timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{where}: {_plain(error)}") from None

    def _body(self, response: httpx.Response, where: str) -> bytes:
        """The answer's bytes within the limits of size and time."""
        most = round(self._options.most_mb * 1e6)
        if int(response.headers.get("content-length") or 0) > most:
            raise SourceRefusedError(f"{where}: a picture of {response.headers['content-length']} bytes")
        deadline_s = self.clock.monotonic_s() + self._options.read_timeout_s
        data = bytearray()
        for piece in response.iter_bytes():
            data += piece
            if len(data) > most:
                raise SourceRefusedError(f"{where}: a picture of more than {most} bytes")
            if self.clock.monotonic_s() > deadline_s:
                raise SourceTimeoutError(f"{where}: the picture took over {self._options.read_timeout_s:g} s")
        self.received_bytes += len(data)
        if not data:
            raise SourceError(f"{where}: an empty answer")
        if not is_jpeg(bytes(data[:2])):
            kind = response.headers.get("content-type", "something").partition(";")[0]
            raise SourceRefusedError(f"{where}: answered {kind}, not a JPEG")
        return bytes(data)


def _judge(response: httpx.Response, where: str) -> None:
    status = response.status_code
    if status in {401, 403, 404, 400, 405}:
        raise SourceRefusedError(f"{where}: answered {status} {response.reason_phrase}")
    if status != 200:
        raise SourceError(f"{where}: answered {status} {response.reason_phrase}")


def _plain(error: Exception) -> str:
    """The error without the URL that httpx may put into it."""
    return f"{type(error).__name__}: {error}" if "://" not in str(error) else type(error).__name__


def _address(camera: Camera, vendor: str, channel: int) -> tuple[str, CameraLogin | None]:
    """The URL to fetch, without its login, and the login."""
    parts = urlsplit(camera.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"cameras.{camera.id}.url: a snapshot camera needs an http:// or https:// address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{parts.port}" if parts.port else host
    path, query = parts.path, parts.query
    if vendor:
        path, _, query = VENDOR_PATHS[vendor].format(channel=channel).partition("?")
    login = CameraLogin(unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return urlunsplit((parts.scheme, netloc, path, query, "")), login
