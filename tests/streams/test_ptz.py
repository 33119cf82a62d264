"""Against ipycam, a virtual ONVIF camera that we did not write."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ipycam.config import CameraConfig
from ipycam.http import IPCameraHTTPHandler
from ipycam.onvif import ONVIFService
from ipycam.ptz import PTZController

from vision.core.clock import SystemClock
from vision.core.errors import SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.registry import Camera, SourceKind, View
from vision.streams.ptz import OnvifClient, OnvifSteering
from vision.testing import ManualClock


@pytest.fixture
def virtual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """The camera's device service with login admin / s3:cret, and its motors."""
    monkeypatch.chdir(tmp_path)
    config = CameraConfig()
    config.username, config.password = "admin", "s3:cret"
    motors = PTZController()
    onvif = ONVIFService(config, motors)
    monkeypatch.setattr(IPCameraHTTPHandler, "camera", SimpleNamespace(config=config, onvif=onvif, ptz=motors))
    with ThreadingHTTPServer(("127.0.0.1", 0), IPCameraHTTPHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for token, pan in (("north", -0.5), ("south", 0.75)):
            motors.absolute_move(pan, 0.1, 0.25)
            motors.set_preset(token, token.title())
        motors.absolute_move(0.0, 0.0, 0.0)
        yield f"127.0.0.1:{server.server_port}/onvif/device_service", motors
        server.shutdown()
    motors.stop()


def roof(address: str, login: str = "admin:s3%3Acret@", preset: str = "south") -> Camera:
    options = (("onvif_url", f"http://{address}"),)
    views = (View("v", preset=preset),)
    return Camera("roof", f"rtsp://{login}127.0.0.1/1", SourceKind.PATROL, views=views, options=options)


def test_presets_and_their_positions(virtual: tuple[str, Any]) -> None:
    client = OnvifClient(f"http://admin:s3%3Acret@{virtual[0]}", SystemClock())
    presets = {preset.token: preset for preset in client.presets()}
    assert {"north", "south"} <= set(presets)
    assert presets["south"].name == "South"
    assert presets["south"].position == pytest.approx((0.75, 0.1, 0.25))
    assert client.status().position == pytest.approx((0.0, 0.0, 0.0))
    assert client.snapshot_uri().startswith("http://")
    client.close()
    assert "s3" not in repr(client)


def test_turns_and_waits_until_still(virtual: tuple[str, Any]) -> None:
    address, motors = virtual
    clock = ManualClock(SystemClock().now())
    camera = roof(address)
    OnvifSteering(clock).turn(camera, camera.views[0])
    assert motors.get_status()["pan"] == pytest.approx(0.75)
    assert clock.monotonic_s() >= 0.8


def test_camera_that_someone_else_keeps_turning_is_not_looked_at(virtual: tuple[str, Any]) -> None:
    address, motors = virtual

    class Joystick(ManualClock):
        """Between two questions an operator turns the camera on."""

        def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
            super().sleep(seconds, wake)
            motors.absolute_move(-1.0 + self.monotonic_s() % 1.5, 0.0, 0.0)

    camera = roof(address)
    with pytest.raises(SourceTimeoutError, match="not still on preset 'south'"):
        OnvifSteering(Joystick(SystemClock().now())).turn(camera, camera.views[0])


def test_unknown_preset_and_wrong_password(virtual: tuple[str, Any]) -> None:
    address, _ = virtual
    steering = OnvifSteering(ManualClock(SystemClock().now()))
    nowhere = roof(address, preset="west")
    with pytest.raises(SourceRefusedError, match="no PTZ preset 'west'"):
        steering.turn(nowhere, nowhere.views[0])
    wrong = roof(address, login="admin:n0pe@")
    with pytest.raises(SourceRefusedError, match="401") as caught:
        steering.turn(wrong, wrong.views[0])
    assert "n0pe" not in str(caught.value)


def test_nobody_there() -> None:
    camera = roof("127.0.0.1:1/onvif/device_service")
    with pytest.raises(SourceError, match="ConnectError"):
        OnvifSteering(ManualClock()).turn(camera, camera.views[0])


def test_streams_are_told_the_largest_first_on_the_host_that_is_reached(virtual: tuple[str, Any]) -> None:
    client = OnvifClient(f"http://admin:s3%3Acret@{virtual[0]}", SystemClock())
    main, small = client.stream_uris()
    client.close()
    assert main != small
    assert all(uri.startswith("rtsp://127.0.0.1") and "s3" not in uri for uri in (main, small))
    assert "sub" in small.lower()
