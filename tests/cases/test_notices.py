"""Notices that went out before a case was filed."""

from dataclasses import replace
from datetime import timedelta

from tests.cases.conftest import Outbox
from tests.cases.examples import example_draft
from vision.cases.drafts import evidence_of
from vision.cases.fields import Style, case_values
from vision.cases.notices import notices_of
from vision.storage.tables import EvidenceRow, LogRow


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
