from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.cases.conftest import Outbox
from vision.cases.deadlines import DeadlineKeeper, Deadlines, overdue
from vision.cases.record import set_status
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
