"""PTZ presets by ONVIF: turn a camera to a view and wait until its picture stands still.

The four requests that this takes are written out (ONVIF PTZ Service Specification 20.12, Media Service 21.06) with
a WS-Security UsernameToken digest; a general SOAP stack would load megabytes of WSDL for them.
"""

import hashlib
import os
import re
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import httpx

from vision.core.clock import Clock
from vision.core.errors import NotThereError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.registry import Camera, View, redact_url
from vision.streams.options import source_options

_PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_PREFIX = re.compile(rb"<(/?)\w+:")
_MOST_ANSWER_BYTES = 512 * 1024
_ASK_S = 0.3
_SETTLE_S = 0.5
_STILL = 0.002
_ON_PRESET = 0.02

Position = tuple[float, float, float]
"""Pan, tilt (-1 to 1) and zoom (0 to 1) in ONVIF's generic spaces."""


@dataclass(frozen=True, slots=True)
class Preset:
    token: str
    name: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class PtzStatus:
    """Where the camera points; `moving` is None when it does not tell."""

    position: Position | None
    moving: bool | None


@dataclass(slots=True)
class OnvifClient:
    """One camera's PTZ and media services. `url` is its device service and may carry the login."""

    url: str = field(repr=False)
    clock: Clock
    timeout_s: float = 5.0
    verify_tls: bool = True
    _http: httpx.Client | None = None
    _services: dict[str, str] = field(default_factory=dict)
    _profile: str = ""

    def presets(self) -> list[Preset]:
        """Every preset of the first profile. Raises SourceError."""
        answer = self._call(_PTZ, f"<GetPresets xmlns={quoteattr(_PTZ)}>{self._profile_tag()}</GetPresets>")
        return [
            Preset(found.get("token", ""), _text(found, "Name"), _position(found))
            for found in answer.iter()
            if _name(found) == "Preset"
        ]

    def go_to(self, token: str) -> None:
        """Ask the camera to turn; it answers before it has. Raises SourceError."""
        wanted = f"{self._profile_tag()}<PresetToken>{escape(token)}</PresetToken>"
        self._call(_PTZ, f"<GotoPreset xmlns={quoteattr(_PTZ)}>{wanted}</GotoPreset>")

    def status(self) -> PtzStatus:
        """Raises SourceError."""
        answer = self._call(_PTZ, f"<GetStatus xmlns={quoteattr(_PTZ)}>{self._profile_tag()}</GetStatus>")
        told = {child.text for found in answer.iter() if _name(found) == "MoveStatus" for child in found}
        moving = None if not told & {"IDLE", "MOVING"} else "MOVING" in told
        return PtzStatus(_position(answer), moving)

    def stream_uris(self) -> list[str]:
        """RTSP addresses of every profile, the largest picture first, on the host that we reach. Raises SourceError."""
        answer = self._call(_MEDIA, f"<GetProfiles xmlns={quoteattr(_MEDIA)}/>")
        sized = sorted(
            ((_pixels(found), found.get("token", "")) for found in answer.iter() if _name(found) == "Profiles"),
            key=lambda profile: -profile[0],
        )
        found = [self._stream_uri(token) for _pixels_of_it, token in sized]
        return list(dict.fromkeys(uri for uri in found if uri))

    def _stream_uri(self, token: str) -> str:
        setup = f'<StreamSetup><Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream><Transport xmlns="{_SCHEMA}">'
        setup += "<Protocol>RTSP</Protocol></Transport></StreamSetup>"
        body = f"{setup}<ProfileToken>{escape(token)}</ProfileToken>"
        told = urlsplit(
            _text(self._call(_MEDIA, f"<GetStreamUri xmlns={quoteattr(_MEDIA)}>{body}</GetStreamUri>"), "Uri")
        )
        if not told.scheme:
            return ""
        host = urlsplit(self.url).hostname or ""
        netloc = (f"[{host}]" if ":" in host else host) + (f":{told.port}" if told.port else "")
        return urlunsplit((told.scheme, netloc, told.path, told.query, ""))

    def snapshot_uri(self) -> str:
        """Where the camera serves its still picture. Raises SourceError."""
        body = f"<GetSnapshotUri xmlns={quoteattr(_MEDIA)}>{self._profile_tag()}</GetSnapshotUri>"
        return _text(self._call(_MEDIA, body), "Uri")

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def _profile_tag(self) -> str:
        if not self._profile:
            answer = self._call(_MEDIA, f"<GetProfiles xmlns={quoteattr(_MEDIA)}/>")
            profiles = [found.get("token", "") for found in answer.iter() if _name(found) == "Profiles"]
            if not profiles:
                raise SourceRefusedError(f"{redact_url(self.url)}: no media profile")
            self._profile = profiles[0]
        return f"<ProfileToken>{escape(self._profile)}</ProfileToken>"

    def _service(self, namespace: str) -> str:
        """A service's address: on the host that we reach, whatever address the camera believes it has."""
        if not self._services:
            device = self._bare()
            self._services = {_DEVICE: device}
            body = f"<GetCapabilities xmlns={quoteattr(_DEVICE)}><Category>All</Category></GetCapabilities>"
            answer = self._call(_DEVICE, body)
            for name, known in (("PTZ", _PTZ), ("Media", _MEDIA)):
                address = next((_text(found, "XAddr") for found in answer.iter() if _name(found) == name), "")
                told, reached = urlsplit(address), urlsplit(device)
                path = told.path or reached.path
                self._services[known] = urlunsplit((reached.scheme, reached.netloc, path, told.query, ""))
        return self._services[namespace]

    def _bare(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))

    def _call(self, namespace: str, body: str) -> ET.Element:
        """One SOAP 1.2 request; its answer's envelope."""
        where = redact_url(self.url)
        address = self._service(namespace)
        if self._http is None:
            self._http = httpx.Client(timeout=self.timeout_s, verify=self.verify_tls, trust_env=False)
        envelope = (
            '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
            f"<s:Header>{self._security()}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
        )
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        try:
            answer = self._http.post(address, content=envelope.encode(), headers=headers)
        except httpx.TimeoutException:
            raise SourceTimeoutError(f"{where}: no answer in {self.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{where}: {type(error).__name__}") from None
        if answer.status_code in {401, 403}:
            raise SourceRefusedError(f"{where}: answered {answer.status_code}: login refused")
        if answer.status_code != 200 or len(answer.content) > _MOST_ANSWER_BYTES:
            raise SourceError(f"{where}: answered {answer.status_code}")
        try:
            root = _parsed(answer.content)
        except ET.ParseError:
            raise SourceRefusedError(f"{where}: does not speak ONVIF") from None
        if any(_name(found) == "Fault" for found in root.iter()):
            raise SourceRefusedError(f"{where}: {_text(root, 'Text') or 'refused the request'}")
        return root

    def _security(self) -> str:
        """WS-Security UsernameToken Profile 1.0: Base64(SHA-1(nonce + created + password))."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return ""
        nonce, created = os.urandom(16), self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        password = unquote(parts.password or "")
        digest = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False).digest()
        return (
            f"<Security xmlns={quoteattr(_WSSE)}><UsernameToken><Username>{escape(unquote(parts.username))}</Username>"
            f"<Password Type={quoteattr(_DIGEST)}>{b64encode(digest).decode()}</Password>"
            f"<Nonce>{b64encode(nonce).decode()}</Nonce>"
            f"<Created xmlns={quoteattr(_WSU)}>{created}</Created></UsernameToken></Security>"
        )


@dataclass(slots=True)
class OnvifSteering:
    """Turns PTZ cameras to their views. Until `turn` returns, what the camera shows is unknown."""

    clock: Clock
    turn_s: float = 15.0

    def presets(self, camera: Camera) -> list[Preset]:
        """What the camera itself has. Raises SourceError."""
        client = self._client(camera)
        try:
            return client.presets()
        finally:
            client.close()

    def go_to(self, camera: Camera, token: str) -> None:
        """Begin to turn, without waiting for the end.

        Raises:
            NotThereError: the camera has no such preset.
            SourceError: it refuses or does not answer.
        """
        client = self._client(camera)
        try:
            if all(preset.token != token for preset in client.presets()):
                raise NotThereError(f"{camera.id} has no PTZ preset {token!r}")
            client.go_to(token)
        finally:
            client.close()

    def turn(self, camera: Camera, view: View) -> None:
        """Go to the view's preset and wait until the camera stands still there.

        Raises:
            SourceTimeoutError: still moving, or elsewhere, after `turn_s`.
            SourceRefusedError: no such preset, login refused, no ONVIF.
        """
        client = self._client(camera)
        try:
            preset = next((preset for preset in client.presets() if preset.token == view.preset), None)
            if preset is None:
                raise SourceRefusedError(f"{camera.id}: no PTZ preset {view.preset!r} for view {view.id}")
            client.go_to(preset.token)
            self._wait(camera, client, preset)
        finally:
            client.close()

    def _client(self, camera: Camera) -> OnvifClient:
        options = source_options(camera)
        return OnvifClient(_device_url(camera, options.onvif_url), self.clock, verify_tls=options.verify_tls)

    def _wait(self, camera: Camera, client: OnvifClient, preset: Preset) -> None:
        deadline_s = self.clock.monotonic_s() + self.turn_s
        last: Position | None = None
        while self.clock.monotonic_s() < deadline_s:
            self.clock.sleep(_ASK_S)
            status = client.status()
            unchanged = last is None or status.position is None or _apart(last, status.position) < _STILL
            # Without a move status, two equal positions in a row stand for stillness.
            still = not status.moving if status.moving is not None else last is not None and unchanged
            there = status.position is None or preset.position is None
            if not there and status.position is not None and preset.position is not None:
                there = _apart(status.position, preset.position) < _ON_PRESET
            if still and unchanged and there:
                self.clock.sleep(_SETTLE_S)  # focus and exposure follow the motors
                return
            last = status.position
        raise SourceTimeoutError(f"{camera.id}: not still on preset {preset.token!r} after {self.turn_s:g} s")


def _device_url(camera: Camera, given: str) -> str:
    """The device service: as configured, else at the stream's host with the stream's login."""
    parts = urlsplit(camera.url)
    login = parts.netloc.rpartition("@")[0]
    if given:
        told = urlsplit(given)
        netloc = told.netloc if "@" in told.netloc or not login else f"{login}@{told.netloc}"
        return urlunsplit((told.scheme, netloc, told.path, told.query, ""))
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{login + '@' if login else ''}{host}/onvif/device_service"


def _apart(one: Position, other: Position) -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _parsed(content: bytes) -> ET.Element:
    """The answer's XML. Cameras forget to declare namespaces: prefixes are then ignored, as names are unique."""
    try:
        return ET.fromstring(content)  # noqa: S314 - size-limited; expat bounds entity expansion
    except ET.ParseError:
        return ET.fromstring(_PREFIX.sub(rb"<\1", content))  # noqa: S314 - as above


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ET.Element, name: str) -> str:
    return next((found.text.strip() for found in element.iter() if _name(found) == name and found.text), "")


def _pixels(profile: ET.Element) -> int:
    """Of the encoded picture; 0 when the camera does not tell."""
    encoder = next((found for found in profile.iter() if _name(found) == "VideoEncoderConfiguration"), profile)
    wide, high = _text(encoder, "Width"), _text(encoder, "Height")
    return int(wide) * int(high) if wide.isdigit() and high.isdigit() else 0


def _position(element: ET.Element) -> Position | None:
    """The first pan, tilt and zoom below `element` that are numbers."""
    pan_tilt = next((found for found in element.iter() if _name(found) == "PanTilt" and found.get("x")), None)
    zoom = next((found for found in element.iter() if _name(found) == "Zoom" and found.get("x")), None)
    if pan_tilt is None:
        return None
    try:
        return (
            float(pan_tilt.get("x", "")),
            float(pan_tilt.get("y", "")),
            float(zoom.get("x", "0") if zoom is not None else 0),
        )
    except ValueError:
        return None
