"""Hikvision, Axis and Dahua: our drivers against the virtual loudspeaker, and clients we did not write against it too."""

import asyncio
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.peers import needs
from tests.alerts.test_audio import tone
from vision.alerts import g711
from vision.alerts.audio import Audio
from vision.alerts.chime import chime
from vision.alerts.g711 import Law
from vision.alerts.listen import find
from vision.alerts.speakers import open_speaker
from vision.core.clock import SystemClock
from vision.core.errors import Rejected, RetryLater
from vision.core.registry import Speaker
from vision.sandbox.speaker import VirtualSpeaker
from vision.testing import ManualClock

CLIP = chime().scaled(0.6)
KINDS = [("hikvision", {}), ("dahua", {}), ("dahua", {"codec": "pcmu"}), ("axis", {}), ("axis", {"mode": "clip"})]


def speaker(kind: str, device: VirtualSpeaker, user: str = "admin:s3cret@", **options: str) -> Speaker:
    return Speaker("horn", kind, device.url.replace("://", f"://{user}"), options=tuple(options.items()))


def whole(heard: Audio) -> float:
    """How much of the clip is in it, 0–1."""
    return find(CLIP, Audio(np.concatenate([heard.samples, np.zeros(200, np.float32)]), heard.rate_hz)).score


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_what_arrives_is_what_was_sent(kind: str, options: dict[str, str]) -> None:
    with VirtualSpeaker(user="admin", password="s3cret") as device:
        proof = open_speaker(speaker(kind, device, **options), ManualClock()).play(CLIP, threading.Event())
        assert device.wait_for(1, 5)
        heard = device.recordings[0].audio
    assert whole(heard) > 0.999
    assert heard.duration_s == pytest.approx(CLIP.duration_s, abs=0.021)
    assert proof.duration_s == pytest.approx(CLIP.duration_s, abs=0.021)
    assert not device.devices.talking
    assert not device.devices.clips


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_wrong_password_is_refused_and_stays_secret(kind: str, options: dict[str, str]) -> None:
    with VirtualSpeaker(user="admin", password="s3cret") as device:
        driver = open_speaker(speaker(kind, device, "admin:wr0ng@", **options), ManualClock())
        with pytest.raises(Rejected, match="401") as told:
            driver.play(CLIP, threading.Event())
    assert "wr0ng" not in str(told.value)
    with pytest.raises(RetryLater, match="offline"):
        driver.play(CLIP, threading.Event())


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize(("status", "fault"), [(503, RetryLater), (404, Rejected)])
def test_busy_and_refused_are_told_apart(
    kind: str, options: dict[str, str], status: int, fault: type[Exception]
) -> None:
    with VirtualSpeaker() as device:
        device.failures = [status] * 10
        with pytest.raises(fault, match=str(status)):
            open_speaker(speaker(kind, device, "", **options), ManualClock()).play(CLIP, threading.Event())


@pytest.mark.parametrize("kind", ["hikvision", "dahua", "axis"])
def test_stop_ends_it_at_once(kind: str) -> None:
    stop = threading.Event()
    with VirtualSpeaker() as device:
        threading.Timer(0.3, stop.set).start()
        long = tone(500, rate_hz=8000, duration_s=30)
        proof = open_speaker(speaker(kind, device, ""), SystemClock()).play(long, stop)
        assert device.wait_for(1, 5)
        assert device.recordings[0].audio.duration_s == pytest.approx(proof.duration_s, abs=0.05)
    assert proof.stopped
    assert proof.duration_s < 5


def test_hikvision_speaks_the_law_the_device_is_set_to_and_closes_what_was_left_open() -> None:
    with VirtualSpeaker() as device:
        device.devices.hikvision_law = Law.A
        device.devices.talking = True
        proof = open_speaker(speaker("hikvision", device, ""), ManualClock()).play(CLIP, threading.Event())
        assert device.wait_for(1, 5)
        assert proof.detail["codec"] == "PCMA"
        assert whole(device.recordings[0].audio) > 0.999


def test_an_independent_hikvision_client_is_heard(tmp_path: Path) -> None:
    isapi = pytest.importorskip("hik_isapi_audio")
    path = tmp_path / "clip.g711"
    path.write_bytes(g711.encode(CLIP.resampled(8000).samples, Law.MU))
    with VirtualSpeaker(user="admin", password="s3cret") as device:
        host, _, port = device.url.removeprefix("http://").partition(":")
        theirs = isapi.HikCameraControl(host, "admin", "s3cret", int(port))
        asyncio.run(theirs.play_audio(str(path)))
        assert device.wait_for(1, 5)
        assert device.recordings[0].protocol == "hikvision"
        assert whole(device.recordings[0].audio) > 0.999


@pytest.mark.server
@pytest.mark.parametrize(
    ("path", "media_type", "law", "protocol"),
    [
        ("/axis-cgi/audio/transmit.cgi", "audio/basic", Law.MU, "axis"),
        ("/cgi-bin/audio.cgi?action=postAudio&httptype=singlepart&channel=1", "Audio/G.711A", Law.A, "dahua"),
    ],
)
def test_curl_is_heard_too(tmp_path: Path, path: str, media_type: str, law: Law, protocol: str) -> None:
    clip = tmp_path / "clip"
    clip.write_bytes(g711.encode(CLIP.resampled(8000).samples, law))
    with VirtualSpeaker(user="admin", password="s3cret") as device:
        command = [needs("curl", "curl"), "-s", "--digest", "-u", "admin:s3cret", "--max-time", "1"]
        command += ["-H", f"Content-Type: {media_type}", "--data-binary", f"@{clip}", device.url + path]
        subprocess.run(command, check=False, timeout=10)
        assert device.wait_for(1, 5)
        assert device.recordings[0].protocol == protocol
        assert whole(device.recordings[0].audio) > 0.999
