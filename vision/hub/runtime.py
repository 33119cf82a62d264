"""The hub's threads: findings in, timers, and whatever else has to turn beside them; each survives its own mistakes."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import structlog
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.ports import FindingBus
from vision.hub.fences import Fences
from vision.hub.incidents import IncidentService
from vision.hub.ownership import Ownership, OwnershipLostError
from vision.storage.bus import PARTITIONS, partition_in

log = structlog.get_logger()
Loop = Callable[[threading.Event], None]
"""Runs until the event is set."""
_BATCH = 1000
_GATHER_S = 0.1  # findings are committed in groups this far apart at most
_AFTER_FAULT_S = 1.0
_STOP_WITHIN_S = 5.0
_OWNERSHIP_S = 2.0
_FOLLOW_S = 0.5
CHORES = PARTITIONS
"""The share that stands for what one hub alone has to do."""


class Hub:
    """Runs the incident service.

    Args of the constructor:
        loops: everything else that turns in the hub, by name: the outbox dispatcher, the registry's follower.
        chores: what turns in one hub of a city only: the status poller, upkeep, publishers.
        ownership: where several hubs share the work, this one's part of it; without it everything is ours.
    """

    def __init__(
        self,
        bus: FindingBus,
        service: IncidentService,
        clock: Clock,
        loops: Mapping[str, Loop] | None = None,
        *,
        chores: Mapping[str, Loop] | None = None,
        ownership: Ownership | None = None,
    ) -> None:
        self._bus, self._service, self._clock = bus, service, clock
        self._ownership, self._reading = ownership, frozenset(range(PARTITIONS))
        self._loops: dict[str, Loop] = {"intake": self._intake, "timers": self._timers, **(loops or {})}
        self._chores: Mapping[str, Loop] = chores or {}
        self._chores_stop: threading.Event | None = None
        if ownership is None:
            self._loops.update(self._chores)
        else:
            self._loops.update(ownership=self._own, others=self._follow)
            self._read_only(frozenset())
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.faults: Counter[str] = Counter()
        """By loop, since the start."""
        self.taken = 0
        """Findings taken in since the start."""
        self.fences = Fences()
        self._committing_since_s: float | None = None

    def start(self) -> None:
        """Take up what the record holds, then run; raises StorageError when the record cannot be read."""
        count = self._service.load()
        log.info("hub_started", watched=count)
        self._threads += [self._thread(name, loop, self._stop) for name, loop in self._loops.items()]

    def stop(self) -> None:
        """End every loop; what was not acknowledged is read again at the next start. Safe to call twice."""
        self._stop.set()
        self._do_chores(mine=False)
        until_s = self._clock.monotonic_s() + _STOP_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - self._clock.monotonic_s()))
        self._threads.clear()
        if self._ownership is not None:
            self._leave(self._ownership)
        log.info("hub_stopped", taken=self.taken)

    @property
    def alive(self) -> bool:
        """Whether every loop still turns."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    @property
    def committing_s(self) -> float:
        """How long the group of findings in hand has been on its way into the record; 0 when there is none."""
        since_s = self._committing_since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    @property
    def owned(self) -> frozenset[int]:
        """Shares that are ours now."""
        return frozenset(range(CHORES + 1)) if self._ownership is None else self._ownership.owned

    def _thread(self, name: str, loop: Loop, stop: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=self._keep_running, args=(name, loop, stop), name=f"hub-{name}", daemon=True)
        thread.start()
        return thread

    def _keep_running(self, name: str, loop: Loop, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                loop(stop)
            except StorageError as error:
                self.faults[name] += 1
                log.warning("storage_unreachable", loop=name, reason=str(error))
                self._clock.sleep(_AFTER_FAULT_S, stop)
            except Exception:  # a thread's top: counted, told, and begun again
                self.faults[name] += 1
                log.exception("loop_failed", loop=name)
                self._clock.sleep(_AFTER_FAULT_S, stop)

    def _intake(self, stop: threading.Event) -> None:
        """Group commit: whatever came within a moment is one transaction, acknowledged only when it stands.

        A look after a while of quiet is taken at once. In a city they come one by one, hundreds a second, and a group
        costs much more than a look.
        """
        while not stop.is_set():
            began_s = self._clock.monotonic_s()
            if 0 < self.take_once(wait_s=_GATHER_S) < _BATCH // 2:
                self._clock.sleep(max(0.0, began_s + _GATHER_S - self._clock.monotonic_s()), stop)

    def take_once(self, *, wait_s: float) -> int:
        """One group of findings; returns how many there were. Raises StorageError, and then nothing is lost."""
        if self._ownership is not None and not self._follow_ownership(self._ownership):
            self._clock.sleep(wait_s, self._stop)
            return 0
        delivered = self._bus.read(wait_s=wait_s, limit=_BATCH)
        if not delivered:
            return 0
        parts = {partition_in(key) for key, _ in delivered} if self._ownership is not None else set()
        admitted = [finding for _, finding in delivered if self.fences.admit(finding)]
        self._committing_since_s = self._clock.monotonic_s()
        try:
            self._take_until_done(admitted, parts)
        except OwnershipLostError as error:
            log.info("findings_left_to_another", reason=str(error), findings=len(delivered))
            self._bus.again()
            return 0
        except BaseException:
            self._bus.again()
            raise
        finally:
            self._committing_since_s = None
        if self._ownership is not None and not parts <= self._ownership.owned:
            self._bus.again()  # perhaps somebody else's by now: whoever owns it finds them and sees they are old
            return 0
        try:
            self._bus.acknowledge([key for key, _ in delivered])
        except StorageError:
            self._bus.again()  # or they would stay on the bus until a restart
            raise
        self.taken += len(delivered)
        return len(delivered)

    def _take_until_done(self, findings: list[Finding], parts: Collection[int]) -> None:
        """Findings once read come back only after a restart, so an unreachable database is waited for."""
        while True:
            try:
                self._take(findings, parts)
            except OwnershipLostError:
                raise
            except StorageError as error:
                self.faults["intake"] += 1
                log.warning("storage_unreachable", loop="intake", reason=str(error))
                if self._stop.is_set():
                    raise
                self._clock.sleep(_AFTER_FAULT_S, self._stop)
            else:
                return

    def _take(self, findings: list[Finding], parts: Collection[int]) -> None:
        def guard(session: Session) -> None:
            if self._ownership is not None:
                self._ownership.require(session, parts)

        try:
            self._service.take(findings, guard)
        except StorageError:
            raise
        except Exception:  # one look that cannot be taken in must not hold up the others, nor come back for ever
            log.exception("findings_taken_apart", findings=len(findings))
            bad = [finding for finding in findings if not self._take_alone(finding, guard)]
            if len(bad) == len(findings):
                raise  # then it is not the looks' fault: they are kept until it is mended
            for finding in bad:
                self.faults["finding"] += 1
                log.warning("finding_given_up", finding=finding.id, camera=finding.camera_id)

    def _take_alone(self, finding: Finding, guard: Callable[[Session], None]) -> bool:
        try:
            self._service.take([finding], guard)
        except StorageError:
            raise
        except Exception:  # noqa: BLE001 - told by the caller, who knows how many there are
            return False
        return True

    def _timers(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._service.fire_timers()
            self._clock.sleep(_AFTER_FAULT_S, stop)

    def _own(self, stop: threading.Event) -> None:
        """Keep our part of the work, and do the chores while they are ours."""
        while not stop.is_set():
            assert self._ownership is not None
            try:
                self._ownership.turn()
            finally:
                self._do_chores(mine=CHORES in self._ownership.owned)
            self._clock.sleep(_OWNERSHIP_S, stop)

    def _follow_ownership(self, ownership: Ownership) -> bool:
        """Read what is ours and nothing else; False when nothing is."""
        owned = ownership.owned - {CHORES}
        if owned != self._reading:
            if owned - self._reading:
                self._service.follow()  # what its last owner wrote has to be known before its looks are judged
            self._read_only(owned)
        return bool(owned)

    def _read_only(self, partitions: frozenset[int]) -> None:
        self._reading = partitions
        self._bus.own(partitions)

    def _do_chores(self, *, mine: bool) -> None:
        if mine and self._chores_stop is None and not self._stop.is_set():
            self._chores_stop = threading.Event()
            for name, loop in self._chores.items():
                self._thread(name, loop, self._chores_stop)
        elif not mine and self._chores_stop is not None:
            self._chores_stop.set()
            self._chores_stop = None

    def _follow(self, stop: threading.Event) -> None:
        """Know what other hubs, their operators and their platforms changed."""
        while not stop.is_set():
            self._service.follow()
            self._clock.sleep(_FOLLOW_S, stop)

    def _leave(self, ownership: Ownership) -> None:
        try:
            ownership.leave()
        except StorageError as error:
            log.warning("shares_not_released", reason=str(error))
