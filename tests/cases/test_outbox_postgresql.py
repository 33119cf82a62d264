"""Two hubs on one PostgreSQL: rows are shared out, none is sent twice, order is kept."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tests.cases.conftest import CASE_KINDS, EAGER, Outbox
from tests.conftest import absent
from tests.servers.postgresql import available, cluster
from vision.cases.handler import CaseHandler
from vision.cases.outbox import Dispatcher, DispatchSettings
from vision.cases.platform import CaseChange, CaseDraft, CaseReport, Promise
from vision.core.clock import SystemClock
from vision.core.codes import standard
from vision.core.incidents import DeliveryKind
from vision.storage.database import Database
from vision.testing import FlakyCasePlatform, ManualClock

INCIDENTS = 40


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Database]:
    if not available():
        absent("needs Debian's postgresql")
    with cluster() as url:
        database = Database(url)
        database.migrate()
        yield database
        database.close()


@dataclass
class BusyPlatform(FlakyCasePlatform):
    """Slow enough that both hubs send at once; one call at a time changes it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    told: list[tuple[str, str]] = field(default_factory=list)

    def file(self, draft: CaseDraft) -> CaseReport:
        threading.Event().wait(0.005)
        with self.lock:
            self.told.append((draft.incident_id, "file"))
            return super().file(draft)

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        threading.Event().wait(0.005)
        with self.lock:
            self.told.append((change.reference.partition(":")[0], "close" if change.closes else "update"))
            return super().change(case_id, change)


@pytest.mark.server
def test_two_hubs_share_the_work_and_double_nothing(postgresql: Database) -> None:
    outbox = Outbox(postgresql, ManualClock(datetime.now(tz=UTC)))
    platform, clock, stop = BusyPlatform(promise=Promise.FINDABLE), SystemClock(), threading.Event()
    for n in range(INCIDENTS):
        outbox.incident(f"inc-{n}")
        for kind in CASE_KINDS:
            outbox.put(f"inc-{n}", kind)
    hubs = []
    for _ in range(2):
        handler = CaseHandler(postgresql, clock, {"city": platform}, standard())
        settings = DispatchSettings(default=EAGER, workers=4, poll_s=0.02)
        hubs.append(Dispatcher(postgresql, clock, dict.fromkeys(CASE_KINDS, handler), settings=settings))
    threads = [threading.Thread(target=hub.run, args=(stop,), daemon=True) for hub in hubs]
    for thread in threads:
        thread.start()
    for _ in range(600):
        if not outbox.waiting():
            break
        stop.wait(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert {row.status for row in outbox.rows()} == {"delivered"}
    assert all(hub.counts["city", "delivered"] > 0 for hub in hubs)
    orders: dict[str, list[str]] = {}
    for incident, what in platform.told:
        orders.setdefault(incident, []).append(what)
    assert len(orders) == INCIDENTS
    assert {tuple(order) for order in orders.values()} == {("file", "update", "close")}
    assert sum(row.kind == DeliveryKind.FILE for row in outbox.rows()) == len(platform.cases)
