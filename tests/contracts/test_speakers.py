"""What every loudspeaker protocol must do, run against each of them."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.test_audio import tone
from vision.alerts.audio import Audio
from vision.alerts.speakers import KINDS, open_speaker
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError, Rejected, RetryLater
from vision.core.registry import Speaker
from vision.sandbox.speaker import VirtualSpeaker
from vision.testing import ManualClock

CLIP = tone(440, rate_hz=16000, duration_s=0.4)


def test_every_kind_loads_and_names_itself() -> None:
    with pytest.raises(ConfigError, match=r"speakers\.x\.kind: should be one of .*http.* \(got fax\)"):
        open_speaker(Speaker("x", "fax"), ManualClock())


ADDRESSES = {"onvif": "rtsp://h/1", "rtp": "rtp://h:5004", "sip": "sip://101@h", "wav": "/tmp"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_unknown_options_and_addresses_are_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match="no such option"):
        open_speaker(Speaker("x", kind, ADDRESSES.get(kind, "http://h/"), options=(("colour", "red"),)), ManualClock())
    if kind != "soundcard":
        with pytest.raises(ConfigError, match="url: should be"):
            open_speaker(Speaker("x", kind, ""), ManualClock())


@pytest.mark.parametrize("body_format", ["wav", "pcmu", "pcma"])
def test_http_delivers_the_sound(body_format: str) -> None:
    with VirtualSpeaker() as device:
        speaker = Speaker("x", "http", f"{device.url}/play", options=(("format", body_format),))
        clock = ManualClock()
        proof = open_speaker(speaker, clock).play(CLIP, threading.Event())
        heard = device.recordings[0].audio.resampled(16000)
    assert np.corrcoef(heard.samples, CLIP.samples)[0, 1] > 0.99
    assert proof.accepted == "200 OK"
    assert proof.duration_s == pytest.approx(0.4)
    assert clock.monotonic_s() == pytest.approx(0.4)  # it holds the floor while the device plays


def test_http_body_template_and_stop() -> None:
    with VirtualSpeaker() as device:
        stop = threading.Event()
        stop.set()
        options = (("body", '{"clip": "{audio_base64}", "s": {duration_s}}'), ("content_type", "audio/wav"))
        templated = Speaker("x", "http", f"{device.url}/play", options=options)
        with pytest.raises(Rejected, match="415"):  # a template's body is no WAV
            open_speaker(templated, ManualClock()).play(CLIP, stop)
        stoppable = Speaker("x", "http", f"{device.url}/play", options=(("stop_url", f"{device.url}/stop"),))
        proof = open_speaker(stoppable, ManualClock()).play(CLIP, stop)
        assert proof.stopped
        assert proof.duration_s < 0.4
        assert device.stops == 1


def test_http_tells_busy_refused_and_offline_apart() -> None:
    with VirtualSpeaker() as device:
        driver = open_speaker(Speaker("x", "http", f"{device.url}/play"), ManualClock())
        device.failures = [503, 403]
        with pytest.raises(RetryLater, match="503"):
            driver.play(CLIP, threading.Event())
        with pytest.raises(Rejected, match=r"403 Forbidden: .*told to fail"):
            driver.play(CLIP, threading.Event())
    with pytest.raises(RetryLater, match="loudspeaker x is offline"):
        driver.play(CLIP, threading.Event())


def test_wav_keeps_the_sound(tmp_path: Path) -> None:
    proof = open_speaker(Speaker("x", "wav", str(tmp_path)), ManualClock()).play(CLIP, threading.Event())
    (path,) = tmp_path.glob("x-*.wav")
    assert np.abs(Audio.from_wav(path.read_bytes()).samples - CLIP.samples).max() < 1e-3
    assert proof.detail["file"] == path.name


def test_wav_stops_at_once(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    driver = open_speaker(Speaker("x", "wav", f"file://{tmp_path}"), SystemClock())
    proof = driver.play(tone(440, rate_hz=16000, duration_s=30), stop)
    assert proof.stopped
    assert proof.duration_s < 5


def test_passwords_stay_out_of_what_is_told() -> None:
    speaker = Speaker("x", "http", "http://admin:s3cret@127.0.0.1:9/play")
    with pytest.raises(RetryLater) as told:
        open_speaker(speaker, ManualClock()).play(CLIP, threading.Event())
    assert "s3cret" not in str(told.value)
    with pytest.raises(ConfigError) as refused:
        open_speaker(Speaker("x", "http", "ftp://admin:s3cret@h/play"), ManualClock())
    assert "s3cret" not in str(refused.value)


def test_the_sound_card_gets_it_all_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for aplay writes what it is piped: no machine of the tests has a sound card."""
    player = tmp_path / "aplay"
    player.write_text(f"#!/bin/sh\ncat > {tmp_path}/heard.s16\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    proof = open_speaker(Speaker("x", "soundcard"), ManualClock()).play(CLIP, threading.Event())
    heard = np.fromfile(tmp_path / "heard.s16", "<i2").astype(np.float32) / 32768
    assert np.abs(heard - CLIP.samples).max() < 1e-3
    assert proof.sent_bytes == 2 * len(CLIP.samples)
    player.write_text("#!/bin/sh\necho 'cannot open device' >&2\nexit 1\n")
    with pytest.raises(RetryLater, match="cannot open device"):
        open_speaker(Speaker("x", "soundcard"), ManualClock()).play(CLIP, threading.Event())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Rejected, match="apt install alsa-utils"):
        open_speaker(Speaker("x", "soundcard"), ManualClock()).play(CLIP, threading.Event())
