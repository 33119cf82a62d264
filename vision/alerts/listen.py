"""Listening back: the microphone beside a loudspeaker, and finding the chime in what it heard."""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vision.alerts import g711
from vision.alerts.audio import Audio, Samples
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Address
from vision.alerts.speakers.rtp import parse
from vision.alerts.speakers.rtsp import RtspClient
from vision.core.errors import DeliveryError, Rejected

CONFIRMED_AT = 0.3
"""Correlation from which a chime counts as heard. Speech and street noise stay below 0.2; reverberation, with as much
noise as chime, leaves 0.35 and more (tests/alerts/test_listen.py).
"""
_ALONE = 1.5  # how far the best place must stand out: a held tone fits a little everywhere
_APART_S = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """`score`: normalised cross-correlation at the best place, 0–1; `rival`: at the best place well away from there.

    `delay_s`: where it begins in the recording.
    """

    score: float
    delay_s: float
    rival: float = 0.0

    @property
    def confirmed(self) -> bool:
        return self.score >= CONFIRMED_AT and self.score >= _ALONE * self.rival

    def to_record(self) -> dict[str, Any]:
        return {"score": round(self.score, 3), "delay_s": round(self.delay_s, 3), "confirmed": self.confirmed}


def find(pattern: Audio, recording: Audio) -> Heard:
    """Where `pattern` fits best in `recording`, both taken to 8 kHz: normalised cross-correlation (J. P. Lewis, "Fast
    Normalized Cross-Correlation", 1995), by FFT, the local energy from a running sum.
    """
    wanted = pattern.resampled(g711.RATE_HZ).samples.astype(np.float64)
    heard = recording.resampled(g711.RATE_HZ).samples.astype(np.float64)
    if len(wanted) == 0 or len(heard) < len(wanted):
        return Heard(0.0, 0.0)
    product = _correlated(heard, wanted)
    energy = np.concatenate([[0.0], np.cumsum(np.square(heard))])
    local = energy[len(wanted) :] - energy[: -len(wanted)]
    # A stretch that is all but silent would divide nothing by nothing.
    floor = max(float(local.max()) * 1e-4, 1e-9)
    score = np.abs(product) / np.sqrt(np.maximum(local, floor) * np.square(wanted).sum())
    best = int(score.argmax())
    apart = round(_APART_S * g711.RATE_HZ)
    rival = max(score[: max(0, best - apart)].max(initial=0.0), score[best + apart :].max(initial=0.0))
    return Heard(float(min(1.0, score[best])), best / g711.RATE_HZ, float(rival))


def _correlated(signal: NDArray[np.float64], pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    size = 1 << (len(signal) + len(pattern) - 1).bit_length()
    spectrum = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(pattern, size))
    return np.fft.irfft(spectrum, size)[: len(signal) - len(pattern) + 1]


class Microphone:
    """A camera's G.711 audio track, recorded while the context is open.

    It never breaks an announcement: what went wrong is told in `fault`.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: RtspClient | None = None
        self._law = Law.MU
        self._payload_type = -1
        self._pieces: list[Samples] = []
        self._lock = threading.Lock()
        self.fault = ""

    def __enter__(self) -> Self:
        try:
            self._client = RtspClient(self._address, received=self._take)
            track, (self._payload_type, name, _) = self._chosen(self._client)
            self._law = Law(name)
            self._client.setup(track, 0)
            self._client.play()
        except DeliveryError as error:
            self.fault = str(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()

    def recording(self) -> Audio:
        with self._lock:
            return Audio(np.concatenate([*self._pieces, np.zeros(0, np.float32)]), g711.RATE_HZ)

    def _take(self, channel: int, data: bytes) -> None:
        packet = parse(data) if channel == 0 else None
        if packet is not None and packet.payload_type == self._payload_type:
            with self._lock:
                self._pieces.append(g711.decode(packet.payload, self._law))

    @staticmethod
    def _chosen(client: RtspClient) -> Any:
        laws = {law.value for law in Law}
        for track in client.describe():
            if track.kind == "audio" and track.direction != "sendonly":
                for codec in track.codecs:
                    if codec[1] in laws and codec[2] == g711.RATE_HZ:
                        return track, codec
        raise Rejected("the camera offers no G.711 microphone")
