"""Passes the feed on to another program, at least once and in order, across its outages and ours."""

import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from vision.alerts.feed import Alert, AlertFeed
from vision.core.clock import Clock
from vision.core.errors import RetryLater, StorageError
from vision.storage.database import Database
from vision.storage.tables import FeedCursor

log = structlog.get_logger()
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_IDLE_S = 0.5


class Sink(Protocol):
    """Where alerts go."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """Hand all over, or raise RetryLater; what was handed over may come again."""
        ...

    def close(self) -> None: ...


class Publisher:
    """One target with its own cursor in the database."""

    def __init__(self, name: str, sink: Sink, feed: AlertFeed, database: Database, clock: Clock) -> None:
        self.name = name
        self._sink, self._feed, self._database, self._clock = sink, feed, database, clock
        self._cursor: int | None = None
        self.sent = 0
        self.failures = 0

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; an unreachable target is tried again with growing pauses."""
        wait_s = _FIRST_WAIT_S
        while not stop.is_set():
            try:
                busy = self.run_once()
                wait_s = _FIRST_WAIT_S
            except (RetryLater, StorageError) as error:
                self.failures += 1
                log.warning("publishing_stalled", target=self.name, reason=str(error), again_s=wait_s)
                self._clock.sleep(wait_s, stop)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                continue
            if not busy:
                self._clock.sleep(_IDLE_S, stop)
        self._sink.close()

    def run_once(self) -> int:
        """Send what is new; how many alerts went.

        Raises:
            RetryLater: the target did not take them.
            StorageError: the cursor cannot be read or kept.
        """
        if self._cursor is None:
            self._cursor = self._load()
        alerts = self._feed.after(self._cursor, 100)
        if not alerts:
            return 0
        self._sink.send(alerts)
        self._keep(alerts[-1].id)
        self._cursor = alerts[-1].id
        self.sent += len(alerts)
        return len(alerts)

    def _load(self) -> int:
        with self._database.reading() as session:
            row = session.get(FeedCursor, self.name)
        if row is not None:
            return row.alert_id
        head = self._feed.head
        self._keep(head)  # a new target hears of what happens from now on
        return head

    def _keep(self, alert_id: int) -> None:
        with self._database.transaction() as session:
            session.merge(FeedCursor(name=self.name, alert_id=alert_id, updated_at=self._clock.now()))
