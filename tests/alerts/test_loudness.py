import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.alerts.test_audio import tone
from tests.conftest import absent
from vision.alerts.audio import Audio
from vision.alerts.loudness import integrated_lufs, normalised


def speechlike(rate_hz: int) -> Audio:
    rng = np.random.default_rng(3)
    t = np.arange(rate_hz * 4) / rate_hz
    wave = 0.2 * np.sin(2 * np.pi * 300 * t) * (1 + np.sin(2 * np.pi * 0.9 * t)) + 0.03 * rng.standard_normal(len(t))
    return Audio(wave.astype(np.float32), rate_hz)


def test_the_reference_tone_reads_as_the_standard_says() -> None:
    """BS.1770-4: a 0 dBFS sine at 997 Hz on one front channel reads -3.01 LKFS."""
    full = tone(997, rate_hz=48000, duration_s=5, amplitude=1.0)
    assert integrated_lufs(full) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 48000])
def test_agrees_with_pyloudnorm(rate_hz: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    clip = speechlike(rate_hz)
    theirs = pyloudnorm.Meter(rate_hz, filter_class="DeMan").integrated_loudness(clip.samples.astype(np.float64))
    assert integrated_lufs(clip) == pytest.approx(theirs, abs=0.01)


@pytest.mark.server
def test_agrees_with_ffmpeg(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        absent("needs ffmpeg (apt install ffmpeg)")
    path = tmp_path / "clip.wav"
    clip = speechlike(48000)
    path.write_bytes(clip.to_wav())
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", str(path), "-af", "ebur128", "-f", "null", "-"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    theirs = float(re.findall(r"I:\s+(-?[\d.]+) LUFS", told)[-1])
    assert integrated_lufs(clip) == pytest.approx(theirs, abs=0.15)


@pytest.mark.parametrize("target", [-23.0, -16.0, -12.0])
def test_normalising_reaches_the_target_without_clipping(target: float) -> None:
    loud = normalised(speechlike(16000), target)
    assert integrated_lufs(loud) == pytest.approx(target, abs=0.3)
    assert loud.peak <= 10 ** (-1 / 20) + 1e-3


def test_silence_has_no_loudness() -> None:
    assert integrated_lufs(Audio.silence(1, 16000)) == -math.inf
    assert integrated_lufs(Audio.silence(0, 16000)) == -math.inf
    with pytest.raises(ValueError, match="silent"):
        normalised(Audio.silence(1, 16000), -16)
