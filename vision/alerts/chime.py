"""The chime before a phrase: it makes people listen, and a microphone can find it again."""

from functools import lru_cache

import numpy as np

from vision.alerts.audio import Audio

RATE_HZ = 16000
_NOTES_HZ = (659.26, 880.0, 587.33)  # E5 A5 D5
_PARTIALS = ((1.0, 1.0), (2.76, 0.25), (0.5, 0.3))  # a struck bar's overtone and a hum, as (ratio, strength)


@lru_cache(maxsize=1)
def chime() -> Audio:
    """1.3 s at 16 kHz. Its notes start unevenly spaced so that its autocorrelation has one peak only."""
    starts_s, length_s = (0.0, 0.31, 0.55), 1.3
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    out = np.zeros_like(t)
    for start_s, note_hz in zip(starts_s, _NOTES_HZ, strict=True):
        since = t - start_s
        envelope = np.where(since >= 0, (1 - np.exp(-np.maximum(since, 0) / 0.004)) * np.exp(-since / 0.22), 0.0)
        for ratio, strength in _PARTIALS:
            out += strength * envelope * np.sin(2 * np.pi * note_hz * ratio * since)
    out *= np.minimum(1.0, (length_s - t) / 0.05)
    return Audio((0.7 * out / np.abs(out).max()).astype(np.float32), RATE_HZ)
