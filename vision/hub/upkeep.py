"""What the hub does now and then: reads suppressions anew, and drops kept findings that are too old."""

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

from vision.core.clock import Clock
from vision.hub.keep import drop_old
from vision.storage.database import Database

log = structlog.get_logger()
_SUPPRESSIONS_S = 15.0
_RETENTION_S = 3600.0


class Upkeep:
    """A loop for `hub.runtime.Hub`.

    Args of the constructor:
        refresh: reads the suppressions again, such as `CitySurroundings.refresh_suppressions`.
        keep: how long findings are kept.
    """

    def __init__(self, database: Database, clock: Clock, refresh: Callable[[], None], keep: timedelta) -> None:
        self._database, self._clock, self._refresh, self._keep = database, clock, refresh, keep
        self._dropped_at_s = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; raises StorageError, and is begun again by the hub."""
        while not stop.is_set():
            self.once()
            self._clock.sleep(_SUPPRESSIONS_S, stop)

    def once(self) -> None:
        """One turn."""
        self._refresh()
        now_s = self._clock.monotonic_s()
        if now_s - self._dropped_at_s >= _RETENTION_S:
            self._dropped_at_s = now_s
            dropped = drop_old(self._database, self._clock.now(), self._keep)
            if dropped:
                log.info("findings_dropped", segments=dropped)
