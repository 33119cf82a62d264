"""Still pictures: JPEG bytes to looks, decoded no larger than needed (libjpeg scales in the transform)."""

import cv2
import numpy as np

from vision.core.frames import Image
from vision.streams.picture import fitted

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def is_whole(data: bytes) -> bool:
    """Begins as a JPEG does and has its end marker: a truncated one would decode to a picture half grey."""
    return data.startswith(b"\xff\xd8") and b"\xff\xd9" in data[-64:]


def size_of(data: bytes) -> tuple[int, int] | None:
    """(width, height) by the frame header (ITU-T T.81 B.2.2) without decoding; None when there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SIZE_MARKERS:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def look_of(data: bytes, look_px: int, *, keep_full: bool) -> tuple[Image, Image | None] | None:
    """The look with its longest side at most `look_px`, and the full picture if kept; None when it is damaged."""
    size = size_of(data)
    if size is None or not is_whole(data):
        return None
    longest = max(size)
    factor = 1 if keep_full else max((f for f in (1, 2, 4, 8) if longest / f >= look_px), default=1)
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED.get(factor, cv2.IMREAD_COLOR))
    if decoded is None:
        return None
    full = np.asarray(decoded, np.uint8)
    target = fitted(full.shape[1], full.shape[0], look_px)
    image = full if target == (full.shape[1], full.shape[0]) else _shrunk(full, target)
    return image, full if keep_full else None


def _shrunk(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
