import subprocess
import sys

import httpx
import numpy as np
import pytest

from tests.alerts.test_audio import tone
from vision.alerts import g711
from vision.alerts.audio import Audio
from vision.alerts.g711 import Law
from vision.sandbox.speaker import VirtualSpeaker


def test_keeps_and_lists_what_it_was_told() -> None:
    clip = tone(440, rate_hz=16000)
    with VirtualSpeaker() as speaker:
        answer = httpx.post(f"{speaker.url}/play", content=clip.to_wav(), headers={"content-type": "audio/wav"})
        assert answer.json()["duration_s"] == 1.0
        listed = httpx.get(f"{speaker.url}/recordings").json()["recordings"]
        assert [entry["id"] for entry in listed] == [1]
        page = httpx.get(speaker.url).text
        assert '<audio controls preload="none" src="/recordings/1.wav">' in page
        back = Audio.from_wav(httpx.get(speaker.url + listed[0]["wav"]).content)
        assert np.abs(back.samples - clip.samples).max() < 1e-3


@pytest.mark.parametrize(("media_type", "law"), [("audio/basic", Law.MU), ("audio/x-alaw-basic", Law.A)])
def test_takes_g711(media_type: str, law: Law) -> None:
    clip = tone(440, rate_hz=8000)
    with VirtualSpeaker() as speaker:
        body = g711.encode(clip.samples, law)
        httpx.post(f"{speaker.url}/play", content=body, headers={"content-type": media_type}).raise_for_status()
        assert np.corrcoef(speaker.recordings[0].audio.samples, clip.samples)[0, 1] > 0.999


def test_refuses_what_is_no_audio_and_fails_on_demand() -> None:
    with VirtualSpeaker() as speaker:
        text = httpx.post(f"{speaker.url}/play", content=b"hi", headers={"content-type": "text/plain"})
        assert text.status_code == 415
        assert "cannot play text/plain" in text.json()["error"]
        broken = httpx.post(f"{speaker.url}/play", content=b"hi", headers={"content-type": "audio/wav"})
        assert broken.status_code == 415
        httpx.post(f"{speaker.url}/fail", json={"status": 503, "times": 1})
        wav = tone(440, rate_hz=8000).to_wav()
        codes = [
            httpx.post(f"{speaker.url}/play", content=wav, headers={"content-type": "audio/wav"}).status_code
            for _ in range(2)
        ]
        assert codes == [503, 200]


def test_runs_as_a_command() -> None:
    command = [sys.executable, "-m", "vision.sandbox.speaker", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[3].rstrip(",")
            assert httpx.get(f"{url}/healthz").json() == {"ok": True}
        finally:
            process.terminate()
