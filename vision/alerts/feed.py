"""The operators' feed: every alert once, in order, to any number of listeners, each at its own pace.

A listener holds a cursor (the id of the last alert it has seen) and asks for what is newer. Recent alerts are kept in
memory, rendered once for all; older ones are read again from the record, so a slow or returning listener loses nothing
and needs no queue of its own.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError

log = structlog.get_logger()
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """What changed in an incident.

    Attributes:
        id: grows with time; the cursor of the feed.
        body: the alert as it goes over the wire, the incident's item included.
    """

    id: int
    kind: str
    at: datetime
    incident_id: str
    district: str
    body: Mapping[str, Any]


class AlertLog(Protocol):
    """Where alerts are recorded."""

    def head(self) -> int:
        """Id of the newest alert; 0 when there is none. Raises StorageError."""
        ...

    def after(self, cursor: int, limit: int) -> Sequence[Alert]:
        """Up to `limit` alerts newer than `cursor`, oldest first. Raises StorageError."""
        ...


class AlertFeed:
    """Follows the alert log and wakes listeners. One thread however many listen."""

    def __init__(
        self, alerts: AlertLog, clock: Clock, *, poll_s: float = 0.2, kept: int = 5000, gap_wait_s: float = 0.0
    ) -> None:
        """`gap_wait_s`: how long to wait for a missing id, for databases whose transactions commit out of order."""
        self._alerts, self._clock = alerts, clock
        self._poll_s, self._gap_wait_s = poll_s, gap_wait_s
        self._recent: deque[Alert] = deque(maxlen=kept)
        self._head = 0
        self._floor = 0  # alerts up to here are not in memory
        self._gap_since_s: float | None = None
        self._lock = threading.Lock()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0

    @property
    def head(self) -> int:
        """Id of the newest alert passed on."""
        return self._head

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    @property
    def listeners(self) -> int:
        return len(self._waiters)

    def start(self) -> None:
        """Begin at the newest alert; raises StorageError when the log cannot be read."""
        if self._thread is not None:
            return
        self._head = self._floor = self._alerts.head()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="alert-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None
        self._notify()

    def poke(self) -> None:
        """Look now: called after a commit in this process, so that its alert needs no poll to be seen."""
        self._wake.set()

    def pump(self) -> int:
        """Read what is new and wake the listeners; returns how many alerts came. Raises StorageError."""
        fresh = list(self._alerts.after(self._head, _BATCH))
        taken = self._without_gap(fresh)
        if taken:
            with self._lock:
                self._recent.extend(taken)
                self._head = taken[-1].id
                if len(self._recent) == self._recent.maxlen:
                    self._floor = self._recent[0].id - 1
            self._notify()
        return len(taken)

    def after(self, cursor: int, limit: int = _BATCH) -> list[Alert]:
        """Alerts newer than `cursor`, oldest first, from memory where it reaches back far enough.

        Raises:
            StorageError: they are no longer in memory and the log cannot be read.
        """
        with self._lock:
            if cursor >= self._head:
                return []
            if cursor >= self._floor:
                return list(islice((alert for alert in self._recent if alert.id > cursor), limit))
            head = self._head
        return [alert for alert in self._alerts.after(cursor, limit) if alert.id <= head]

    async def wait(self, cursor: int, timeout_s: float) -> bool:
        """Wait until something newer than `cursor` is there; False after `timeout_s` or when stopping."""
        event = asyncio.Event()
        waiter = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiters.add(waiter)
        try:
            if self._head > cursor:
                return True
            if self.stopped:
                return False
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        else:
            return self._head > cursor
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def _without_gap(self, fresh: list[Alert]) -> list[Alert]:
        """The alerts up to the first missing id, or all once it has been waited for long enough."""
        expected = self._head + 1
        for index, alert in enumerate(fresh):
            if alert.id != expected:
                now_s = self._clock.monotonic_s()
                if index:
                    self._gap_since_s = None  # a new gap: its time begins when it is met first
                    return fresh[:index]
                if self._gap_since_s is None:
                    self._gap_since_s = now_s
                if now_s - self._gap_since_s < self._gap_wait_s:
                    return []
                break
            expected += 1
        self._gap_since_s = None
        return fresh

    def _notify(self) -> None:
        with self._lock:
            waiters = list(self._waiters)
        for loop, event in waiters:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                while self.pump():
                    pass
            except StorageError as error:
                self.failures += 1
                log.warning("alert_feed_stalled", reason=str(error))
            except Exception:
                self.failures += 1
                log.exception("alert_feed_failed")
            self._wake.wait(self._poll_s)
            self._wake.clear()
