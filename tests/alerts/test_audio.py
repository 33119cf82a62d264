import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.alerts.audio import Audio, Resampler


def tone(hz: float, *, rate_hz: int, duration_s: float = 1.0, amplitude: float = 0.5) -> Audio:
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    return Audio((amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48000, 8000), (44100, 16000), (22050, 8000), (8000, 16000)])
def test_resampling_keeps_a_tone(from_hz: int, to_hz: int) -> None:
    got = tone(700, rate_hz=from_hz).resampled(to_hz)
    want = tone(700, rate_hz=to_hz)
    assert len(got.samples) == len(want.samples)
    inner = slice(100, -100)
    assert np.abs(got.samples[inner] - want.samples[inner]).max() < 1e-4


@pytest.mark.parametrize("from_hz", [48000, 44100, 22050])
def test_resampling_removes_what_would_fold(from_hz: int) -> None:
    assert tone(5200, rate_hz=from_hz).resampled(8000).rms_dbfs < -50


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12), st.sampled_from([8000, 16000, 44100, 48000]))
def test_resampling_in_pieces_is_resampling_at_once(sizes: list[int], from_hz: int) -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, sum(sizes)).astype(np.float32)
    at_once = Resampler(from_hz, 8000)
    whole = np.concatenate([at_once.push(samples), at_once.flush()])
    pieces, at, resampler = [], 0, Resampler(from_hz, 8000)
    for size in sizes:
        pieces.append(resampler.push(samples[at : at + size]))
        at += size
    assert np.allclose(np.concatenate([*pieces, resampler.flush()]), whole, atol=1e-6)


def test_wav_and_back() -> None:
    clip = tone(440, rate_hz=16000)
    again = Audio.from_wav(clip.to_wav())
    assert again.rate_hz == 16000
    assert np.abs(again.samples - clip.samples).max() < 1e-4


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all, not even close to it, in no way"])
def test_what_is_no_wav_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a WAV file"):
        Audio.from_wav(data)


def test_trimming_cuts_silence_at_both_ends_only() -> None:
    clip = Audio.silence(1, 8000).then(tone(500, rate_hz=8000)).then(Audio.silence(2, 8000))
    assert clip.trimmed(keep_s=0.05).duration_s == pytest.approx(1.1, abs=0.01)
    assert Audio.silence(1, 8000).trimmed().duration_s == 0


def test_frames_are_20_ms_and_the_last_is_padded() -> None:
    frames = list(tone(500, rate_hz=16000, duration_s=0.05).frames(8000))
    assert [len(frame) for frame in frames] == [160, 160, 160]
    assert not frames[-1][80:].any()
