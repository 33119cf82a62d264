import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from tests.cases.conftest import Outbox
from tests.cases.examples import KEY, PICTURE
from vision.api.callbacks import platform_router
from vision.cases.callbacks import Callbacks, CallbackSettings
from vision.cases.links import Links
from vision.cases.platform import CaseReport, EvidenceFile
from vision.cases.signing import sign
from vision.core.incidents import CaseStatus
from vision.storage.tables import EvidenceRow
from vision.testing import EPOCH, FlakyCasePlatform, MemoryBlobs

SECRET = "between-us"


class Line:
    """A filed case and the line on which its platform calls back."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.heard: list[CaseReport] = []
        outbox.incident()
        outbox.put()
        outbox.dispatcher({"city": FlakyCasePlatform()}).run_once()

        def reported(_session: Session, _incident: str, _platform: str, report: CaseReport) -> None:
            self.heard.append(report)

        self.callbacks = Callbacks(
            outbox.database,
            outbox.clock,
            {"city": CallbackSettings(SECRET, {"处理反馈": CaseStatus.HANDLED, "派遣": CaseStatus.DISPATCHED})},
            reported,
        )

    def message(self, **values: Any) -> bytes:
        message = {"event_id": "e1", "case_id": "case-1", "status": "处理反馈", "reason": "已清理"}
        return json.dumps(message | values, ensure_ascii=False).encode()

    def call(
        self, *, secret: str = SECRET, platform: str = "city", signed_at: datetime | None = None, **values: Any
    ) -> int:
        body = self.message(**values)
        headers = sign(secret, body, signed_at or self.outbox.clock.now())
        return self.callbacks.take_callback(platform, headers, body).status


@pytest.fixture
def line(outbox: Outbox) -> Line:
    return Line(outbox)


def test_a_signed_message_moves_the_case(line: Line) -> None:
    assert line.call() == 200
    assert [(report.status, report.reason) for report in line.heard] == [(CaseStatus.HANDLED, "已清理")]
    (case,) = line.outbox.cases()
    assert (case.status, case.platform_status, case.reason) == ("handled", "处理反馈", "已清理")


def test_the_same_message_again_changes_nothing(line: Line) -> None:
    assert [line.call(), line.call(), line.call(event_id="e2")] == [200, 200, 200]
    assert len(line.heard) == 1


def test_an_old_message_is_not_taken_back_in(line: Line) -> None:
    assert line.call(signed_at=line.outbox.clock.now() - timedelta(minutes=6)) == 401
    assert line.heard == []


def test_a_late_message_does_not_undo_a_later_one(line: Line) -> None:
    now = line.outbox.clock.now()
    assert line.call(event_id="e2", at=now.isoformat()) == 200
    assert line.call(event_id="e1", status="派遣", at=(now - timedelta(minutes=2)).isoformat()) == 200
    assert line.outbox.cases()[0].status == "handled"
    assert len(line.heard) == 1


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"secret": "forged"}, 401),
        ({"platform": "stranger"}, 404),
        ({"case_id": "case-9"}, 409),
        ({"event_id": ""}, 400),
        ({"status": "怪状态"}, 200),
    ],
)
def test_what_does_not_fit_is_answered_and_changes_nothing(line: Line, values: dict[str, Any], status: int) -> None:
    assert line.call(**values) == status
    assert line.heard == []
    assert line.outbox.cases()[0].status == "filed"


def test_an_altered_body_is_refused(line: Line) -> None:
    headers = sign(SECRET, line.message(), line.outbox.clock.now())
    assert line.callbacks.take_callback("city", headers, line.message(status="派遣")).status == 401


def test_over_http_and_links_to_evidence(line: Line) -> None:
    outbox, blobs = line.outbox, MemoryBlobs()
    blobs.put(KEY, PICTURE, media_type="image/jpeg")
    with outbox.database.transaction() as session:
        session.add(
            EvidenceRow(
                id=KEY,
                incident_id="inc-1",
                role="original",
                media_type="image/jpeg",
                sha256="0" * 64,
                size=11,
                camera_id="gate",
                view_id="main",
                captured_at=EPOCH,
                time_source="camera",
                received_at=EPOCH,
            )
        )
    app = FastAPI()
    app.include_router(platform_router(line.callbacks, outbox.database, blobs, outbox.clock, "link-secret"))
    body = line.message()
    link = Links("", "link-secret", timedelta(hours=1), outbox.clock).to(
        EvidenceFile(KEY, "original", "image/jpeg", "0" * 64, 11, datetime.now(tz=UTC), "gate")
    )

    async def talk() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
            headers = sign(SECRET, body, outbox.clock.now())
            assert (await client.post("/callbacks/city", content=body, headers=headers)).status_code == 200
            assert (await client.get(link)).content == PICTURE
            assert (await client.get(link.replace("a.jpg", "b.jpg"))).status_code == 403
            outbox.clock.advance(3601)
            assert (await client.get(link)).status_code == 403

    asyncio.run(talk())
    assert len(line.heard) == 1
