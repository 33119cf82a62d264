import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.incidents.street import absent, present
from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.incidents import CaseStatus
from vision.hub.incidents import IncidentService
from vision.hub.runtime import Hub
from vision.hub.surroundings import CitySurroundings
from vision.incidents.events import CaseFiled, CaseStatusReported
from vision.storage.bus import MemoryBus
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, OutboxRow


class Flaky(IncidentService):
    """Fails to write the first times."""

    failures = 2

    def take(self, findings: Sequence[Finding], guard: Callable[[Session], None] = lambda _session: None) -> int:
        if self.failures:
            self.failures -= 1
            raise StorageError("disk full")
        return super().take(findings, guard)


class Picky(IncidentService):
    """Cannot bear one look."""

    def take(self, findings: Sequence[Finding], guard: Callable[[Session], None] = lambda _session: None) -> int:
        if any(finding.confidence == 0.123 for finding in findings):
            raise ZeroDivisionError
        return super().take(findings, guard)


def soon(true: Callable[[], bool]) -> bool:
    """Wait for a condition of another thread; the limit only guards against hanging."""
    until = time.monotonic() + 60
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_an_outage_loses_nothing(database: Database, surroundings: CitySurroundings) -> None:
    bus, service = MemoryBus(), Flaky(database, SystemClock(), surroundings, route=lambda _t, _d: ["city"])
    hub = Hub(bus, service, SystemClock())
    bus.publish([present(0), present(200, since=0)])
    hub.start()
    try:
        assert soon(lambda: bus.waiting() == 0)
    finally:
        hub.stop()
    assert hub.faults["intake"] == 2
    with database.reading() as session:
        assert session.scalars(select(IncidentRow.status)).all() == ["open"]


def test_a_look_that_cannot_be_taken_does_not_hold_up_the_others(
    database: Database, surroundings: CitySurroundings
) -> None:
    bus, service = MemoryBus(), Picky(database, SystemClock(), surroundings, route=lambda _t, _d: ["city"])
    hub = Hub(bus, service, SystemClock())
    bus.publish([present(0), replace(present(100, since=0), confidence=0.123), present(200, since=0)])
    assert hub.take_once(wait_s=0) == 3
    assert bus.waiting() == 0
    assert hub.faults["finding"] == 1
    with database.reading() as session:
        assert session.scalars(select(IncidentRow.status)).all() == ["open"]


def test_a_loop_that_fails_is_told_and_begun_again(database: Database, surroundings: CitySurroundings) -> None:
    begun = []

    def loop(stop: threading.Event) -> None:
        begun.append(1)
        if len(begun) == 1:
            raise RuntimeError("oops")
        stop.wait()

    hub = Hub(MemoryBus(), IncidentService(database, SystemClock(), surroundings), SystemClock(), {"odd": loop})
    hub.start()
    try:
        assert soon(lambda: len(begun) == 2)
        assert hub.alive
    finally:
        hub.stop()
    assert hub.faults["odd"] == 1


def test_many_threads_write_one_truth(database: Database, surroundings: CitySurroundings) -> None:
    """Findings, a platform and timers at once: every step is in the log once, in order, and one case was filed."""
    service = IncidentService(database, SystemClock(), surroundings, route=lambda _t, _d: ["city"])
    service.take([present(200, since=0)])
    with database.reading() as session:
        (incident_id,) = session.scalars(select(IncidentRow.id)).all()
    done = threading.Event()

    def looks() -> None:
        for n in range(60):
            service.take([present(300 + 10 * n, since=0) if n % 7 else absent(300 + 10 * n)])

    def platform() -> None:
        for n in range(20):
            service.command(incident_id, CaseFiled("city", "C-1"))
            status = CaseStatus.DISPATCHED if n % 2 else CaseStatus.FILED
            service.command(incident_id, CaseStatusReported("city", status))

    def timers() -> None:
        while not done.wait(0.005):  # SQLite's lock is not fair: who asks without a pause keeps the others out for ever
            service.fire_timers()

    threads = [threading.Thread(target=work) for work in (looks, platform, timers)]
    for thread in threads:
        thread.start()
    threads[0].join(240)
    threads[1].join(240)
    done.set()
    threads[2].join(240)
    with database.reading() as session:
        row = session.scalars(select(IncidentRow)).one()
        assert session.scalar(select(func.count()).where(OutboxRow.kind == "file")) == 1
        assert row.state["status"] == row.status == "filed"
