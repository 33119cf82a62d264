"""Small copies of evidence pictures for lists, made on demand and kept in memory for a while."""

import threading
from collections import OrderedDict

import cv2
import numpy as np

from vision.core.errors import NotThereError
from vision.core.jpeg import is_cut_off

_JPEG_QUALITY = 78


class Thumbnails:
    """A bounded cache of scaled JPEGs, least recently used out first."""

    def __init__(self, *, kept_bytes: int = 64 * 2**20) -> None:
        self._kept_bytes, self._size = kept_bytes, 0
        self._cache: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, width_px: int) -> bytes | None:
        with self._lock:
            data = self._cache.get((key, width_px))
            if data is not None:
                self._cache.move_to_end((key, width_px))
            return data

    def make(self, key: str, width_px: int, original: bytes) -> bytes:
        """The picture at most `width_px` wide; never enlarged.

        Raises:
            NotThereError: the file is no picture.
        """
        image = None
        if original and not is_cut_off(original):
            image = cv2.imdecode(np.frombuffer(original, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise NotThereError(f"evidence {key} is not a whole picture")
        height, width = image.shape[:2]
        data = original
        if width > width_px:
            size = (width_px, max(1, round(height * width_px / width)))
            scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            data = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        with self._lock:
            if (key, width_px) not in self._cache:
                self._cache[key, width_px] = data
                self._size += len(data)
            while self._size > self._kept_bytes:
                self._size -= len(self._cache.popitem(last=False)[1])
        return data
