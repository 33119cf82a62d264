import math

import numpy as np
import pytest
from av import Packet
from av.codec import CodecContext

from vision.alerts import g711
from vision.alerts.g711 import Law

EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2")


@pytest.mark.parametrize(("law", "codec"), [(Law.MU, "pcm_mulaw"), (Law.A, "pcm_alaw")])
def test_decoding_is_what_ffmpeg_decodes(law: Law, codec: str) -> None:
    decoder = CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"  # type: ignore[attr-defined]
    frames = decoder.decode(Packet(bytes(range(256))))  # type: ignore[attr-defined]
    theirs = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    assert np.array_equal((g711.decode(bytes(range(256)), law) * 32768).astype(np.int16), theirs)


@pytest.mark.parametrize("law", Law)
def test_decoded_codes_encode_to_themselves(law: Law) -> None:
    decoded = g711.decode(bytes(range(256)), law)
    again = g711.encode((decoded * (32768 / 32767)).astype(np.float32), law)
    # µ-law has two zeros, +0 and -0, that decode to the same value.
    different = [code for code in range(256) if again[code] != code]
    assert different == ([0x7F] if law is Law.MU else [])


@pytest.mark.parametrize("law", Law)
def test_the_error_stays_below_the_signal_by_g711_margin(law: Law) -> None:
    """A loud tone comes back with more than 36 dB signal to noise: ITU-T G.712 wants 33."""
    t = np.arange(8000) / 8000
    tone = (0.5 * np.sin(2 * np.pi * 1004 * t)).astype(np.float32)
    error = g711.decode(g711.encode(tone, law), law) - tone
    assert 10 * math.log10(np.square(tone).mean() / np.square(error).mean()) > 36


def test_every_sample_encodes_as_the_standard_library_did() -> None:
    audioop = pytest.importorskip("audioop", reason="left Python in 3.13")
    exact = (EVERY_SAMPLE.astype(np.float64) / 32767).astype(np.float32).clip(-1, 1)
    for law, encode in ((Law.MU, audioop.lin2ulaw), (Law.A, audioop.lin2alaw)):
        assert g711.encode(exact, law)[1:] == encode(EVERY_SAMPLE.tobytes(), 2)[1:]


def test_silence_is_the_code_of_zero() -> None:
    for law in Law:
        assert g711.encode(np.zeros(1, np.float32), law) == bytes([law.silence])
