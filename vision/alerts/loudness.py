"""How loud a clip sounds, by ITU-R BS.1770-4, and bringing it to a target without clipping."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vision.alerts.audio import Audio

_BLOCK_S, _OVERLAP = 0.4, 0.75  # BS.1770-4, annex 1, gating
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_CEILING = 10 ** (-1 / 20)  # -1 dBFS: companding and cheap amplifiers overshoot


def integrated_lufs(audio: Audio) -> float:
    """Gated loudness of a mono clip; -inf for silence. A clip shorter than 0.4 s is one block."""
    weighted = _k_weighted(audio)
    block = min(len(weighted), round(_BLOCK_S * audio.rate_hz))
    if block == 0:
        return -math.inf
    step = max(1, round(block * (1 - _OVERLAP)))
    energy = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    starts = np.arange(0, len(weighted) - block + 1, step)
    power = (energy[starts + block] - energy[starts]) / block
    loud = power[_lufs(power) > _ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return -math.inf
    gate = float(_lufs(loud.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def normalised(audio: Audio, target_lufs: float) -> Audio:
    """The clip at `target_lufs`, peaks held under -1 dBFS by a limiter.

    Raises:
        ValueError: the clip is silent.
    """
    loudness = integrated_lufs(audio)
    if math.isinf(loudness):
        raise ValueError("the clip is silent")
    gain = 10 ** ((target_lufs - loudness) / 20)
    limited = _limited(audio.samples.astype(np.float64) * gain, audio.rate_hz)
    for _ in range(3):  # what the limiter takes away is given back, as far as the ceiling lets it
        missing = target_lufs - integrated_lufs(Audio(limited.astype(np.float32), audio.rate_hz))
        if missing < 0.1:
            break
        gain *= 10 ** (missing / 20)
        limited = _limited(audio.samples.astype(np.float64) * gain, audio.rate_hz)
    return Audio(limited.astype(np.float32), audio.rate_hz)


def _lufs(power: NDArray[np.floating] | np.floating) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(np.asarray(power, np.float64), 1e-12))


def _limited(samples: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Look-ahead limiter: the needed gain, held over 5 ms each way and smoothed over the same stretch."""
    need = np.minimum(1.0, _CEILING / np.maximum(np.abs(samples), 1e-9))
    if need.min(initial=1.0) >= 1.0:
        return samples
    reach = max(1, round(0.005 * rate_hz))
    held = np.lib.stride_tricks.sliding_window_view(np.pad(need, reach, constant_values=1.0), 2 * reach + 1).min(axis=1)
    smooth = np.convolve(
        np.pad(held, reach // 2, mode="edge"), np.full(2 * (reach // 2) + 1, 1 / (2 * (reach // 2) + 1)), "valid"
    )
    return np.asarray(samples * smooth[: len(samples)])


def _k_weighted(audio: Audio) -> NDArray[np.float64]:
    response = _k_response(audio.rate_hz)
    size = len(audio.samples) + len(response) - 1
    padded = 1 << (size - 1).bit_length()
    spectrum = np.fft.rfft(audio.samples.astype(np.float64), padded) * np.fft.rfft(response, padded)
    return np.fft.irfft(spectrum, padded)[: len(audio.samples)]


@lru_cache(maxsize=8)
def _k_response(rate_hz: int) -> NDArray[np.float64]:
    """First second of the K filter's impulse response (its tail is below -120 dB by then).

    The two biquads of BS.1770-4, tables 1 and 2, are given for 48 kHz; other rates take the analogue prototypes behind
    them through the bilinear transform (De Man, "Evaluation of implementations of the EBU R128 loudness measurement",
    AES 145, 2018).
    """
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * shelf_hz / rate_hz)
    v_high = 10 ** (shelf_db / 20)
    v_band = v_high**0.4996667741545416
    a0 = 1 + k / shelf_q + k * k
    b = [
        (v_high + v_band * k / shelf_q + k * k) / a0,
        2 * (k * k - v_high) / a0,
        (v_high - v_band * k / shelf_q + k * k) / a0,
    ]
    a = [2 * (k * k - 1) / a0, (1 - k / shelf_q + k * k) / a0]
    impulse = [1.0] + [0.0] * (rate_hz - 1)
    shelved = _biquad(impulse, b, a)
    high_hz, high_q = 38.13547087602444, 0.5003270373238773
    k = math.tan(math.pi * high_hz / rate_hz)
    a0 = 1 + k / high_q + k * k
    return np.asarray(_biquad(shelved, [1.0, -2.0, 1.0], [2 * (k * k - 1) / a0, (1 - k / high_q + k * k) / a0]))


def _biquad(x: list[float], b: list[float], a: list[float]) -> list[float]:
    out, x1, x2, y1, y2 = [], 0.0, 0.0, 0.0, 0.0
    for value in x:
        y = b[0] * value + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
        x1, x2, y1, y2 = value, x1, y, y1
        out.append(y)
    return out
