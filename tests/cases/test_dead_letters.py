import pytest

from tests.cases.conftest import Outbox
from vision.cases.dead_letters import DeadLetterError, drop, filed_as, resend
from vision.cases.platform import Promise
from vision.core.errors import NotThereError
from vision.core.incidents import DeliveryKind
from vision.storage.tables import IncidentRow
from vision.testing import FlakyCasePlatform, Trouble


def dead(outbox: Outbox, platform: FlakyCasePlatform) -> int:
    outbox.incident()
    row_id = outbox.put()
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert outbox.row(row_id).status == "dead"
    return row_id


def test_a_corrected_case_is_sent_again_with_its_own_key(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE])
    row_id = dead(outbox, platform)
    with outbox.database.transaction() as session:
        resend(session, row_id, outbox.clock, corrections={"place": "人民路 14 号"})
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert outbox.row(row_id).status == "delivered"
    assert platform.cases == [("case-1", "inc-1:file:city")]
    assert platform.drafts[-1].place == "人民路 14 号"
    assert [case.status for case in outbox.cases()] == ["filed"]


def test_only_what_may_be_corrected_can_be(outbox: Outbox) -> None:
    row_id = dead(outbox, FlakyCasePlatform(troubles=[Trouble.REFUSE]))
    with pytest.raises(DeadLetterError, match="reviewer cannot be corrected"), outbox.database.transaction() as session:
        resend(session, row_id, outbox.clock, corrections={"reviewer": "nobody"})


def test_after_an_unknown_outcome_a_person_says_what_is_so(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.NONE, troubles=[Trouble.LOSE_ANSWER])
    row_id = dead(outbox, platform)
    with outbox.database.transaction() as session:
        delivery, receipt = filed_as(session, row_id, " case-1 ", outbox.clock)
    assert (delivery.kind, receipt.platform_case_id) == (DeliveryKind.FILE, "case-1")
    assert [(case.platform_case_id, case.status) for case in outbox.cases()] == [("case-1", "filed")]
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert len(platform.cases) == 1


def test_or_that_it_is_not_there(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.NONE, troubles=[Trouble.LOSE_ANSWER])
    row_id = dead(outbox, platform)
    platform.cases.clear()
    with outbox.database.transaction() as session:
        resend(session, row_id, outbox.clock, sure=True)
    outbox.work_off(outbox.dispatcher({"city": platform}))
    assert len(platform.cases) == 1
    assert outbox.row(row_id).status == "delivered"


def test_given_up_takes_along_what_waits_behind(outbox: Outbox) -> None:
    row_id = dead(outbox, FlakyCasePlatform(troubles=[Trouble.REFUSE]))
    waiting = outbox.put(kind=DeliveryKind.CLOSE)
    with outbox.database.transaction() as session:
        assert drop(session, row_id) == [row_id, waiting]
    assert outbox.dispatcher({"city": FlakyCasePlatform()}).run_once() == 0


def test_what_is_not_dead_is_left_alone(outbox: Outbox) -> None:
    outbox.incident()
    row_id = outbox.put()
    with outbox.database.transaction() as session:
        with pytest.raises(DeadLetterError, match="is pending, not dead"):
            resend(session, row_id, outbox.clock)
        with pytest.raises(NotThereError):
            drop(session, 999)


def test_a_case_rejected_before_it_was_sent_is_never_filed(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW])
    outbox.incident()
    row_id = outbox.put()
    dispatcher = outbox.dispatcher({"city": platform})
    dispatcher.run_once()
    with outbox.database.transaction() as session:
        session.get_one(IncidentRow, "inc-1").status = "rejected"
    outbox.clock.advance(60)
    dispatcher.run_once()
    assert (outbox.row(row_id).status, platform.cases) == ("dropped", [])


def test_one_that_may_have_been_accepted_is_still_asked_about(outbox: Outbox) -> None:
    platform = FlakyCasePlatform(promise=Promise.FINDABLE, troubles=[Trouble.LOSE_ANSWER])
    outbox.incident()
    row_id = outbox.put()
    dispatcher = outbox.dispatcher({"city": platform})
    dispatcher.run_once()
    with outbox.database.transaction() as session:
        session.get_one(IncidentRow, "inc-1").status = "rejected"
    outbox.clock.advance(60)
    dispatcher.run_once()
    assert outbox.row(row_id).status == "delivered"
    assert [case.platform_case_id for case in outbox.cases()] == ["case-1"]
