"""Recordings that people upload: decoded, checked, trimmed and brought to one loudness, or refused with the reason."""

import io
import math
from dataclasses import dataclass

import av
import numpy as np
from av.error import FFmpegError

from vision.alerts.audio import Audio
from vision.alerts.chime import RATE_HZ
from vision.alerts.loudness import integrated_lufs, normalised
from vision.core.errors import StreetwardError
from vision.core.findings import Why


class UploadRefusedError(StreetwardError, ValueError):
    """A recording that cannot be used; `why` says so in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.why = Why(zh, en)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    largest_bytes: int = 10_000_000
    longest_s: float = 30.0
    shortest_s: float = 0.3
    silent_below_lufs: float = -50.0


def accept(data: bytes, *, target_lufs: float, limits: UploadLimits | None = None) -> Audio:
    """A clip at 16 kHz, trimmed and at `target_lufs`, from any container and codec FFmpeg reads.

    Raises:
        UploadRefusedError: too large, not audio, too long, too short or silent.
    """
    bounds = limits or UploadLimits()
    if len(data) > bounds.largest_bytes:
        size_mb, most_mb = len(data) / 1e6, bounds.largest_bytes / 1e6
        raise UploadRefusedError(
            f"文件太大: {size_mb:.1f} MB,上限 {most_mb:g} MB",
            f"the file is too large: {size_mb:.1f} MB, at most {most_mb:g} MB",
        )
    audio = decoded(data, bounds.longest_s).trimmed()
    if not len(audio.samples) or integrated_lufs(audio) < bounds.silent_below_lufs:
        raise UploadRefusedError("录音没有声音", "the recording is silent")
    if audio.duration_s < bounds.shortest_s:
        raise UploadRefusedError(
            f"录音太短: {audio.duration_s:.2f} 秒,至少 {bounds.shortest_s:g} 秒",
            f"the recording is too short: {audio.duration_s:.2f} s, at least {bounds.shortest_s:g} s",
        )
    if audio.duration_s > bounds.longest_s:
        raise UploadRefusedError(
            f"录音太长: 超过 {bounds.longest_s:g} 秒", f"the recording is too long: over {bounds.longest_s:g} s"
        )
    return normalised(audio, target_lufs)


def decoded(data: bytes, longest_s: float) -> Audio:
    """The first `longest_s` and a little more of a sound at 16 kHz; raises UploadRefusedError when it is none."""
    not_audio = UploadRefusedError("文件不是可识别的音频", "the file is not audio that can be read")
    if not data:
        raise not_audio
    pieces: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    # Silence at both ends is trimmed after decoding, so a little more than the limit is read, never an endless file.
    most, have = math.ceil((longest_s * 2 + 10) * RATE_HZ), 0
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if not container.streams.audio:
                raise not_audio
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    pieces.append(piece.to_ndarray().reshape(-1).astype(np.float32))
                    have += len(pieces[-1])
                if have > most:
                    break
    except (FFmpegError, UnicodeDecodeError) as error:
        raise not_audio from error
    return Audio(np.concatenate([*pieces, np.zeros(0, np.float32)]), RATE_HZ)
