from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.cases.conftest import Outbox
from vision.cases.follow import CaseFollower, Followed, disagreement
from vision.cases.platform import CaseReport
from vision.core.incidents import CaseStatus, IncidentStatus
from vision.storage.tables import AlertRow, IncidentRow
from vision.testing import FlakyCasePlatform

Heard = list[tuple[str, str, CaseReport]]


class Asked:
    """A filed case, a follower, and what the incident was told."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.platform = FlakyCasePlatform()
        self.heard: Heard = []
        outbox.incident()
        outbox.put()
        outbox.dispatcher({"city": self.platform}).run_once()

        def reported(_session: Session, incident_id: str, platform: str, report: CaseReport) -> None:
            self.heard.append((incident_id, platform, report))

        followed = Followed(self.platform, timedelta(seconds=60))
        self.follower = CaseFollower(outbox.database, outbox.clock, {"city": followed}, reported)
        self.platform.calls.clear()

    def turn(self, status: CaseStatus | None = None, seconds: float = 61) -> None:
        if status is not None:
            self.platform.statuses["case-1"] = status
        self.outbox.clock.advance(seconds)
        self.follower.run_once()

    def incident(self, status: IncidentStatus) -> None:
        with self.outbox.database.transaction() as session:
            session.get_one(IncidentRow, "inc-1").status = status.value

    def alerts(self) -> list[str]:
        with self.outbox.database.reading() as session:
            return [alert.payload["en"] for alert in session.scalars(select(AlertRow))]


@pytest.fixture
def asked(outbox: Outbox) -> Asked:
    return Asked(outbox)


def test_open_cases_are_asked_about_in_their_turn(asked: Asked) -> None:
    for _ in range(3):
        asked.turn(seconds=30)
    assert asked.platform.calls == ["report"] * 2
    assert asked.heard == []


def test_a_change_is_kept_and_told_once(asked: Asked) -> None:
    asked.turn(CaseStatus.HANDLED)
    asked.turn()
    assert [(name, platform, report.status) for name, platform, report in asked.heard] == [
        ("inc-1", "city", CaseStatus.HANDLED)
    ]
    (case,) = asked.outbox.cases()
    assert (case.status, case.platform_status) == ("handled", "handled")
    assert case.handled_at is not None


def test_a_closed_case_is_not_asked_about_any_more(asked: Asked) -> None:
    asked.turn(CaseStatus.CLOSED)
    asked.platform.calls.clear()
    asked.turn()
    assert asked.platform.calls == []


def test_a_disagreement_is_shown_once_and_overwrites_nothing(asked: Asked) -> None:
    asked.incident(IncidentStatus.REOPENED)
    asked.turn(CaseStatus.HANDLED)
    asked.turn()
    assert asked.alerts() == ["The platform says it is put right; video still shows it"]
    (case,) = asked.outbox.cases()
    assert case.status == "handled"
    assert case.detail["disagrees"]["zh"] == "平台称已处置,视频显示问题仍在"
    with asked.outbox.database.reading() as session:
        assert session.get_one(IncidentRow, "inc-1").status == "reopened"
    asked.turn(CaseStatus.DISPATCHED)
    assert "disagrees" not in asked.outbox.cases()[0].detail


@pytest.mark.parametrize(
    ("incident", "case", "differs"),
    [
        (IncidentStatus.CLOSED, CaseStatus.DISPATCHED, True),
        (IncidentStatus.CLOSED, CaseStatus.CLOSED, False),
        (IncidentStatus.REOPENED, CaseStatus.CLOSED, True),
        (IncidentStatus.FILED, CaseStatus.HANDLED, False),
        (IncidentStatus.REJECTED, CaseStatus.FILED, True),
        (IncidentStatus.REJECTED, CaseStatus.WITHDRAWN, False),
    ],
)
def test_when_we_disagree(incident: IncidentStatus, case: CaseStatus, *, differs: bool) -> None:
    assert (disagreement(incident, case) is not None) is differs


def test_a_case_that_the_platform_lost_is_told(asked: Asked) -> None:
    asked.platform.cases.clear()
    asked.platform.lost.add("case-1")
    asked.turn()
    (case,) = asked.outbox.cases()
    assert case.status == "filed"
    assert case.detail["problem"] == "no case case-1"
