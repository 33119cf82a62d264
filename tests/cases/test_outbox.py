from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.cases.conftest import Outbox
from vision.cases.pacing import Circuit, Pacing
from vision.cases.platform import ChangeKind, Promise
from vision.core.delivery import CaseReceipt, Delivery, Receipt
from vision.core.errors import IllegalTransitionError, Rejected
from vision.core.incidents import DeliveryKind
from vision.storage.tables import IncidentRow
from vision.testing import Crashed, FlakyCasePlatform, Trouble


def test_a_case_is_filed_and_stands_in_the_record(outbox: Outbox) -> None:
    platform = FlakyCasePlatform()
    outbox.incident()
    row_id = outbox.put()
    assert outbox.dispatcher({"city": platform}).run_once() == 1
    assert outbox.row(row_id).status == "delivered"
    (case,) = outbox.cases()
    assert (case.platform, case.platform_case_id, case.status) == ("city", "case-1", "filed")
    assert case.filed_at == outbox.clock.now()


def test_a_platform_that_fails_twice_gets_exactly_one_case(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW, Trouble.LOSE_ANSWER])
    outbox.incident()
    row_id = outbox.put()
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert platform.cases == [("case-1", "inc-1:file:city")]
    assert outbox.row(row_id).attempts == 3


def test_a_lost_answer_is_asked_about_before_it_is_sent_again(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.FINDABLE, troubles=[Trouble.LOSE_ANSWER])
    outbox.incident()
    outbox.put()
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert platform.calls == ["file", "find"]
    assert len(platform.cases) == 1


def test_the_platform_is_given_time_before_it_is_asked(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.FINDABLE, troubles=[Trouble.LOSE_ANSWER])
    outbox.incident()
    row_id = outbox.put()
    outbox.dispatcher({"city": platform}, reconcile_after_s=40).run_once()
    assert outbox.row(row_id).next_at - outbox.clock.now() >= timedelta(seconds=40)


def test_where_nobody_can_be_asked_a_person_decides(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.NONE, troubles=[Trouble.LOSE_ANSWER])
    outbox.incident()
    row_id = outbox.put()
    outbox.work_off(outbox.dispatcher({"city": platform}))
    row = outbox.row(row_id)
    assert row.status == "dead"
    assert "cannot be asked" in row.last_error
    assert len(platform.cases) == 1


def test_a_refusal_is_kept_in_the_platforms_words(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE])
    outbox.incident()
    row_id = outbox.put()
    outbox.dispatcher({"city": platform}).run_once()
    assert outbox.row(row_id).status == "dead"
    assert outbox.row(row_id).last_error == "we do not take this"
    assert [(case.status, case.reason) for case in outbox.cases()] == [("dead", "we do not take this")]


def test_rows_of_one_incident_go_in_order(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW])
    outbox.incident()
    outbox.put(kind=DeliveryKind.FILE)
    outbox.put(kind=DeliveryKind.UPDATE, payload={"change": "note", "text": "两堆了"})
    outbox.put(kind=DeliveryKind.CLOSE)
    dispatcher = outbox.dispatcher({"city": platform})
    dispatcher.run_once()
    assert platform.calls == ["file"]
    outbox.work_off(dispatcher)
    assert platform.calls == ["file", "file", "change", "change"]
    assert [(case_id, change.kind) for case_id, change in platform.changes] == [
        ("case-1", ChangeKind.NOTE),
        ("case-1", ChangeKind.GONE),
    ]
    assert [case.status for case in outbox.cases()] == ["closed"]


def test_one_incidents_trouble_does_not_hold_up_another(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW])
    for name in ("inc-1", "inc-2"):
        outbox.incident(name)
        outbox.put(name)
    outbox.dispatcher({"city": platform}).run_once()
    assert platform.cases == [("case-1", "inc-2:file:city")]


def test_a_dead_platform_does_not_hold_up_another(outbox: Outbox) -> None:
    down = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW] * 100)
    up = FlakyCasePlatform()
    outbox.incident()
    outbox.put(target="down")
    outbox.put(target="up")
    outbox.dispatcher({"down": down, "up": up}).run_once()
    assert (len(down.cases), len(up.cases)) == (0, 1)


def test_the_circuit_opens_and_one_trial_closes_it(outbox: Outbox) -> None:
    pacing = Pacing(breaker_failures=3, breaker_rest_s=30, backoff_first_s=0.1, backoff_most_s=60, concurrency=1)
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW] * 3)
    for n in range(6):
        outbox.incident(f"inc-{n}")
        outbox.put(f"inc-{n}")
    dispatcher = outbox.dispatcher({"city": platform}, pacing=pacing)
    dispatcher.run_once()
    assert dispatcher.circuits() == {"city": Circuit.OPEN}
    assert platform.calls == ["file"] * 3
    outbox.clock.advance(29)
    dispatcher.run_once()
    assert len(platform.calls) == 3
    outbox.clock.advance(2)
    dispatcher.run_once()
    assert dispatcher.circuits() == {"city": Circuit.CLOSED}
    assert len(platform.cases) == 6


def test_the_rate_is_kept(outbox: Outbox) -> None:
    pacing = Pacing(rate_per_s=2, burst=3, concurrency=100)
    platform = FlakyCasePlatform()
    for n in range(10):
        outbox.incident(f"inc-{n}")
        outbox.put(f"inc-{n}")
    dispatcher = outbox.dispatcher({"city": platform}, pacing=pacing)
    assert dispatcher.run_once() == 3
    outbox.clock.advance(1)
    assert dispatcher.run_once() == 2


def test_what_follows_is_written_in_the_same_transaction(outbox: Outbox) -> None:
    def settled(session: Session, delivery: Delivery, outcome: Receipt | Rejected) -> None:
        assert isinstance(outcome, CaseReceipt)
        session.execute(update(IncidentRow).where(IncidentRow.id == delivery.incident_id).values(status="filed"))

    outbox.incident()
    outbox.put()
    outbox.dispatcher({"city": FlakyCasePlatform()}, settled=settled).run_once()
    with outbox.database.reading() as session:
        assert session.get_one(IncidentRow, "inc-1").status == "filed"


def test_a_consequence_that_cannot_be_written_holds_up_nobody_else(outbox: Outbox) -> None:
    def settled(_session: Session, delivery: Delivery, _outcome: Receipt | Rejected) -> None:
        if delivery.incident_id == "inc-0":
            raise IllegalTransitionError("not from here")

    platform = FlakyCasePlatform()
    for n in range(3):
        outbox.incident(f"inc-{n}")
        outbox.put(f"inc-{n}")
    outbox.dispatcher({"city": platform}, settled=settled).run_once()
    assert [row.status for row in outbox.rows()] == ["pending", "delivered", "delivered"]
    assert outbox.rows()[0].outcome_unknown


@pytest.mark.parametrize("promise", [Promise.IDEMPOTENT, Promise.FINDABLE])
def test_a_sender_that_dies_after_the_platform_accepted_files_once(outbox: Outbox, promise: Promise) -> None:
    platform = FlakyCasePlatform(promise=promise, troubles=[Trouble.CRASH])
    outbox.incident()
    row_id = outbox.put()
    with pytest.raises(Crashed):
        outbox.dispatcher({"city": platform}).run_once()
    assert outbox.row(row_id).status == "sending"
    successor = outbox.dispatcher({"city": platform})
    assert successor.run_once() == 0
    outbox.work_off(successor)
    assert outbox.row(row_id).status == "delivered"
    assert len(platform.cases) == 1
