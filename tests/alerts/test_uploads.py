import io

import av
import numpy as np
import pytest

from tests.alerts.test_audio import tone
from vision.alerts.audio import Audio
from vision.alerts.loudness import integrated_lufs
from vision.alerts.uploads import UploadLimits, UploadRefusedError, accept


def test_a_recording_is_trimmed_and_brought_to_one_loudness() -> None:
    quiet = Audio.silence(1, 44100).then(tone(500, rate_hz=44100, duration_s=2, amplitude=0.02))
    clip = accept(quiet.to_wav(), target_lufs=-16)
    assert clip.rate_hz == 16000
    assert clip.duration_s == pytest.approx(2.05, abs=0.06)
    assert integrated_lufs(clip) == pytest.approx(-16, abs=0.3)


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("webm", "libopus"), ("mp4", "aac")])
def test_what_phones_and_browsers_record_is_taken(container: str, codec: str) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48000)
        assert isinstance(stream, av.AudioStream)
        samples = (tone(500, rate_hz=48000, duration_s=1.5).samples * 32767).astype(np.int16)
        for piece in np.split(samples[: 960 * 75], 75):
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = 48000
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert accept(buffer.getvalue(), target_lufs=-16).duration_s == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not audio"),
        (b"<html>hello</html>" * 100, "not audio"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not audio"),
        (Audio.silence(2, 16000).to_wav(), "silent"),
        (Audio(np.full(32000, 0.001, np.float32), 16000).to_wav(), "silent"),
        (tone(500, rate_hz=16000, duration_s=0.1).to_wav(), "too short"),
        (tone(500, rate_hz=8000, duration_s=31).to_wav(), "too long"),
        (tone(500, rate_hz=8000, duration_s=500).to_wav(), "too long"),
        (bytes(10_000_001), "too large: 10.0 MB, at most 10 MB"),
    ],
    ids=["empty", "html", "png", "silence", "near-silence", "blip", "31 s", "500 s", "10 MB"],
)
def test_what_cannot_be_used_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(UploadRefusedError, match=words) as refused:
        accept(data, target_lufs=-16)
    assert refused.value.why.zh


def test_limits_are_settings() -> None:
    clip = tone(500, rate_hz=8000, duration_s=6).to_wav()
    with pytest.raises(UploadRefusedError, match="over 5 s"):
        accept(clip, target_lufs=-16, limits=UploadLimits(longest_s=5))
