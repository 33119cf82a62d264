"""Looks on their way to inference: one slot a view, newest wins, and every look overwritten is counted."""

import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vision.core.frames import Frame

_STRIDES = {1: 0.5, 2: 1.0, 3: 2.0}
_USUAL = 2
_MOST_OWED = 8  # looks that a taker who came late may take at once while looks are thinned


@dataclass(slots=True)
class Tally:
    """Looks of one class of priority since the start; only ever grows.

    Attributes:
        came: looks left in the mailbox.
        missed: of them, those overwritten before anyone took them.
    """

    came: int = 0
    missed: int = 0


class Mailbox:
    """A slot for each (camera, view). Producers never wait; the taker gets the views that waited longest.

    When more come than are taken, looks get rarer for all, twice as rare from one class of priority to the next, and no
    view starves: stride scheduling (Waldspurger & Weihl, MIT/LCS/TM-528, 1995). `thin` makes them rarer on purpose, in
    the same proportions: each look that comes earns a share of a look that may be taken.
    """

    def __init__(self) -> None:
        self._slots: dict[tuple[str, str], Frame] = {}
        self._pass: dict[tuple[str, str], float] = {}  # how far each view's turns have come
        self._reached = 0.0
        self._priorities: dict[str, int] = {}
        self._share = 1.0
        self._owed = 0.0
        self._tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self._filled = threading.Condition()
        self._drops: Counter[str] = Counter()
        self._closed = False

    def put(self, frame: Frame) -> None:
        """Leave the look; an older one of the same view that nobody took is dropped and counted.

        The view keeps its place in the queue, so that a fast camera cannot starve itself.
        """
        key = (frame.camera_id, frame.view_id)
        with self._filled:
            tally = self._tallies[self._priorities.get(frame.camera_id, _USUAL)]
            tally.came += 1
            self._owed = min(self._owed + self._share, _MOST_OWED)
            if key in self._slots:
                self._drops[frame.camera_id] += 1
                tally.missed += 1
            else:  # turns that it did not want are not owed to it
                self._pass[key] = max(self._pass.get(key, 0.0), self._reached)
            self._slots[key] = frame
            self._filled.notify()

    def rank(self, priorities: Mapping[str, int]) -> None:
        """Cameras by priority, 1 (most important) to 3; those not named are 2."""
        with self._filled:
            self._priorities = dict(priorities)

    def thin(self, share: float) -> None:
        """Give out this share (0–1) of the looks that come; the others are overwritten, and counted as missed."""
        with self._filled:
            self._share = share
            self._filled.notify_all()

    def take(self, limit: int, wait_s: float) -> list[Frame]:
        """Up to `limit` looks, whose turn it is first; empty after `wait_s` or once closed."""
        with self._filled:
            if not self._closed:
                self._filled.wait_for(lambda: self._closed or self._takeable() > 0, wait_s)
            limit = min(limit, self._takeable())
            keys = list(self._slots)
            if len(keys) > limit:
                keys = heapq.nsmallest(limit, keys, key=self._pass.__getitem__)
            for key in keys:
                self._reached = max(self._reached, self._pass[key])
                self._pass[key] += _STRIDES.get(self._priorities.get(key[0], _USUAL), 1.0)
            self._owed = max(0.0, self._owed - len(keys))
            return [self._slots.pop(key) for key in keys]

    def discard(self, camera_id: str) -> None:
        """Forget a camera that was removed or changed."""
        with self._filled:
            for key in [key for key in self._pass if key[0] == camera_id]:
                del self._pass[key]
                self._slots.pop(key, None)

    def close(self) -> None:
        """Wake whoever waits; looks already left can still be taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()

    def waiting(self) -> int:
        with self._filled:
            return len(self._slots)

    def tallies(self) -> dict[int, Tally]:
        """By class of priority."""
        with self._filled:
            return {priority: replace(tally) for priority, tally in self._tallies.items()}

    def drops(self) -> dict[str, int]:
        """Looks overwritten before anyone took them, by camera."""
        with self._filled:
            return dict(self._drops)

    def _takeable(self) -> int:
        """Looks that may be taken now; once closed, all that are left."""
        if self._share >= 1 or self._closed:
            return len(self._slots)
        return min(len(self._slots), int(self._owed + 1e-9))
