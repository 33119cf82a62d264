"""Findings on their way to the bus: kept in order while the bus is away, so that none is lost by an outage."""

import threading
from collections import deque
from collections.abc import Sequence

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.ports import FindingBus

log = structlog.get_logger()
_BATCH = 500


class Spool:
    """A bounded queue and the thread that empties it onto the bus.

    Attributes:
        dropped: oldest findings given up because the queue was full: the only way one is lost, and it is counted.
        failures: attempts in a row that the bus refused.
    """

    def __init__(self, bus: FindingBus, clock: Clock, *, limit: int = 100_000, retry_s: float = 1.0) -> None:
        self._bus, self._clock, self._retry_s = bus, clock, retry_s
        self._queue: deque[Finding] = deque()
        self._limit = limit
        self._filled = threading.Condition()
        self._stopping = threading.Event()
        self.dropped = 0
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, findings: Sequence[Finding]) -> None:
        with self._filled:
            self._queue.extend(findings)
            while len(self._queue) > self._limit:
                self._queue.popleft()
                self.dropped += 1
            self._filled.notify()

    def waiting(self) -> int:
        with self._filled:
            return len(self._queue)

    def behind(self) -> int:
        """Findings on the bus that the hubs have not finished; raises StorageError."""
        return self._bus.waiting()

    def oldest_s(self) -> float:
        """How long the oldest of them has waited; raises StorageError."""
        return self._bus.oldest_s()

    def flush_once(self) -> bool:
        """Send one batch; False when the bus refused it (it stays queued)."""
        with self._filled:
            batch = [self._queue[i] for i in range(min(_BATCH, len(self._queue)))]
        if not batch:
            return True
        try:
            self._bus.publish(batch)
        except StorageError as error:
            self.failures += 1
            if self.failures == 1:
                log.warning("bus_lost", reason=str(error), waiting=self.waiting())
            return False
        if self.failures:
            log.info("bus_regained", failures=self.failures)
            self.failures = 0
        with self._filled:
            # `put` may have dropped some of what was just sent; what remains of the batch is at the front.
            for finding in batch:
                if self._queue and self._queue[0] is finding:
                    self._queue.popleft()
        return True

    def stop(self, wait_s: float = 2.0) -> None:
        """End the thread, then send what waits, for at most `wait_s`."""
        deadline = self._clock.monotonic_s() + wait_s
        self._stopping.set()
        with self._filled:
            self._filled.notify_all()
        if self._thread.is_alive():
            self._thread.join(wait_s)
        while self.waiting() and self._clock.monotonic_s() < deadline:
            if not self.flush_once():
                log.warning("findings_left_unsent", waiting=self.waiting())
                return

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._filled:
                if not self._queue:
                    self._filled.wait(0.5)
            if not self.flush_once():
                self._clock.sleep(self._retry_s, self._stopping)
