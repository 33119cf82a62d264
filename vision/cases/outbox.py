"""The dispatcher: sends what the outbox holds until the other side has it, exactly once and in order."""

import queue
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from vision.cases import ledger, record
from vision.cases.pacing import Breaker, Bucket, Circuit, Pacing
from vision.core.clock import Clock
from vision.core.delivery import CaseReceipt, Delivery, DeliveryHandler, Receipt
from vision.core.errors import DeliveryError, Rejected, RetryLater, StorageError
from vision.core.incidents import DeliveryKind
from vision.storage.database import Database

_log = structlog.get_logger()

Settled = Callable[[Session, Delivery, Receipt | Rejected], None]
"""Told, inside the transaction that settles the row, that it was taken or refused for good."""
_PATIENCE_S = 0.05
_Done = tuple[Delivery, Receipt | DeliveryError]


class Moot(Rejected):
    """There is nothing to send any more; the row is dropped and nobody has to look."""


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How the outbox is worked off.

    Attributes:
        workers: sending threads.
        lease: how long a sender may take before its rows are thought lost; longer than any time-out.
        poll_s: longest wait before the outbox is looked at again.
        pacing: limits by target; other targets take `default`.
    """

    workers: int = 8
    lease: timedelta = timedelta(seconds=60)
    poll_s: float = 0.25
    stop_within_s: float = 3.0
    pacing: Mapping[str, Pacing] = field(default_factory=dict)
    default: Pacing = field(default_factory=Pacing)


@dataclass(slots=True)
class _Target:
    pacing: Pacing
    bucket: Bucket
    breaker: Breaker
    in_flight: int = 0
    patient_until_s: float = 0.0


class Dispatcher:
    """Works the outbox off.

    Every step is written down before the next begins: a row is leased (committed), sent, settled (committed). Whoever
    kills the process in between leaves a leased row, which comes back after its lease with an unknown outcome, and its
    handler asks the other side before it sends again.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        handlers: Mapping[DeliveryKind, DeliveryHandler],
        *,
        settings: DispatchSettings | None = None,
        settled: Settled = lambda _session, _delivery, _outcome: None,
        chance: random.Random | None = None,
        ours: Callable[[str], bool] = lambda _target: True,
    ) -> None:
        """`ours`: targets that this dispatcher serves; rows of one are shared with others by SKIP LOCKED."""
        self._database = database
        self._clock = clock
        self._handlers = handlers
        self._settings = settings or DispatchSettings()
        self._settled = settled
        self._chance = chance or random.Random()
        self._ours = ours
        self._targets: dict[str, _Target] = {}
        self._in_flight: dict[int, str] = {}
        self._work: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._reclaim_at_s = self._look_at_s = float("-inf")
        self._look = threading.Event()
        self._hot: set[str] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        """(target, delivered | retried | refused | crashed) since the start."""

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return bool(self._in_flight)

    def nudge(self) -> None:
        """Something was just written to the outbox: look now. From any thread."""
        self._look.set()
        self._wake.set()

    def circuits(self) -> dict[str, Circuit]:
        """Which targets are being left alone."""
        now_s = self._clock.monotonic_s()
        return {name: target.breaker.state(now_s) for name, target in list(self._targets.items())}

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; rows still under way then are settled if they end in time."""
        threads = [
            threading.Thread(target=self._send_all, name=f"outbox-{n}", daemon=True)
            for n in range(self._settings.workers)
        ]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            self._wake.clear()
            if not self._turn(enqueue=True):
                self._clock.sleep(self._settings.poll_s, self._wake)
        for _ in threads:
            self._work.put(None)
        until_s = self._clock.monotonic_s() + self._settings.stop_within_s
        while self._in_flight and self._clock.monotonic_s() < until_s:
            self._wake.clear()
            self._settle_done()
            if self._in_flight:
                self._clock.sleep(0.05, self._wake)

    def run_once(self) -> int:
        """Send what is due now, one after the other in the caller's thread; for tests and one-shot commands.

        Returns:
            How many rows were sent, taken or not.
        """
        sent = 0
        while batch := self._lease():
            for delivery in batch:
                self._done.put((delivery, self._deliver(delivery)))
                sent += 1
            self._settle_done()
        return sent

    def _turn(self, *, enqueue: bool) -> bool:
        try:
            settled = self._settle_done()
            batch = self._lease()
        except StorageError as error:
            _log.error("outbox_unreachable", words=str(error))
            return False
        if enqueue:
            for delivery in batch:
                self._work.put(delivery)
        return bool(settled or batch)

    def _lease(self) -> list[Delivery]:
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        if now_s >= self._reclaim_at_s:
            self._reclaim_at_s = now_s + self._settings.lease.total_seconds() / 4
            with self._database.transaction() as session:
                if found := ledger.reclaim(session, now, self._in_flight.keys()):
                    _log.warning("deliveries_reclaimed", count=found)
        wanted = {name: room for name in self._due(now, now_s) if (room := self._room(name, now_s)) > 0}
        if not wanted:
            return []
        batch: list[Delivery] = []
        with self._database.transaction() as session:
            for name, room in wanted.items():
                taken = ledger.lease(session, name, now, count=room, lease_for=self._settings.lease)
                batch += taken
                if len(taken) < room:
                    self._hot.discard(name)
        for delivery in batch:
            target = self._target(delivery.target)
            target.bucket.take(1)
            target.breaker.began(now_s)
            target.patient_until_s = now_s + _PATIENCE_S
            target.in_flight += 1
            self._in_flight[delivery.id] = delivery.target
        return batch

    def _due(self, now: datetime, now_s: float) -> set[str]:
        """Targets worth asking for rows: those whose last batch was full, and now and then those that have any due."""
        if self._look.is_set() or now_s >= self._look_at_s or not self._hot:
            self._look.clear()
            self._look_at_s = now_s + self._settings.poll_s
            with self._database.reading() as session:
                self._hot.update(ledger.due_targets(session, now))
        return {target for target in self._hot if self._ours(target)}

    def _room(self, name: str, now_s: float) -> int:
        target = self._target(name)
        room = min(
            target.pacing.concurrency - target.in_flight,
            target.bucket.available(now_s),
            self._settings.workers * 2 - len(self._in_flight),
        )
        allowed = target.breaker.allowance(now_s)
        if allowed is not None:
            return min(room, allowed)
        # A batch is dearer than a row: wait for half of the places to be free, but not for long.
        enough = 2 * room >= min(target.pacing.concurrency, self._settings.workers) or now_s >= target.patient_until_s
        return room if enough else 0

    def _target(self, name: str) -> _Target:
        if name not in self._targets:
            pacing = self._settings.pacing.get(name, self._settings.default)
            self._targets[name] = _Target(pacing, Bucket(pacing.rate_per_s, pacing.burst), Breaker(pacing))
        return self._targets[name]

    def _send_all(self) -> None:
        while (delivery := self._work.get()) is not None:
            self._done.put((delivery, self._deliver(delivery)))
            self._wake.set()

    def _deliver(self, delivery: Delivery) -> Receipt | DeliveryError:
        handler = self._handlers.get(delivery.kind)
        if handler is None:
            return Rejected(f"nothing here delivers {delivery.kind}")
        try:
            return handler.deliver(delivery)
        except DeliveryError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a thread's top: one bad row must not stop the others
            self.counts[delivery.target, "crashed"] += 1
            _log.error("delivery_crashed", target=delivery.target, incident=delivery.incident_id, exc_info=True)
            return RetryLater(f"{type(error).__name__}: {error}", outcome_unknown=True)

    def _settle_done(self) -> int:
        done: list[_Done] = []
        while not self._done.empty():
            done.append(self._done.get())
        if not done:
            return 0
        try:
            with self._database.transaction() as session:
                for delivery, outcome in done:
                    self._settle(session, delivery, outcome)
        except StorageError:
            for item in done:
                self._done.put(item)
            raise
        except Exception:  # noqa: BLE001 - one row whose consequences cannot be written must not hold up the others
            done = [self._settle_alone(delivery, outcome) for delivery, outcome in done]
        for delivery, outcome in done:
            self._account(delivery, outcome)
        return len(done)

    def _settle_alone(self, delivery: Delivery, outcome: Receipt | DeliveryError) -> _Done:
        try:
            with self._database.transaction() as session:
                self._settle(session, delivery, outcome)
        except Exception as error:  # noqa: BLE001 - told, counted, and tried again: the platform may have the case
            self.counts[delivery.target, "crashed"] += 1
            _log.error("settlement_crashed", target=delivery.target, incident=delivery.incident_id, exc_info=True)
            outcome = RetryLater(f"{type(error).__name__}: {error}", outcome_unknown=True)
            with self._database.transaction() as session:
                self._settle(session, delivery, outcome)
        return delivery, outcome

    def _settle(self, session: Session, delivery: Delivery, outcome: Receipt | DeliveryError) -> None:
        now = self._clock.now()
        if isinstance(outcome, RetryLater):
            wait_s = self._target(delivery.target).pacing.backoff_s(delivery.attempts + 1, self._chance)
            until = now + timedelta(seconds=max(wait_s, outcome.after_s or 0.0))
            ledger.postponed(session, delivery.id, until, str(outcome), outcome_unknown=outcome.outcome_unknown)
            return
        if isinstance(outcome, DeliveryError):
            refusal = outcome if isinstance(outcome, Rejected) else Rejected(str(outcome))
            if isinstance(refusal, Moot):
                ledger.dropped(session, delivery.id, str(refusal))
                return
            ledger.dead(session, delivery.id, str(refusal), outcome_unknown=delivery.outcome_unknown)
            record.keep_refusal(session, delivery, str(refusal))
            self._settled(session, delivery, refusal)
            return
        ledger.delivered(session, delivery.id, now)
        if isinstance(outcome, CaseReceipt):
            record.keep_receipt(session, delivery, outcome, now)
        self._settled(session, delivery, outcome)

    def _account(self, delivery: Delivery, outcome: Receipt | DeliveryError) -> None:
        """Book-keeping of one settled row, after its transaction."""
        self._in_flight.pop(delivery.id, None)
        target = self._target(delivery.target)
        target.in_flight -= 1
        where = {"target": delivery.target, "kind": delivery.kind.value, "incident": delivery.incident_id}
        if isinstance(outcome, RetryLater):
            now_s = self._clock.monotonic_s()
            target.breaker.failed(now_s)
            if outcome.after_s is not None and not outcome.outcome_unknown:
                target.breaker.pause(now_s, outcome.after_s)
            self.counts[delivery.target, "retried"] += 1
            _log.info("delivery_postponed", words=str(outcome), attempts=delivery.attempts + 1, **where)
        else:
            target.breaker.succeeded()
            refused = isinstance(outcome, DeliveryError)
            self.counts[delivery.target, "refused" if refused else "delivered"] += 1
            if refused:
                _log.warning("delivery_refused", words=str(outcome), **where)
            else:
                _log.debug("delivery_made", **where)
