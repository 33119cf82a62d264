"""The sandbox platform over real HTTP, driven by the webhook client and by a clerk at its desk."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from vision.cases import wire
from vision.cases.platform import CaseChange, CaseDraft, ChangeKind, EvidenceFile, Promise
from vision.cases.platforms.webhook import EvidenceBy, WebhookPlatform, WebhookSettings
from vision.cases.signing import verify
from vision.core.clock import SystemClock
from vision.core.errors import NotThereError, Rejected, RetryLater
from vision.core.incidents import CaseStatus
from vision.sandbox.platform import SECRET, SandboxPlatform, listen
from vision.sandbox.platform_cases import SandboxCases
from vision.testing import EPOCH, MemoryBlobs

PICTURE = b"\xff\xd8 a picture"


def draft(reference: str = "ref-1") -> CaseDraft:
    import hashlib

    file = EvidenceFile(
        "2026/07/01/gate/a.jpg", "original", "image/jpeg", hashlib.sha256(PICTURE).hexdigest(), 11, EPOCH, "gate"
    )
    return CaseDraft(
        reference=reference,
        incident_id="inc-1",
        type="garbage",
        subtype="exposed_garbage",
        standard_ref="gbt30428-2013",
        event_code="0110",
        event_name="暴露垃圾",
        description="垃圾堆放 10 分钟",
        place="人民路 12 号",
        district="east",
        grid_id="310101001001001",
        shop_id="",
        longitude=121.4737,
        latitude=31.2304,
        began_at=EPOCH,
        seen_at=EPOCH + timedelta(minutes=10),
        due_at=None,
        camera_id="gate",
        confidence=0.9,
        object_count=2,
        reviewer="",
        evidence=(file,),
    )


@pytest.fixture
def sandbox() -> SandboxPlatform:
    return SandboxPlatform(seed=1)


@pytest.fixture
def url(sandbox: SandboxPlatform) -> Iterator[str]:
    with sandbox.serve() as url:
        yield url


def client(url: str, *, evidence_by: EvidenceBy = EvidenceBy.INLINE, timeout_s: float = 5) -> WebhookPlatform:
    blobs = MemoryBlobs()
    blobs.put("2026/07/01/gate/a.jpg", PICTURE, media_type="image/jpeg")
    settings = WebhookSettings(
        f"{url}/webhook", SECRET, Promise.IDEMPOTENT, evidence_by, evidence_base_url="http://hub.example"
    )
    return WebhookPlatform(settings, wire.client(timeout_s=timeout_s, concurrency=2), blobs, SystemClock())


@pytest.mark.parametrize("evidence_by", list(EvidenceBy))
def test_a_case_arrives_with_its_pictures(sandbox: SandboxPlatform, url: str, evidence_by: EvidenceBy) -> None:
    report = client(url, evidence_by=evidence_by).file(draft())
    (case,) = sandbox.cases.all()
    assert (report.case_id, report.status) == (case.id, CaseStatus.FILED)
    assert case.document["case"]["place"] == "人民路 12 号"
    if evidence_by in {EvidenceBy.INLINE, EvidenceBy.MULTIPART}:
        assert [data for _type, data in sandbox.pictures.values()] == [PICTURE]
    if evidence_by is EvidenceBy.URL:
        assert case.document["evidence"][0]["url"].startswith(
            "http://hub.example/evidence/shared/2026/07/01/gate/a.jpg?"
        )


def test_the_same_reference_makes_one_case(sandbox: SandboxPlatform, url: str) -> None:
    platform = client(url)
    assert platform.file(draft()).case_id == platform.file(draft()).case_id
    assert sandbox.cases.keys() == {"ref-1": 1}


def test_a_forged_message_is_refused(sandbox: SandboxPlatform, url: str) -> None:
    forged = WebhookPlatform(
        WebhookSettings(f"{url}/webhook", "wrong"),
        wire.client(timeout_s=5, concurrency=1),
        MemoryBlobs(),
        SystemClock(),
    )
    with pytest.raises(RetryLater, match="not of this body and secret"):
        forged.file(replace(draft(), evidence=()))
    assert sandbox.cases.count() == 0


def test_faults_say_what_is_known_of_the_outcome(sandbox: SandboxPlatform, url: str) -> None:
    platform = client(url, timeout_s=0.3)
    troubles: list[tuple[dict[str, Any], bool, int]] = [
        ({"down": True}, False, 0),
        ({"fail_share": 1.0}, True, 0),
        ({"lose_answer_share": 1.0}, True, 1),
        ({"hang_share": 1.0, "hang_s": 1.0}, True, 2),
        ({"malformed_share": 1.0}, True, 3),
    ]
    for values, unknown, cases in troubles:
        sandbox.faults.change(type(sandbox.faults)().to_record() | values)
        with pytest.raises(RetryLater) as caught:
            platform.file(draft(f"ref-{values}"))
        assert caught.value.outcome_unknown is unknown, values
        assert sandbox.cases.count() == cases, values
        assert (caught.value.after_s == 1) is ("down" in values)


def test_a_refusal_carries_the_platforms_words(sandbox: SandboxPlatform, url: str) -> None:
    sandbox.faults.change({"refuse": "不在本辖区"})
    with pytest.raises(Rejected, match="不在本辖区"):
        client(url).file(draft())


def test_a_skewed_clock_is_told(sandbox: SandboxPlatform, url: str) -> None:
    sandbox.faults.change({"clock_skew_s": 3600.0})
    with pytest.raises(RetryLater, match="check both clocks"):
        client(url).file(draft())


def test_a_case_can_be_found_followed_and_changed(sandbox: SandboxPlatform, url: str) -> None:
    platform = client(url)
    case_id = platform.file(draft()).case_id
    sandbox.faults.change({"duplicates": True})
    found = platform.find(draft())
    assert found is not None
    assert found.case_id == case_id
    assert platform.find(draft("another")) is None
    httpx.post(f"{url}/desk/{case_id}", data={"status": "handled", "reason": "已清理"})
    assert platform.report(case_id).status is CaseStatus.HANDLED
    assert platform.report(case_id).reason == "已清理"
    gone = CaseChange("ref-1:close", ChangeKind.GONE, "视频核实:问题已消除", datetime.now(tz=UTC), closes=True)
    for _ in range(2):
        changed = platform.change(case_id, gone)
        assert changed is not None
        assert changed.status is CaseStatus.CLOSED
    assert [status for status, _words, _at in sandbox.cases.steps(case_id)] == ["filed", "handled", "closed"]


def test_a_restart_loses_no_case(tmp_path: Path) -> None:
    first = SandboxPlatform(cases=SandboxCases(tmp_path / "platform.db"))
    with first.serve() as url:
        case_id = client(url).file(draft()).case_id
    first.cases.close()
    second = SandboxPlatform(cases=SandboxCases(tmp_path / "platform.db"))
    with second.serve() as url:
        assert client(url).report(case_id).status is CaseStatus.FILED
        assert client(url).file(draft()).case_id == case_id
    second.cases.close()


def test_the_desk_shows_cases_and_their_pictures(sandbox: SandboxPlatform, url: str) -> None:
    client(url).file(draft())
    page = httpx.get(url).text
    assert "暴露垃圾" in page
    assert httpx.get(f"{url}/pictures/{next(iter(sandbox.pictures))}").content == PICTURE


def test_a_clerks_move_is_called_back_signed() -> None:
    heard: list[tuple[dict[str, str], bytes]] = []
    arrived = threading.Event()

    class Hub(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *args: object) -> None: ...

    hub = HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    sandbox = SandboxPlatform(callback_url=f"http://127.0.0.1:{hub.server_port}/callback")
    try:
        with sandbox.serve() as url:
            case_id = client(url).file(draft()).case_id
            httpx.post(f"{url}/desk/{case_id}", data={"status": "returned", "reason": "地点不清"})
            assert arrived.wait(10)
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
    headers, body = heard[0]
    verify(SECRET, headers, body, datetime.now(tz=UTC))
    message = json.loads(body)
    assert (message["case_id"], message["status"], message["reason"]) == (case_id, "returned", "地点不清")


def test_a_port_in_use_is_told() -> None:
    taken = listen("127.0.0.1", 0)
    taken.listen()
    try:
        with pytest.raises(NotThereError, match="in use"):
            listen("127.0.0.1", taken.getsockname()[1])
    finally:
        taken.close()


def test_unknown_switches_are_refused(url: str) -> None:
    answer = httpx.put(f"{url}/sandbox/faults", json={"gremlins": 1})
    assert answer.status_code == 400
    assert "there is no switch gremlins" in answer.text
