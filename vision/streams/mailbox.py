"""Looks on their way to inference: one slot a view, newest wins, and every look overwritten is counted."""

import threading
from collections import Counter

from vision.core.frames import Frame


class Mailbox:
    """A slot for each (camera, view). Producers never wait; the taker gets the views that waited longest."""

    def __init__(self) -> None:
        self._slots: dict[tuple[str, str], Frame] = {}
        self._filled = threading.Condition()
        self._drops: Counter[str] = Counter()
        self._closed = False

    def put(self, frame: Frame) -> None:
        """Leave the look; an older one of the same view that nobody took is dropped and counted.

        The view keeps its place in the queue, so that a fast camera cannot starve itself.
        """
        key = (frame.camera_id, frame.view_id)
        with self._filled:
            if key in self._slots:
                self._drops[frame.camera_id] += 1
            self._slots[key] = frame
            self._filled.notify()

    def take(self, limit: int, wait_s: float) -> list[Frame]:
        """Up to `limit` looks, longest waiting first; empty after `wait_s` or once closed."""
        with self._filled:
            if not self._slots and not self._closed:
                self._filled.wait(wait_s)
            keys = list(self._slots)[:limit]
            return [self._slots.pop(key) for key in keys]

    def discard(self, camera_id: str) -> None:
        """Forget a camera that was removed or changed."""
        with self._filled:
            for key in [key for key in self._slots if key[0] == camera_id]:
                del self._slots[key]

    def close(self) -> None:
        """Wake whoever waits; looks already left can still be taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()

    def waiting(self) -> int:
        with self._filled:
            return len(self._slots)

    def drops(self) -> dict[str, int]:
        """Looks overwritten before anyone took them, by camera."""
        with self._filled:
            return dict(self._drops)
