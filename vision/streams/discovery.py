"""Finds ONVIF cameras: WS-Discovery (OASIS 1.1, as ONVIF Core 7.3 uses it), by multicast or asked of single hosts."""

import select
import socket
import uuid
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from vision.core.clock import Clock

MULTICAST = ("239.255.255.250", 3702)
_PROBE = (
    '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
    'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
    'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><s:Header>'
    "<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action>"
    "<a:MessageID>urn:uuid:{id}</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>"
    "<s:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>"
)
_SCOPE = "onvif://www.onvif.org/"
_MOST_ANSWER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """What a camera said of itself.

    Attributes:
        id: its endpoint reference, the same after every restart.
        address: its device service, at the host that it answered from where it offers one there.
    """

    id: str
    address: str
    name: str = ""
    hardware: str = ""
    location: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""


def discover(
    clock: Clock, *, wait_s: float = 3.0, asked: Iterable[tuple[str, int]] = (MULTICAST,)
) -> list[FoundCamera]:
    """Every camera that answers within `wait_s`, by host. Hosts that cannot be asked are left out.

    Multicast does not cross routers: cameras of other networks are asked by their own address, port 3702.
    """
    found: dict[str, FoundCamera] = {}
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sock.setblocking(False)
        for address in asked:
            with suppress(OSError):
                sock.sendto(_PROBE.format(id=uuid.uuid4()).encode(), address)
        until_s = clock.monotonic_s() + wait_s
        while (left_s := until_s - clock.monotonic_s()) > 0:
            if not select.select([sock], [], [], left_s)[0]:
                break
            with suppress(OSError):  # an unreachable host's refusal comes back through the socket
                data, sender = sock.recvfrom(_MOST_ANSWER_BYTES)
                for camera in matches(data, sender[0]):
                    found[camera.id] = camera
    return sorted(found.values(), key=lambda camera: (camera.host, camera.id))


def matches(data: bytes, sender: str) -> list[FoundCamera]:
    """The cameras of one answer; none when it is not one."""
    try:
        root = ET.fromstring(data)  # noqa: S314 - one datagram; expat bounds entity expansion
    except ET.ParseError:
        return []
    return [camera for match in _named(root, "ProbeMatch") if (camera := _camera(match, sender)) is not None]


def _camera(match: ET.Element, sender: str) -> FoundCamera | None:
    addresses = [a for a in _text(match, "XAddrs").split() if urlsplit(a).scheme in {"http", "https"}]
    if not addresses:
        return None
    own = [address for address in addresses if urlsplit(address).hostname == sender]
    scopes = [unquote(scope.removeprefix(_SCOPE)) for scope in _text(match, "Scopes").split()]
    told = {name: value for name, _, value in (scope.partition("/") for scope in scopes)}
    return FoundCamera(
        id=_text(match, "Address") or addresses[0],
        address=(own or addresses)[0],
        name=told.get("name", ""),
        hardware=told.get("hardware", ""),
        location=told.get("location", ""),
    )


def _named(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.tag.rpartition("}")[2] == name]


def _text(root: ET.Element, name: str) -> str:
    return next(((element.text or "").strip() for element in _named(root, name)), "")
