"""Notices over real sockets: an HTTP gateway, and a mail server of a few lines."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import TypeAdapter

from tests.cases.conftest import Outbox
from tests.databases import new_database
from vision.alerts.notify import GatewayNotifier, NotifyHandler, build_notifiers
from vision.cases.outbox import Dispatcher
from vision.config.notify import GatewayConfig, NotifierConfig
from vision.core.errors import ConfigError
from vision.core.incidents import DeliveryKind
from vision.storage.tables import EvidenceRow
from vision.testing import ManualClock, MemoryBlobs

SHOPS = {"s1": {"name": "阿海海鲜", "phone": "13800000000", "email": "ahai@shop.example"}}

PARTY = {"key": "shop:s1:sms", "kind": "shop", "id": "s1", "name": "阿海", "keeper": "", "phone": "139", "email": ""}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    database = new_database(tmp_path / "hub.db")
    yield Outbox(database, ManualClock())
    database.close()


def notify(outbox: Outbox, notifiers: dict[str, Any], blobs: MemoryBlobs | None = None) -> Dispatcher:
    handler = NotifyHandler(
        outbox.database,
        blobs or MemoryBlobs(),
        outbox.clock,
        notifiers,
        city="东城区",
        zone=ZoneInfo("Asia/Shanghai"),
        register=lambda _kind, key: SHOPS.get(key, {}),
    )
    return Dispatcher(outbox.database, outbox.clock, {DeliveryKind.NOTIFY: handler})


def gateway(answers: list[httpx.Response], heard: list[httpx.Request], **values: Any) -> GatewayNotifier:
    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return answers.pop(0)

    config = GatewayConfig.model_validate({"kind": "webhook", "url": "http://sms.example/send", **values})
    return GatewayNotifier(config, httpx.MockTransport(answer))


def test_a_shop_is_told_in_time_and_words(outbox: Outbox) -> None:
    heard: list[httpx.Request] = []
    outbox.incident(shop_id="s1", subtype="out_of_store")
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="sms", payload={"grace_s": 600.0, "party": PARTY})
    headers = {"Authorization": "Bearer t0ken"}
    answers = [httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(200)]
    dispatcher = notify(outbox, {"sms": gateway(answers, heard, headers=headers)})
    dispatcher.run_once()
    assert outbox.row(row_id).next_at >= outbox.clock.now() + timedelta(seconds=7)
    outbox.clock.advance(60)
    dispatcher.run_once()
    assert outbox.row(row_id).status == "delivered"
    told = json.loads(heard[-1].content)
    assert told["to"] == "13800000000"
    assert (
        told["text"]
        == "【东城区】阿海海鲜:人民路 12 号发现店外经营(垃圾堆放 10 分钟),请于07-01 16:11前(10分钟内)整改。编号 inc-1"
    )
    assert heard[-1].headers["Authorization"] == "Bearer t0ken"
    assert len({request.headers["Idempotency-Key"] for request in heard}) == 1


def test_the_receipt_is_the_notice_as_it_went_out(outbox: Outbox) -> None:
    outbox.incident(shop_id="s1")
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="sms", payload={"grace_s": 900.0, "party": PARTY})
    heard: list[Any] = []
    handler = NotifyHandler(
        outbox.database,
        MemoryBlobs(),
        outbox.clock,
        {"sms": gateway([httpx.Response(200)], heard)},
        city="东城区",
        zone=ZoneInfo("Asia/Shanghai"),
    )
    settled: list[Any] = []
    dispatcher = Dispatcher(
        outbox.database,
        outbox.clock,
        {DeliveryKind.NOTIFY: handler},
        settled=lambda _session, _delivery, outcome: settled.append(outcome),
    )
    dispatcher.run_once()
    assert outbox.row(row_id).status == "delivered"
    notice = settled[0].detail
    assert notice["party"] == PARTY
    assert (notice["to"], notice["how"], notice["via"]) == ("139", "webhook", "sms")  # the row's, no register here
    assert notice["text"].startswith("【东城区】阿海:")
    assert notice["notified_at"] == outbox.clock.now().isoformat()
    assert notice["due_at"] == (outbox.clock.now() + timedelta(minutes=15)).isoformat()


def test_nobody_to_tell_is_a_refusal_with_the_reason(outbox: Outbox) -> None:
    outbox.incident()
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="sms")
    notify(outbox, {"sms": gateway([], [])}).run_once()
    assert outbox.row(row_id).status == "dead"
    assert "the register has no number" in outbox.row(row_id).last_error


def test_a_gateways_refusal_is_kept(outbox: Outbox) -> None:
    outbox.incident(shop_id="s1")
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="sms", payload={"party": PARTY})
    notify(outbox, {"sms": gateway([httpx.Response(422, text="号码无效")], [])}).run_once()
    assert outbox.row(row_id).last_error == "422 号码无效"


def test_a_wrong_template_is_told_at_the_start() -> None:
    adapter: TypeAdapter[NotifierConfig] = TypeAdapter(NotifierConfig)
    wrong = adapter.validate_python({"kind": "webhook", "url": "http://sms.example", "text": "{nonsense}"})
    broken = adapter.validate_python({"kind": "smtp", "host": "mail", "sender": "a@b", "subject": "{place"})
    with pytest.raises(ConfigError) as caught:
        build_notifiers({"sms": wrong, "mail": broken})
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith("notifiers.sms: template '{nonsense}' names nonsense")


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    refuse: bytes = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails: list[tuple[bytes, bytes]] = []


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = cast("MailServer", self.server)
        self.wfile.write(b"220 here\r\n")
        recipient = b""
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"RCPT":
                recipient = line.split(b":", 1)[1].strip()
                self.wfile.write(server.refuse or b"250 ok\r\n")
            elif word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part.removeprefix(b"."))
                server.mails.append((recipient, b"".join(lines)))
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def mail(server: MailServer) -> dict[str, Any]:
    values = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": server.server_address[1],
        "security": "none",
        "sender": "监控中心 <watch@city.example>",
    }
    adapter: TypeAdapter[NotifierConfig] = TypeAdapter(NotifierConfig)
    return dict(build_notifiers({"mail": adapter.validate_python(values)}))


def test_a_mail_carries_words_and_picture(outbox: Outbox) -> None:
    blobs = MemoryBlobs()
    blobs.put("k/a.jpg", b"\xff\xd8 picture", media_type="image/jpeg")
    outbox.incident(shop_id="s1")
    now = outbox.clock.now()
    with outbox.database.transaction() as session:
        session.add(
            EvidenceRow(
                id="k/a.jpg",
                incident_id="inc-1",
                role="annotated",
                media_type="image/jpeg",
                sha256="0" * 64,
                size=10,
                camera_id="gate",
                view_id="main",
                captured_at=now,
                time_source="camera",
                received_at=now,
            )
        )
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="mail", payload={"party": PARTY})
    with mail_server() as server:
        notify(outbox, mail(server), blobs).run_once()
        assert outbox.row(row_id).status == "delivered"
        ((recipient, raw),) = server.mails
    message = message_from_bytes(raw, policy=default)
    assert recipient == b"<ahai@shop.example>"
    assert message["Subject"] == "暴露垃圾:人民路 12 号"
    body = message.get_body()
    assert body is not None
    assert "编号 inc-1" in body.get_content()
    assert [part.get_content() for part in message.iter_attachments()] == [b"\xff\xd8 picture"]


def test_a_mailbox_that_does_not_exist_is_a_refusal(outbox: Outbox) -> None:
    outbox.incident(shop_id="s1")
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="mail", payload={"party": PARTY})
    with mail_server() as server:
        server.refuse = b"550 no such mailbox\r\n"
        notify(outbox, mail(server)).run_once()
    assert outbox.row(row_id).status == "dead"
    assert "550 no such mailbox" in outbox.row(row_id).last_error


def test_a_mail_server_that_is_away_is_tried_again(outbox: Outbox) -> None:
    outbox.incident(shop_id="s1")
    row_id = outbox.put(kind=DeliveryKind.NOTIFY, target="mail", payload={"party": PARTY})
    with mail_server() as server:
        notifiers = mail(server)
    notify(outbox, notifiers).run_once()
    assert outbox.row(row_id).status == "pending"
