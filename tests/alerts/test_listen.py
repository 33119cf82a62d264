import shutil

import numpy as np
import pytest

from tests.alerts.test_audio import tone
from vision.alerts.audio import Audio, Samples
from vision.alerts.chime import chime
from vision.alerts.listen import Heard, find
from vision.alerts.speech import EspeakNg

RATE_HZ = 8000


def noise(duration_s: float, seed: int, *, pink: bool = False) -> Samples:
    white = np.random.default_rng(seed).standard_normal(round(duration_s * RATE_HZ))
    if pink:
        spectrum = np.fft.rfft(white)
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        white = np.fft.irfft(spectrum, len(white))
    return np.asarray(white / np.sqrt(np.square(white).mean()), np.float32)


def street(seed: int, *, chime_at_s: float | None, reverb_s: float, snr_db: float) -> Audio:
    """Eight seconds of pink noise in which the chime may ring, through a decaying random room."""
    background = noise(8, seed, pink=True)
    if chime_at_s is None:
        return Audio(background * np.float32(0.1), RATE_HZ)
    dry = chime().resampled(RATE_HZ).samples
    t = np.arange(round(reverb_s * RATE_HZ) + 1) / RATE_HZ
    room = (
        noise(len(t) / RATE_HZ, seed + 1)[: len(t)] * np.exp(-6.9 * t / max(reverb_s, 1e-3)).astype(np.float32) * 0.02
    )
    room[0] = 1.0
    wet = np.convolve(dry, room)
    wet *= 10 ** (snr_db / 20) / np.sqrt(np.square(wet).mean())
    start = round(chime_at_s * RATE_HZ)
    background[start : start + len(wet)] += wet[: len(background) - start]
    return Audio(background * np.float32(0.05), RATE_HZ)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("reverb_s", [0.0, 0.4, 1.0])
def test_the_chime_is_found_in_a_noisy_echoing_street(seed: int, reverb_s: float) -> None:
    heard = find(chime(), street(seed, chime_at_s=2.5, reverb_s=reverb_s, snr_db=0))
    assert heard.confirmed
    assert heard.delay_s == pytest.approx(2.5, abs=0.02)


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_chime(seed: int) -> None:
    assert find(chime(), street(seed, chime_at_s=None, reverb_s=0, snr_db=0)).score < 0.15
    assert find(chime(), Audio(noise(8, seed), RATE_HZ)).score < 0.15


def test_tones_and_silence_are_no_chime() -> None:
    for hz in (440, 659.26, 880, 587.33, 1000):
        assert not find(chime(), tone(hz, rate_hz=RATE_HZ, duration_s=5)).confirmed
    assert find(chime(), Audio.silence(5, RATE_HZ)).score == 0
    assert find(chime(), Audio.silence(0.5, RATE_HZ)) == Heard(0.0, 0.0)


def test_speech_is_no_chime() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs espeak-ng")
    spoken = EspeakNg().say("海鲜店,请不要越门经营,请保持周边环境整洁,谢谢配合", "zh")
    assert find(chime(), spoken).score < 0.2
