"""Where the thread that judges looks spends its time: what holds a worker up is what it waits for most."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

from vision.core.clock import SystemClock


class Stage(StrEnum):
    """What a look waits for, in its order."""

    IDLE = "idle"
    DETECTOR = "detector"
    RULES = "rules"
    EVIDENCE = "evidence"
    REDIS = "redis"


class Spent:
    """One thread's seconds by stage; read from any thread."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._stage, self._since_s = Stage.IDLE, self._clock.monotonic_s()
        self._sums = dict.fromkeys(Stage, 0.0)
        self._lock = threading.Lock()

    @contextmanager
    def on(self, stage: Stage) -> Iterator[None]:
        """The block's time is this stage's, but for stages within it."""
        before = self._turn(stage)
        try:
            yield
        finally:
            self._turn(before)

    def seconds(self) -> Mapping[Stage, float]:
        """Since the start, with what is under way."""
        with self._lock:
            now_s = self._clock.monotonic_s()
            return {**self._sums, self._stage: self._sums[self._stage] + now_s - self._since_s}

    def _turn(self, stage: Stage) -> Stage:
        with self._lock:
            now_s = self._clock.monotonic_s()
            self._sums[self._stage] += now_s - self._since_s
            before, self._stage, self._since_s = self._stage, stage, now_s
        return before
