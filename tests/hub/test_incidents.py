import pytest
from sqlalchemy import select

from tests.incidents.street import absent, present, unknown
from vision.core.errors import IllegalTransitionError
from vision.core.findings import Picture
from vision.core.incidents import CaseStatus, Verdict
from vision.hub.incidents import IncidentService
from vision.hub.surroundings import CitySurroundings
from vision.incidents.events import CaseFiled, CaseStatusReported, FileRequested, VerdictGiven
from vision.storage.database import Database
from vision.storage.tables import AlertRow, EvidenceRow, IncidentRow, LogRow, OutboxRow
from vision.testing import ManualClock


def rows(database: Database) -> list[IncidentRow]:
    with database.reading() as session:
        return list(session.scalars(select(IncidentRow).order_by(IncidentRow.id)))


def only(database: Database) -> IncidentRow:
    (row,) = rows(database)
    return row


def outbox(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        return [(row.kind, row.target) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.id))]


def causes(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(LogRow.cause).order_by(LogRow.id)))


def test_the_whole_way(service: IncidentService, database: Database, clock: ManualClock) -> None:
    service.take([present(0)])
    assert only(database).status == "suspected"
    service.take([present(t, since=0, evidence=(Picture("annotated", f"k{t}.jpg"),)) for t in (60, 120, 180)])
    row = only(database)
    assert (row.status, row.place, row.district) == ("open", "Gate · kerb", "east")
    assert outbox(database) == [("file", "city")]
    service.command(row.id, CaseFiled("city", "C-1"))
    assert only(database).status == "filed"
    service.command(row.id, CaseStatusReported("city", CaseStatus.HANDLED, "done"))
    assert only(database).status == "handled"
    service.take([absent(t, evidence=(Picture("original", f"a{t}.jpg"),)) for t in (400, 460, 520)])
    row = only(database)
    assert (row.status, row.watched, row.next_timer_at) == ("closed", False, None)
    assert outbox(database) == [("file", "city"), ("close", "city")]
    assert causes(database) == ["seen", "dwelled", "filing", "filed", "case_handled", "verifying", "not_seen", "gone"]
    with database.reading() as session:
        assert "after" in set(session.scalars(select(EvidenceRow.role)))
        kinds = list(session.scalars(select(AlertRow.kind).order_by(AlertRow.id)))
    assert kinds == ["suspected", "open", "filed", "handled", "closed"]


def test_a_passer_by_lapses(service: IncidentService, database: Database) -> None:
    service.take([present(0), present(10, since=0), absent(20), absent(90), absent(140)])
    assert only(database).status == "lapsed"
    assert outbox(database) == []


def test_unknown_never_closes(service: IncidentService, database: Database) -> None:
    service.take([present(200, since=0), *(unknown(t) for t in range(210, 4000, 10))])
    assert only(database).status == "open"


def test_a_look_delivered_twice_counts_once(service: IncidentService, database: Database) -> None:
    looks = [present(200, since=0), absent(300), absent(300), absent(300), absent(420)]
    service.take(looks)
    service.take(looks)
    assert only(database).status == "open"


def test_a_restart_forgets_nothing(
    service: IncidentService, database: Database, clock: ManualClock, surroundings: CitySurroundings
) -> None:
    service.take([present(200, since=0)])
    again = IncidentService(database, clock, surroundings, route=lambda _type, _district: ["city"])
    assert again.load() == 1
    again.take([present(200, since=0), present(210, since=0), present(300, since=0)])
    assert len(rows(database)) == 1
    assert outbox(database) == [("file", "city")]


def test_rejected_stays_quiet_until_it_is_gone(service: IncidentService, database: Database) -> None:
    service.take([present(200, since=0)])
    service.command(only(database).id, VerdictGiven(Verdict.REJECT, "operator:li", "potted plant"))
    service.take([present(t, since=0) for t in range(210, 1000, 10)])
    assert only(database).status == "rejected"
    service.take([absent(1000), absent(1060), absent(1130)])
    assert not only(database).watched
    service.take([present(1200)])
    assert [row.status for row in rows(database)] in (["rejected", "suspected"], ["suspected", "rejected"])


def test_nothing_is_filed_twice(service: IncidentService, database: Database) -> None:
    service.take([present(200, since=0)])
    with pytest.raises(IllegalTransitionError, match="already filed"):
        service.command(only(database).id, FileRequested("operator:li"))
    assert outbox(database) == [("file", "city")]


def test_without_a_platform_an_operator_is_asked(
    database: Database, clock: ManualClock, surroundings: CitySurroundings
) -> None:
    service = IncidentService(database, clock, surroundings)
    service.take([present(200, since=0)])
    assert only(database).waiting == "returned"
    assert outbox(database) == []
