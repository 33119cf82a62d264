"""A copy of a picture that may be published: people and vehicles made unrecognisable, the original untouched."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.errors import StorageError
from vision.core.jpeg import is_cut_off

Image = NDArray[np.uint8]
Regions = Callable[[Image], Sequence[tuple[float, float, float, float]]]
"""Boxes (x1, y1, x2, y2) in pixels of what has to be hidden: every person and vehicle, rather too many."""
_MARGIN = 0.12  # of the box, on each side: detectors cut off hair, bumpers and plates
_BLOCKS = 8  # along the longer side of a region: too few for a face or a plate to be told
_WHOLE_BLOCKS = 48


def blurred(picture: bytes, regions: Regions | None) -> bytes:
    """A JPEG with the regions in coarse blocks; the whole picture when nothing can say what to hide.

    Blocks are averages of what they cover (no blur that could be undone by deconvolution), and the file is encoded
    anew, so that no thumbnail or metadata of the original goes along.

    Raises:
        StorageError: the file is not a picture.
    """
    decoded = None
    if picture and not is_cut_off(picture):
        decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise StorageError("evidence cannot be decoded as a picture")
    image = np.asarray(decoded, np.uint8)
    height, width = image.shape[:2]
    if regions is None:
        _blocks(image, (0, 0, width, height), _WHOLE_BLOCKS)
    else:
        for box in regions(image.copy()):
            _blocks(image, _grown(box, width, height), _BLOCKS)
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not ok:
        raise StorageError("a blurred copy could not be encoded")
    return bytes(data)


def _grown(box: tuple[float, float, float, float], width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * _MARGIN + 2, (y2 - y1) * _MARGIN + 2
    return max(0, int(x1 - dx)), max(0, int(y1 - dy)), min(width, int(x2 + dx) + 1), min(height, int(y2 + dy) + 1)


def _blocks(image: Image, box: tuple[int, int, int, int], blocks: int) -> None:
    x1, y1, x2, y2 = box
    if x2 <= x1 or y2 <= y1:
        return
    part = image[y1:y2, x1:x2]
    scale = blocks / max(x2 - x1, y2 - y1)
    size = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    image[y1:y2, x1:x2] = cv2.resize(small, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
