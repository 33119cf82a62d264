"""Looks on their way to inference: one slot a view, newest wins, and every look overwritten is counted."""

import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vision.core.clock import Clock, SystemClock
from vision.core.frames import Frame

_STRIDES = {1: 0.5, 2: 1.0, 3: 2.0}
_BOOSTED_STRIDE = 0.125  # more often than any class: somebody waits to hear whether the matter is gone
_USUAL = 2
_FRESH_S = 5.0  # while looks are thinned none waits longer: what it shows may be over, and a case must not rest on it
_FADE = 0.999  # of what is known of the looks that come, a look
_GOLDEN = 0.618034  # spreads the views' first turns evenly, so that a patrol's are not all let in in one round


@dataclass(slots=True)
class Tally:
    """Looks of one class of priority since the start; only ever grows.

    Attributes:
        came: looks left in the mailbox.
        missed: of them, those dropped before anyone took them: overwritten, thinned out, or too old meanwhile.
    """

    came: int = 0
    missed: int = 0


class Mailbox:
    """A slot for each (camera, view). Producers never wait; the taker gets the views that waited longest.

    When more come than are taken, looks get rarer for all, twice as rare from one class of priority to the next, and no
    view starves: stride scheduling (Waldspurger & Weihl, MIT/LCS/TM-528, 1995). `thin` makes them rarer on purpose, in
    the same proportions: each look that comes earns its view a share of a look, and is let in when that makes a whole.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._slots: dict[tuple[str, str], tuple[float, Frame]] = {}  # with the monotonic time at which it was left
        self._boosted: frozenset[str] = frozenset()
        self._pass: dict[tuple[str, str], float] = {}  # how far each view's turns have come
        self._reached = 0.0
        self._priorities: dict[str, int] = {}
        self._share = 1.0
        self._earned: dict[tuple[str, str], float] = {}  # of a look, by view, while looks are thinned
        self._came: dict[float, float] = {}  # how many looks come, by their weight
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
            self._tally(key).came += 1
            if self._share < 1 and not self._lets_in(key):
                self._missed(key)
                return
            if key in self._slots:
                self._missed(key)
            else:  # turns that it did not want are not owed to it
                self._pass[key] = max(self._pass.get(key, 0.0), self._reached)
            self._slots[key] = (self._clock.monotonic_s(), frame)
            self._filled.notify()

    def rank(self, priorities: Mapping[str, int]) -> None:
        """Cameras by priority, 1 (most important) to 3; those not named are 2."""
        with self._filled:
            self._priorities = dict(priorities)

    def boost(self, camera_ids: frozenset[str]) -> None:
        """Cameras whose looks somebody waits for: their turns come more often than any class's."""
        with self._filled:
            self._boosted = camera_ids

    def thin(self, share: float) -> None:
        """Let in this share (0–1) of the looks that come; the others are dropped, and counted as missed."""
        with self._filled:
            self._drop_old()
            self._share = share

    def take(self, limit: int, wait_s: float) -> list[Frame]:
        """Up to `limit` looks, whose turn it is first; empty after `wait_s` or once closed."""
        with self._filled:
            if not self._closed:
                self._filled.wait_for(lambda: self._closed or self._slots, wait_s)
            self._drop_old()
            keys = list(self._slots)
            if len(keys) > limit:
                keys = heapq.nsmallest(limit, keys, key=self._pass.__getitem__)
            for key in keys:
                self._reached = max(self._reached, self._pass[key])
                self._pass[key] += self._stride(key[0])
            return [self._slots.pop(key)[1] for key in keys]

    def discard(self, camera_id: str) -> None:
        """Forget a camera that was removed or changed."""
        with self._filled:
            for key in [key for key in self._pass if key[0] == camera_id]:
                del self._pass[key]
                self._slots.pop(key, None)
            for key in [key for key in self._earned if key[0] == camera_id]:
                del self._earned[key]

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
        """Looks dropped before anyone took them, by camera."""
        with self._filled:
            return dict(self._drops)

    def _lets_in(self, key: tuple[str, str]) -> bool:
        """Whether the look that came makes a whole one of what its view has earned."""
        weight = 1 / self._stride(key[0])
        self._came = {known: count * _FADE for known, count in self._came.items()}
        self._came[weight] = self._came.get(weight, 0.0) + 1
        earned = self._earned.get(key, len(self._earned) * _GOLDEN % 1) + self._share_of(weight)
        self._earned[key] = earned % 1
        return earned >= 1

    def _share_of(self, weight: float) -> float:
        """In proportion to the weight, so that all together make `_share`; what is more than all goes to the others."""
        left = self._share * sum(self._came.values())
        lighter = sum(known * count for known, count in self._came.items())
        for heaviest in sorted(self._came, reverse=True):
            if weight == heaviest or heaviest * left < lighter:
                break
            left -= self._came[heaviest]
            lighter -= heaviest * self._came[heaviest]
        return min(1.0, weight * left / lighter)

    def _drop_old(self) -> None:
        if self._share < 1:
            oldest_s = self._clock.monotonic_s() - _FRESH_S
            for key in [key for key, (left_s, _frame) in self._slots.items() if left_s < oldest_s]:
                del self._slots[key]
                self._missed(key)

    def _missed(self, key: tuple[str, str]) -> None:
        self._drops[key[0]] += 1
        self._tally(key).missed += 1

    def _tally(self, key: tuple[str, str]) -> Tally:
        return self._tallies[self._priorities.get(key[0], _USUAL)]

    def _stride(self, camera_id: str) -> float:
        if camera_id in self._boosted:
            return _BOOSTED_STRIDE
        return _STRIDES.get(self._priorities.get(camera_id, _USUAL), 1.0)
