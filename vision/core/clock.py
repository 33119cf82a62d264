"""The only module that reads the wall clock."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC time: what people, platforms and deadlines see. May jump."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump: for back-off, time-outs and leases."""
        ...

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        """Wait; return early when `wake` is set."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(seconds)


class SteeredClock(SystemClock):
    """The system's clock for as long as it agrees with a reference that all processes of a city ask, else that one.

    A worker whose machine is an hour ahead would otherwise put its looks into the future, and the worker that takes
    its cameras over would be an hour too old to be heard. Between two questions the monotonic clock carries on, so
    that a machine's clock that is set while we run moves nothing either.
    """

    def __init__(self, reference: Callable[[], datetime], *, tolerance_s: float = 2.0) -> None:
        """`reference`: the common time; it may raise, and then what was known stays."""
        self._reference, self._tolerance = reference, timedelta(seconds=tolerance_s)
        self._anchor: tuple[datetime, float] | None = None

    def steer(self) -> None:
        """Ask the reference; raises what it raises."""
        asked_s = self.monotonic_s()
        at = self._reference()
        answered_s = self.monotonic_s()
        self._anchor = (at, (asked_s + answered_s) / 2)

    def now(self) -> datetime:
        system, common = super().now(), self._common()
        return system if common is None or abs(system - common) <= self._tolerance else common

    def off_s(self) -> float:
        """How far the machine's clock is ahead of the reference."""
        common = self._common()
        return 0.0 if common is None else (super().now() - common).total_seconds()

    def _common(self) -> datetime | None:
        if self._anchor is None:
            return None
        at, asked_s = self._anchor
        return at + timedelta(seconds=self.monotonic_s() - asked_s)
