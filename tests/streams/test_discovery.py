"""Discovery against ipycam's own WS-Discovery server, asked by its address."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ipycam.config import CameraConfig
from ipycam.discovery import WSDiscoveryServer
from ipycam.onvif import ONVIFService
from ipycam.ptz import PTZController

from vision.core.clock import SystemClock
from vision.streams.discovery import discover, matches

ANSWER = """<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:d="urn:d" xmlns:w="urn:w"><e:Body>
<d:ProbeMatches><d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:7</w:Address></w:EndpointReference>
<d:Scopes>onvif://www.onvif.org/name/East%20Gate onvif://www.onvif.org/hardware/DS-2CD
onvif://www.onvif.org/location/city/Hangzhou</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>
</d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"""


@pytest.fixture
def responder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(WSDiscoveryServer, "MULTICAST_PORT", 0)
    config = CameraConfig()
    config.local_ip = "127.0.0.1"
    motors = PTZController()
    server = WSDiscoveryServer(ONVIFService(config, motors))
    server.start()
    yield ("127.0.0.1", server.sock.getsockname()[1])
    server.stop()
    server.join(5)
    motors.stop()


def test_a_virtual_camera_answers(responder: tuple[str, int]) -> None:
    found = discover(SystemClock(), wait_s=1.5, asked=[("127.0.0.1", 1), responder, responder])
    (camera,) = found
    assert camera.host == "127.0.0.1"
    assert camera.address.endswith("/onvif/device_service")
    assert camera.id
    assert camera.name


def test_scopes_and_the_address_that_answered() -> None:
    told = ANSWER.format(addresses="http://169.254.1.1/onvif/device_service http://10.0.0.7/onvif/device_service")
    (camera,) = matches(told.encode(), "10.0.0.7")
    assert (camera.id, camera.name, camera.hardware) == ("urn:uuid:7", "East Gate", "DS-2CD")
    assert (camera.location, camera.host) == ("city/Hangzhou", "10.0.0.7")
    (behind,) = matches(told.encode(), "10.9.9.9")
    assert behind.host == "169.254.1.1"


@pytest.mark.parametrize("data", [b"", b"<a>", b"<a/>", ANSWER.format(addresses="soap.udp://x").encode()])
def test_what_is_no_answer_finds_nothing(data: bytes) -> None:
    assert matches(data, "10.0.0.7") == []
