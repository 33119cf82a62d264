from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.cases.conftest import CASE_KINDS, Outbox
from vision.cases.deadlines import DeadlineKeeper, Deadlines, overdue
from vision.cases.handler import CaseHandler
from vision.cases.outbox import Dispatcher
from vision.cases.record import set_status
from vision.cases.worktime import Limit, Unit
from vision.core.codes import standard
from vision.core.findings import Subtype
from vision.core.incidents import CaseStatus
from vision.storage.tables import AlertRow, CaseRow
from vision.testing import FlakyCasePlatform


class Kept:
    """A case of four working hours, filed on a Wednesday at 16:00 in Shanghai: due on Thursday at 10:00."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        outbox.incident()
        outbox.put()
        outbox.dispatcher({"city": FlakyCasePlatform()}).run_once()
        self.keeper = DeadlineKeeper(outbox.database, outbox.clock, Deadlines())

    def after(self, **time: float) -> list[str]:
        """Turn the clock; the kinds of all alerts so far."""
        self.outbox.clock.advance(timedelta(**time).total_seconds())
        self.keeper.run_once()
        self.keeper.run_once()
        with self.outbox.database.reading() as session:
            return [alert.kind for alert in session.scalars(select(AlertRow).order_by(AlertRow.id))]

    def set(self, status: CaseStatus) -> None:
        with self.outbox.database.transaction() as session:
            set_status(session.scalars(select(CaseRow)).one(), status, self.outbox.clock.now())


@pytest.fixture
def kept(outbox: Outbox) -> Kept:
    return Kept(outbox)


def test_the_platform_is_told_the_same_deadline(outbox: Outbox) -> None:
    platform = FlakyCasePlatform()
    outbox.incident()
    outbox.put()
    outbox.dispatcher({"city": platform}).run_once()
    DeadlineKeeper(outbox.database, outbox.clock, Deadlines()).run_once()
    assert platform.drafts[0].due_at == outbox.cases()[0].due_at == outbox.clock.now() + timedelta(hours=18)


def test_warned_before_and_reminded_after(kept: Kept) -> None:
    assert kept.after(hours=17) == []
    assert kept.after(minutes=31) == ["deadline_near"]
    assert kept.after(minutes=30) == ["deadline_near", "overdue"]
    assert kept.after(hours=3) == ["deadline_near", "overdue"]
    assert kept.after(hours=1) == ["deadline_near", "overdue", "overdue"]
    with kept.outbox.database.reading() as session:
        assert [case.platform_case_id for case in overdue(session, kept.outbox.clock.now())] == ["case-1"]


def test_a_handled_case_is_not_overdue(kept: Kept) -> None:
    kept.after(hours=1)
    kept.set(CaseStatus.HANDLED)
    assert kept.after(hours=40) == []


def test_a_suspension_moves_the_deadline(kept: Kept) -> None:
    kept.after(hours=1)
    kept.set(CaseStatus.SUSPENDED)
    assert kept.after(hours=24) == []
    kept.set(CaseStatus.DISPATCHED)
    assert kept.after(seconds=1) == []
    (case,) = kept.outbox.cases()
    assert case.filed_at is not None
    assert case.due_at == case.filed_at + timedelta(hours=42)


def test_the_areas_class_decides_the_limit(outbox: Outbox) -> None:
    rows = (
        "name,area,filing_condition,closing_condition,limit,unit,source\n"
        "暴露垃圾,A,有垃圾,清走,1,urgent_hours,x\n暴露垃圾,*,有垃圾,清走,4,work_hours,x\n"
    )
    deadlines = Deadlines(standard(conditions=rows))
    platform = FlakyCasePlatform()
    handler = CaseHandler(outbox.database, outbox.clock, {"city": platform}, standard(), deadlines=deadlines)
    for n, area in enumerate(("A", "B", "")):
        outbox.incident(f"inc-{n}", area_class=area)
        outbox.put(f"inc-{n}")
    Dispatcher(outbox.database, outbox.clock, dict.fromkeys(CASE_KINDS, handler)).run_once()
    DeadlineKeeper(outbox.database, outbox.clock, deadlines).run_once()
    drafts = sorted(platform.drafts, key=lambda draft: draft.incident_id)
    assert [(draft.area_class, draft.time_limit) for draft in drafts] == [
        ("A", "1 紧急工作时"),
        ("B", "4 工作时"),
        ("", "4 工作时"),
    ]
    assert (drafts[0].filing_condition, drafts[0].closing_condition) == ("有垃圾", "清走")
    cases = sorted(outbox.cases(), key=lambda case: case.incident_id)
    assert [case.due_at for case in cases] == [draft.due_at for draft in drafts]
    assert drafts[0].due_at == outbox.clock.now() + timedelta(hours=1)
    assert cases[0].detail["limit"] == {"value": 1.0, "unit": "urgent_hours", "area_class": "A"}


def test_a_configured_limit_goes_before_the_tables() -> None:
    deadlines = Deadlines(own={Subtype.SPILL: Limit(1, Unit.WORK_DAYS)})
    limit = deadlines.limit(Subtype.SPILL, "A")
    assert limit is not None
    assert limit.words == "1 工作日"
