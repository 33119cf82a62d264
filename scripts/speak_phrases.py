"""Renders the shipped phrases with espeak-ng into vision/alerts/clips, for machines without a speech engine."""

import io
from pathlib import Path

import av
import numpy as np

from vision.alerts.audio import Audio, to_pcm16
from vision.alerts.clips import FOLDER
from vision.alerts.loudness import normalised
from vision.alerts.phrases import DEFAULT_PHRASES
from vision.alerts.speech import EspeakNg

_RATE_HZ = 16000
_BIT_RATE = 16000


def main() -> None:
    for phrase in DEFAULT_PHRASES:
        for language in ("zh", "en"):
            spoken = EspeakNg().say(phrase.text({}, language), language).trimmed()
            path = FOLDER / f"{phrase.id}.{language}.opus"
            path.write_bytes(encoded(normalised(spoken.resampled(_RATE_HZ), -16)))
            print(f"{path.name}: {spoken.duration_s:.1f} s, {path.stat().st_size} bytes")


def encoded(clip: Audio) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as file:
        stream = file.add_stream("libopus", rate=_RATE_HZ)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = _BIT_RATE
        stream.layout = "mono"
        samples = to_pcm16(clip.samples)
        for piece in np.split(samples, range(320, len(samples), 320)):
            padded = np.pad(piece, (0, 320 - len(piece)))
            frame = av.AudioFrame.from_ndarray(padded.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = _RATE_HZ
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


if __name__ == "__main__":
    Path(FOLDER).mkdir(exist_ok=True)
    main()
