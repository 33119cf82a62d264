"""Clips as browsers play them: H.264 as it is, anything else as a copy made on demand and kept for a while."""

import threading
from collections import OrderedDict

from vision.core.errors import NotThereError, SourceError
from vision.streams.packets import playable


class BrowserClips:
    """A bounded cache of copies, least recently used out first; one copy is made at a time, since it costs seconds."""

    def __init__(self, *, kept_bytes: int = 128 * 2**20) -> None:
        self._kept_bytes, self._size = kept_bytes, 0
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, original: bytes) -> bytes:
        """The clip, or its copy. For showing: the evidence is the original.

        Raises:
            NotThereError: the file is no clip.
        """
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
            try:
                shown = playable(original)
            except SourceError as error:
                raise NotThereError(f"evidence {key} cannot be shown: {error}") from None
            if shown is not original:
                self._cache[key] = shown
                self._size += len(shown)
                while self._size > self._kept_bytes:
                    self._size -= len(self._cache.popitem(last=False)[1])
            return shown
