"""The ONVIF backchannel against GStreamer's RTSPOnvifServer."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.peers import gst_camera, heard_by
from tests.alerts.test_audio import tone
from vision.alerts.audio import Audio
from vision.alerts.chime import chime
from vision.alerts.listen import Microphone, find
from vision.alerts.speakers import open_speaker
from vision.alerts.speakers.driver import address_of
from vision.core.clock import SystemClock
from vision.core.errors import Rejected, RetryLater
from vision.core.registry import Speaker

pytestmark = [pytest.mark.server, pytest.mark.slow]
CLIP = chime().then(tone(700, rate_hz=16000, duration_s=0.5)).scaled(0.6)


def speaker(host: str, path: str = "camera", user: str = "", **options: str) -> Speaker:
    return Speaker("cam", "onvif", f"rtsp://{user}{host}/{path}", options=tuple(options.items()))


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_what_arrives_is_what_was_sent(tmp_path: Path, codec: str) -> None:
    with gst_camera(tmp_path, codec) as host:
        proof = open_speaker(speaker(host), SystemClock()).play(CLIP, threading.Event())
        heard = heard_by(tmp_path)
    sent = CLIP.resampled(8000)
    assert proof.detail["codec"] == codec
    assert proof.sent_bytes == len(heard.samples)
    assert len(heard.samples) == pytest.approx(len(sent.samples), abs=160)
    found = find(sent, Audio(np.concatenate([heard.samples, np.zeros(400, np.float32)]), 8000))
    assert found.score > 0.999
    assert found.delay_s < 0.01


def test_the_cameras_own_microphone_confirms_the_chime(tmp_path: Path) -> None:
    with gst_camera(tmp_path) as host:
        address = address_of(speaker(host, "microphone"), "rtsp")
        with Microphone(address) as microphone:
            open_speaker(speaker(host), SystemClock()).play(CLIP, threading.Event())
        assert microphone.fault == ""
        heard = find(chime(), microphone.recording())
        assert heard.confirmed
        assert heard.score > 0.9
        with Microphone(address) as silent:
            threading.Event().wait(1.6)
        assert not find(chime(), silent.recording()).confirmed


def test_a_password_is_answered_by_digest_and_a_wrong_one_refused(tmp_path: Path) -> None:
    with gst_camera(tmp_path, "PCMU", "admin", "s3cret") as host:
        short = tone(500, rate_hz=8000, duration_s=0.2)
        right = speaker(host, user="admin:s3cret@")
        assert open_speaker(right, SystemClock()).play(short, threading.Event()).sent_bytes == 1600
        for user in ("", "admin:wrong@"):
            with pytest.raises(Rejected, match=r"401|asks for a user"):
                open_speaker(speaker(host, user=user), SystemClock()).play(short, threading.Event())
        with pytest.raises(Rejected, match=r"no audio backchannel|551"):
            open_speaker(speaker(host, "mute", "admin:s3cret@"), SystemClock()).play(short, threading.Event())
        with pytest.raises(Rejected, match="404"):
            open_speaker(speaker(host, "none", "admin:s3cret@"), SystemClock()).play(short, threading.Event())
        with pytest.raises(Rejected, match=r"takes PCMU, not G.711 \(pcma\)"):
            open_speaker(speaker(host, user="admin:s3cret@", codec="pcma"), SystemClock()).play(
                short, threading.Event()
            )
        with Microphone(address_of(speaker(host, "mute", "admin:s3cret@"), "rtsp")) as microphone:
            pass
        assert "no G.711 microphone" in microphone.fault
    with pytest.raises(RetryLater, match="offline"):
        open_speaker(right, SystemClock()).play(short, threading.Event())


def test_stop_ends_it_at_once(tmp_path: Path) -> None:
    with gst_camera(tmp_path) as host:
        stop = threading.Event()
        timer = threading.Timer(0.5, stop.set)
        timer.start()
        proof = open_speaker(speaker(host), SystemClock()).play(tone(500, rate_hz=8000, duration_s=20), stop)
    assert proof.stopped
    assert proof.duration_s < 5
