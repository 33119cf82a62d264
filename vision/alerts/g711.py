"""ITU-T G.711 companding in numpy (the standard library's audioop left Python in 3.13)."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vision.alerts.audio import Samples, from_pcm16, to_pcm16

RATE_HZ = 8000


class Law(StrEnum):
    MU = "PCMU"  # µ-law, RTP payload type 0
    A = "PCMA"  # A-law, RTP payload type 8

    @property
    def payload_type(self) -> int:
        """RFC 3551, table 4."""
        return 0 if self is Law.MU else 8

    @property
    def silence(self) -> int:
        """The code word of zero."""
        return 0xFF if self is Law.MU else 0xD5


def encode(samples: Samples, law: Law) -> bytes:
    """One byte a sample."""
    table = _ENCODE[law]
    return table[to_pcm16(samples).view(np.uint16)].tobytes()


def decode(data: bytes, law: Law) -> Samples:
    return from_pcm16(_DECODE[law][np.frombuffer(data, np.uint8)])


def _decode_mu() -> NDArray[np.int16]:
    """G.711 (11/88), table 2: value = ((2·mantissa + 33)·2^segment - 33), here on the 16-bit scale."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment, mantissa = (code >> 4) & 7, code & 15
    value = (((mantissa << 3) + 0x84) << segment) - 0x84
    return np.where(code & 0x80, -value, value).astype(np.int16)


def _decode_a() -> NDArray[np.int16]:
    """G.711 (11/88), table 1, even bits inverted."""
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, mantissa = (code >> 4) & 7, code & 15
    value = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, value, -value).astype(np.int16)


def _encode_mu() -> NDArray[np.uint8]:
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    # The standard compands 14-bit values; the two lowest of 16 bits fall off first, as everywhere in practice.
    value = pcm >> 2
    sign = np.where(value < 0, 0x7F, 0xFF)
    magnitude = np.minimum(np.abs(value), 8159) + 33
    segment = np.searchsorted(np.array([0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF]), magnitude)
    code = np.where(segment >= 8, 0x7F, (segment << 4) | ((magnitude >> (segment + 1)) & 0xF))
    return (code ^ sign).astype(np.uint8)


def _encode_a() -> NDArray[np.uint8]:
    pcm = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    value = pcm >> 3
    mask = np.where(value >= 0, 0xD5, 0x55)
    magnitude = np.where(value >= 0, value, -value - 1)
    segment = np.searchsorted(np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF]), magnitude)
    mantissa = np.where(segment < 2, magnitude >> 1, magnitude >> np.maximum(segment, 1)) & 0xF
    code = np.where(segment >= 8, 0x7F, (segment << 4) | mantissa)
    return (code ^ mask).astype(np.uint8)


_ENCODE: dict[Law, NDArray[np.uint8]] = {Law.MU: _encode_mu(), Law.A: _encode_a()}
_DECODE: dict[Law, NDArray[np.int16]] = {Law.MU: _decode_mu(), Law.A: _decode_a()}
