"""The sandbox platform over real HTTP, driven by the webhook client and by a clerk at its desk."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from tests.cases.examples import PICTURE, connect, example_draft
from vision.cases.platform import CaseChange, CasePlatform, ChangeKind
from vision.cases.signing import verify
from vision.core.clock import SystemClock
from vision.core.errors import NotThereError, Rejected, RetryLater
from vision.core.incidents import CaseStatus
from vision.sandbox.platform import SECRET, SandboxPlatform, listen
from vision.sandbox.platform_cases import SandboxCases


@pytest.fixture
def sandbox() -> SandboxPlatform:
    return SandboxPlatform(seed=1)


@pytest.fixture
def url(sandbox: SandboxPlatform) -> Iterator[str]:
    with sandbox.serve() as url:
        yield url


def client(url: str, *, evidence_by: str = "inline", secret: str = SECRET) -> CasePlatform:
    return connect(
        "webhook",
        url,
        SystemClock(),
        overrides={"evidence": evidence_by, "secret": secret, "evidence_roles": ["annotated"]},
    )


@pytest.mark.parametrize("evidence_by", ["none", "url", "inline", "multipart"])
def test_a_case_arrives_with_its_pictures(sandbox: SandboxPlatform, url: str, evidence_by: str) -> None:
    report = client(url, evidence_by=evidence_by).file(example_draft())
    (case,) = sandbox.cases.all()
    assert (report.case_id, report.status) == (case.id, CaseStatus.FILED)
    assert case.document["case"]["place"] == "人民路 12 号"
    if evidence_by in {"inline", "multipart"}:
        assert [data for _type, data in sandbox.pictures.values()] == [PICTURE]
    if evidence_by == "url":
        assert case.document["evidence"][0]["url"].startswith(
            "http://hub.example/evidence/shared/2026/07/01/gate/a.jpg?"
        )


def test_the_same_reference_makes_one_case(sandbox: SandboxPlatform, url: str) -> None:
    platform = client(url)
    assert platform.file(example_draft()).case_id == platform.file(example_draft()).case_id
    assert sandbox.cases.keys() == {"ref-1": 1}


def test_a_forged_message_is_refused(sandbox: SandboxPlatform, url: str) -> None:
    forged = client(url, secret="wrong")
    with pytest.raises(RetryLater, match="not of this body and secret"):
        forged.file(example_draft())
    assert sandbox.cases.count() == 0


def test_a_refusal_carries_the_platforms_words(sandbox: SandboxPlatform, url: str) -> None:
    sandbox.faults.change({"refuse": "不在本辖区"})
    with pytest.raises(Rejected, match="不在本辖区"):
        client(url).file(example_draft())


def test_a_skewed_clock_is_told(sandbox: SandboxPlatform, url: str) -> None:
    sandbox.faults.change({"clock_skew_s": 3600.0})
    with pytest.raises(RetryLater, match="check both clocks"):
        client(url).file(example_draft())


def test_a_case_can_be_found_followed_and_changed(sandbox: SandboxPlatform, url: str) -> None:
    platform = client(url)
    case_id = platform.file(example_draft()).case_id
    sandbox.faults.change({"duplicates": True})
    found = platform.find(example_draft())
    assert found is not None
    assert found.case_id == case_id
    assert platform.find(example_draft("another")) is None
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
        case_id = client(url).file(example_draft()).case_id
    first.cases.close()
    second = SandboxPlatform(cases=SandboxCases(tmp_path / "platform.db"))
    with second.serve() as url:
        assert client(url).report(case_id).status is CaseStatus.FILED
        assert client(url).file(example_draft()).case_id == case_id
    second.cases.close()


def test_the_desk_shows_cases_and_their_pictures(sandbox: SandboxPlatform, url: str) -> None:
    client(url).file(example_draft())
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
            case_id = client(url).file(example_draft()).case_id
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
