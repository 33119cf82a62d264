"""Alerts passed on: at least once, in order, across outages; to a real mosquitto and a real HTTP server."""

import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.api.city import City, make_city
from tests.conftest import absent
from tests.servers.ports import free_port
from vision.alerts.feed import Alert
from vision.alerts.publisher import Publisher
from vision.alerts.sinks import build_publishers, topic
from vision.config.publish import PublishConfig
from vision.core.errors import RetryLater


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = make_city(tmp_path)
    yield city
    city.close()


class Hook(BaseHTTPRequestHandler):
    """Takes events; answers 503 as often as it was told to."""

    taken: list[tuple[dict[str, str], bytes]]
    refuse: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if type(self).refuse > 0:
            type(self).refuse -= 1
            self.send_response(503)
        else:
            type(self).taken.append((dict(self.headers), body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's signature
        """Silent."""


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Hook]]]:
    handler = type("OneHook", (Hook,), {"taken": [], "refuse": 0})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    thread.join()
    server.server_close()


def webhook(city: City, url: str) -> Publisher:
    config = PublishConfig.model_validate({"webhooks": {"city": {"url": url, "secret": "s3cret"}}})
    feed = city.services.feed
    return build_publishers(config, "http://hub", feed, city.database, city.clock)[0]


def test_a_webhook_gets_signed_cloud_events(city: City, hook: tuple[str, type[Hook]]) -> None:
    url, handler = hook
    publisher = webhook(city, url)
    assert publisher.run_once() == 0
    city.raise_incident("i-1")
    city.services.feed.pump()
    assert publisher.run_once() == 1
    headers, body = handler.taken[0]
    event = json.loads(body)
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert {"specversion", "id", "source", "type", "subject", "time", "data"} <= set(event)
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "city.streetward.alert.open", "i-1")
    expected = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert headers["X-Streetward-Signature"] == f"sha256={expected}"


def test_an_outage_loses_nothing_and_a_restart_goes_on(city: City, hook: tuple[str, type[Hook]]) -> None:
    url, handler = hook
    first = webhook(city, url)
    first.run_once()
    for name in ("a", "b", "c"):
        city.raise_incident(name)
    city.services.feed.pump()
    handler.refuse = 2
    for _ in range(2):
        with pytest.raises(RetryLater, match="503"):
            first.run_once()
    second = webhook(city, url)  # the hub started anew: the cursor is in the database
    second.run_once()
    assert [json.loads(body)["subject"] for _headers, body in handler.taken] == ["a", "b", "c"]
    assert webhook(city, url).run_once() == 0


def test_what_a_topic_may_not_hold_becomes_a_dash(city: City) -> None:
    body = {"incident": {"type": "garbage", "camera_id": "a/b#+"}}
    alert = Alert(1, "open", city.clock.now(), "i", "东 城", body)
    assert topic("x/{district}/{camera}/{kind}", alert) == "x/东-城/a-b-/open"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        absent("needs Debian's mosquitto: apt-get install mosquitto")
    assert program is not None
    port = free_port()
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser {'root'}\n", encoding="utf-8")
    process = subprocess.Popen([program, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def wait_for(port: int) -> None:
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the broker did not come up")


@pytest.mark.server
def test_a_real_broker_passes_alerts_on(city: City, broker: int) -> None:
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    heard: list[tuple[str, dict[str, Any]]] = []
    subscribed, arrived = threading.Event(), threading.Event()
    listener = mqtt.Client(CallbackAPIVersion.VERSION2)
    listener.on_connect = lambda client, *_rest: client.subscribe("streetward/#", qos=1)
    listener.on_subscribe = lambda *_rest: subscribed.set()

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        heard.append((message.topic, json.loads(message.payload)))
        arrived.set()

    listener.on_message = on_message
    listener.connect("127.0.0.1", broker)
    listener.loop_start()
    assert subscribed.wait(60)
    config = PublishConfig.model_validate({"mqtt": {"city": {"host": "127.0.0.1", "port": broker}}})
    publisher = build_publishers(config, "http://hub", city.services.feed, city.database, city.clock)[0]
    publisher.run_once()
    city.raise_incident("i-1")
    city.services.feed.pump()
    assert publisher.run_once() == 1
    assert arrived.wait(60)
    listener.loop_stop()
    assert heard[0][0] == "streetward/alerts/东城/bike_misparked"
    assert heard[0][1]["incident"]["id"] == "i-1"


def test_a_missing_broker_is_tried_again(city: City) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        config = PublishConfig.model_validate({"mqtt": {"city": {"host": "127.0.0.1", "port": port}}})
        publisher = build_publishers(config, "http://hub", city.services.feed, city.database, city.clock)[0]
        publisher.run_once()
        city.raise_incident("i-1")
        city.services.feed.pump()
        with pytest.raises(RetryLater):
            publisher.run_once()
