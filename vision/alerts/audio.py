"""Mono audio in memory: cutting, resampling, WAV, and the 20 ms frames that telephony moves it in."""

import io
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

FRAME_S = 0.02  # one G.711 packet: RFC 3551, 4.5.14 and its default packet time


class Sound(Protocol):
    """What a loudspeaker can play: a clip, or somebody talking right now."""

    @property
    def duration_s(self) -> float | None:
        """None while nobody knows (live talk)."""
        ...

    def frames(self, rate_hz: int) -> Iterator[Samples]:
        """Frames of 20 ms at `rate_hz`, the last one padded. A clip hands them out at once, talk as it comes."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """A clip. `samples`: (N,) float32 in -1 to 1."""

    samples: Samples
    rate_hz: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1:
            raise ValueError(f"samples should be (N,), got {self.samples.shape}")
        if self.rate_hz <= 0:
            raise ValueError(f"rate_hz should be positive, got {self.rate_hz}")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.rate_hz

    @property
    def peak(self) -> float:
        return float(np.abs(self.samples).max(initial=0.0))

    @property
    def rms_dbfs(self) -> float:
        """Root mean square against full scale; -inf for silence."""
        power = float(np.square(self.samples, dtype=np.float64).mean()) if len(self.samples) else 0.0
        return 10 * math.log10(power) if power > 0 else -math.inf

    @classmethod
    def silence(cls, duration_s: float, rate_hz: int) -> Self:
        return cls(np.zeros(round(duration_s * rate_hz), np.float32), rate_hz)

    def scaled(self, gain: float) -> Self:
        return type(self)((self.samples * np.float32(gain)).clip(-1, 1), self.rate_hz)

    def then(self, other: "Audio") -> Self:
        """This clip, then the other, at this one's rate."""
        return type(self)(np.concatenate([self.samples, other.resampled(self.rate_hz).samples]), self.rate_hz)

    def resampled(self, rate_hz: int) -> "Audio":
        if rate_hz == self.rate_hz:
            return self
        resampler = Resampler(self.rate_hz, rate_hz)
        out = np.concatenate([resampler.push(self.samples), resampler.flush()])
        wanted = round(len(self.samples) * rate_hz / self.rate_hz)
        return Audio(out[:wanted], rate_hz)

    def trimmed(self, *, below_dbfs: float = -45.0, keep_s: float = 0.05) -> "Audio":
        """Without the silence at both ends; empty when nothing is louder than `below_dbfs`."""
        loud = np.flatnonzero(np.abs(self.samples) > 10 ** (below_dbfs / 20))
        if not len(loud):
            return Audio(self.samples[:0], self.rate_hz)
        keep = round(keep_s * self.rate_hz)
        return Audio(self.samples[max(0, loud[0] - keep) : loud[-1] + 1 + keep], self.rate_hz)

    def frames(self, rate_hz: int) -> Iterator[Samples]:
        samples = self.resampled(rate_hz).samples
        size = round(FRAME_S * rate_hz)
        for start in range(0, len(samples), size):
            frame = samples[start : start + size]
            yield np.pad(frame, (0, size - len(frame))) if len(frame) < size else frame

    def to_wav(self) -> bytes:
        """16-bit PCM RIFF/WAVE."""
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate_hz)
            file.writeframes(to_pcm16(self.samples).tobytes())
        return buffer.getvalue()

    @classmethod
    def from_wav(cls, data: bytes) -> Self:
        """16-bit PCM RIFF/WAVE; several channels are averaged.

        Raises:
            ValueError: anything else.
        """
        try:
            with wave.open(io.BytesIO(data), "rb") as file:
                channels, width, rate_hz = file.getnchannels(), file.getsampwidth(), file.getframerate()
                raw = file.readframes(file.getnframes())
        except (wave.Error, EOFError) as error:
            raise ValueError(f"not a WAV file: {error}") from error
        if width != 2:
            raise ValueError(f"a WAV file should have 16-bit samples, got {8 * width}-bit ones")
        raw = raw[: len(raw) // (2 * channels) * 2 * channels]
        pcm = np.frombuffer(raw, "<i2").reshape(-1, channels)
        return cls(from_pcm16(pcm).mean(axis=1, dtype=np.float32), rate_hz)


def to_pcm16(samples: Samples) -> NDArray[np.int16]:
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")


def from_pcm16(pcm: NDArray[np.int16]) -> Samples:
    return (pcm.astype(np.float32) / np.float32(32768)).astype(np.float32)


class Resampler:
    """Band-limited rate change that can be fed piece by piece: a Hann-windowed sinc (J. O. Smith, "Digital Audio
    Resampling", CCRMA), evaluated at each output instant. Delay: 16 samples of the lower rate (2 ms at 8 kHz).
    """

    _LOBES = 16

    def __init__(self, from_hz: int, to_hz: int) -> None:
        shared = math.gcd(from_hz, to_hz)
        # Output n lies at input n · down / up, so that only `up` different kernels occur.
        self._up, self._down = to_hz // shared, from_hz // shared
        ratio = min(1.0, to_hz / from_hz)
        cutoff = ratio * 0.95  # the window's skirt stays below the fold
        self._half = math.ceil(self._LOBES / ratio)
        distance = np.arange(1 - self._half, self._half + 1) - np.arange(self._up)[:, None] / self._up
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / self._half, -1, 1))
        self._kernels = (cutoff * np.sinc(cutoff * distance) * window).astype(np.float32)
        self._kept = np.zeros(self._half, np.float32)
        self._kept_from = -self._half  # input index of the first kept sample
        self._made = 0

    def push(self, samples: Samples) -> Samples:
        """Every output sample whose neighbourhood is known by now."""
        self._kept = np.concatenate([self._kept, samples.astype(np.float32, copy=False)])
        end = self._kept_from + len(self._kept)
        ready = max(0, (end - self._half - 1) * self._up // self._down + 1 - self._made)
        pieces = [self._make(min(8192, ready - done)) for done in range(0, ready, 8192)]
        first_needed = self._made * self._down // self._up - self._half
        drop = max(0, first_needed - self._kept_from)
        self._kept, self._kept_from = self._kept[drop:], self._kept_from + drop
        return np.concatenate([*pieces, np.zeros(0, np.float32)])

    def flush(self) -> Samples:
        """The tail, as if silence followed."""
        return self.push(np.zeros(self._half + 1, np.float32))

    def _make(self, count: int) -> Samples:
        at = (self._made + np.arange(count)) * self._down
        taps = (at // self._up - self._kept_from)[:, None] + np.arange(1 - self._half, self._half + 1)
        index = np.clip(taps, 0, len(self._kept) - 1)
        self._made += count
        out: Samples = np.einsum("ij,ij->i", self._kept[index], self._kernels[at % self._up])
        return out
