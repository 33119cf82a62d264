"""The only module that reads the wall clock."""

import threading
import time
from datetime import UTC, datetime
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
