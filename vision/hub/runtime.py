"""The hub's threads: findings in, timers, and whatever else has to turn beside them; each survives its own mistakes."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.ports import FindingBus
from vision.hub.fences import Fences
from vision.hub.incidents import IncidentService

log = structlog.get_logger()
Loop = Callable[[threading.Event], None]
"""Runs until the event is set."""
_BATCH = 1000
_GATHER_S = 0.1  # findings are committed in groups this far apart at most
_AFTER_FAULT_S = 1.0
_STOP_WITHIN_S = 5.0


class Hub:
    """Runs the incident service.

    Args of the constructor:
        loops: everything else that turns in the hub, by name: the outbox dispatcher, the status poller, upkeep.
    """

    def __init__(
        self, bus: FindingBus, service: IncidentService, clock: Clock, loops: Mapping[str, Loop] | None = None
    ) -> None:
        self._bus, self._service, self._clock = bus, service, clock
        self._loops: dict[str, Loop] = {"intake": self._intake, "timers": self._timers, **(loops or {})}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.faults: Counter[str] = Counter()
        """By loop, since the start."""
        self.taken = 0
        """Findings taken in since the start."""
        self.fences = Fences()

    def start(self) -> None:
        """Take up what the record holds, then run; raises StorageError when the record cannot be read."""
        count = self._service.load()
        log.info("hub_started", watched=count)
        for name, loop in self._loops.items():
            thread = threading.Thread(target=self._keep_running, args=(name, loop), name=f"hub-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End every loop; what was not acknowledged is read again at the next start. Safe to call twice."""
        self._stop.set()
        until_s = self._clock.monotonic_s() + _STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - self._clock.monotonic_s()))
        self._threads.clear()
        log.info("hub_stopped", taken=self.taken)

    @property
    def alive(self) -> bool:
        """Whether every loop still turns."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _keep_running(self, name: str, loop: Loop) -> None:
        while not self._stop.is_set():
            try:
                loop(self._stop)
            except StorageError as error:
                self.faults[name] += 1
                log.warning("storage_unreachable", loop=name, reason=str(error))
                self._clock.sleep(_AFTER_FAULT_S, self._stop)
            except Exception:  # a thread's top: counted, told, and begun again
                self.faults[name] += 1
                log.exception("loop_failed", loop=name)
                self._clock.sleep(_AFTER_FAULT_S, self._stop)

    def _intake(self, stop: threading.Event) -> None:
        """Group commit: whatever came within a moment is one transaction, acknowledged only when it stands."""
        while not stop.is_set():
            self.take_once(wait_s=_GATHER_S)

    def take_once(self, *, wait_s: float) -> int:
        """One group of findings; returns how many there were. Raises StorageError, and then nothing is lost."""
        delivered = self._bus.read(wait_s=wait_s, limit=_BATCH)
        if delivered:
            self._take_until_done([finding for _, finding in delivered if self.fences.admit(finding)])
            self._bus.acknowledge([key for key, _ in delivered])
            self.taken += len(delivered)
        return len(delivered)

    def _take_until_done(self, findings: list[Finding]) -> None:
        """Findings once read come back only after a restart, so an unreachable database is waited for."""
        while True:
            try:
                self._service.take(findings)
            except StorageError as error:
                self.faults["intake"] += 1
                log.warning("storage_unreachable", loop="intake", reason=str(error))
                if self._stop.is_set():
                    raise
                self._clock.sleep(_AFTER_FAULT_S, self._stop)
            else:
                return

    def _timers(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._service.fire_timers()
            self._clock.sleep(_AFTER_FAULT_S, stop)
