"""Notices that went out before a case was filed."""

from dataclasses import replace
from datetime import timedelta

from tests.cases.conftest import Outbox
from tests.cases.examples import example_draft
from vision.cases.drafts import evidence_of
from vision.cases.fields import Style, case_values
from vision.cases.notices import notices_of
from vision.cases.platform import Offence
from vision.storage.tables import EvidenceRow, LogRow
from vision.testing import FlakyCasePlatform


def test_a_case_carries_the_notice_that_went_before(outbox: Outbox) -> None:
    outbox.incident()
    told_at, due_at = outbox.clock.now() - timedelta(minutes=15), outbox.clock.now()
    notice = {
        "party": {"key": "k", "kind": "bike_operator", "id": "a", "name": "青桔"},
        "to": "13900001111",
        "how": "webhook",
        "via": "sms",
        "text": "请整改",
        "notified_at": told_at.isoformat(),
        "due_at": due_at.isoformat(),
    }
    with outbox.database.transaction() as session:
        session.add(
            LogRow(
                incident_id="inc-1",
                seq=1,
                to_status="warned",
                cause="notified",
                actor="outbox",
                scene_at=told_at,
                wall_at=told_at,
                detail={"notice": notice},
            )
        )
        for n, at in enumerate((told_at - timedelta(minutes=1), due_at - timedelta(minutes=1))):
            session.add(
                EvidenceRow(
                    id=f"k/{n}.jpg",
                    incident_id="inc-1",
                    role="annotated",
                    media_type="image/jpeg",
                    sha256=str(n) * 64,
                    size=1,
                    camera_id="gate",
                    view_id="main",
                    captured_at=at,
                    time_source="camera",
                    received_at=at,
                )
            )
    with outbox.database.reading() as session:
        files = evidence_of(session, "inc-1")
        (found,) = notices_of(session, "inc-1", files)
    assert (found.party_kind, found.party, found.to, found.text) == ("bike_operator", "青桔", "13900001111", "请整改")
    assert (found.notified_at, found.due_at) == (told_at, due_at)
    assert (found.before, found.after) == ("0" * 64, "1" * 64)
    values = case_values(replace(example_draft(), notices=(found,)), Style(), outbox.clock.now())
    assert (values["notice_party"], values["notice_to"]) == ("青桔", "13900001111")
    untold = replace(example_draft(), notices=())
    assert case_values(untold, Style(), outbox.clock.now())["notified_at"] == ""


def test_a_case_carries_its_shops_history_and_department(outbox: Outbox) -> None:
    at = outbox.clock.now() - timedelta(days=3)
    outbox.incident(
        offences=2,
        colour="green",
        previous=[{"id": "inc-0", "at": at.isoformat()}],
        department="城管二中队",
        department_code="12310101MB2F012345",
    )
    outbox.put()
    platform = FlakyCasePlatform()
    outbox.dispatcher({"city": platform}).run_once()
    (draft,) = platform.drafts
    assert (draft.offences, draft.colour, draft.previous) == (2, "green", (Offence("inc-0", at),))
    assert (draft.department, draft.department_code) == ("城管二中队", "12310101MB2F012345")
    assert case_values(draft, Style(), outbox.clock.now())["previous"] == "inc-0"
