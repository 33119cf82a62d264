"""The alert stream: in order, once, resumed where it stopped, by SSE and by WebSocket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.city import City, make_city
from vision.api.server import ApiServer


def events(lines: Iterator[str]) -> Iterator[tuple[int, str, Any]]:
    seen: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if not line:
            if "data" in seen:
                yield int(seen["id"]), seen["event"], json.loads(seen["data"])
            seen = {}
            continue
        name, _colon, value = line.partition(": ")
        seen[name] = value


def read(client: httpx.Client, count: int, **options: Any) -> list[tuple[int, str, Any]]:
    found: list[tuple[int, str, Any]] = []
    with client.stream("GET", "/api/v1/alerts/stream", timeout=60, **options) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for event in events(answer.iter_lines()):
            if event[1] == "alert":
                found.append(event)
            if len(found) == count:
                return found
    raise AssertionError("the stream ended")


def test_alerts_come_in_order_with_the_whole_item(city: City, client: httpx.Client) -> None:
    city.raise_incident("a")
    city.raise_incident("b")
    found = read(client, 2, params={"cursor": 0})
    assert [event[2]["incident_id"] for event in found] == ["a", "b"]
    assert found[0][2]["incident"]["why"]["zh"]
    assert found[0][0] < found[1][0]


def test_a_broken_connection_goes_on_where_it_stopped(city: City, client: httpx.Client) -> None:
    for name in ("a", "b", "c"):
        city.raise_incident(name)
    first = read(client, 1, params={"cursor": 0})
    rest = read(client, 2, headers={"Last-Event-ID": str(first[-1][0])})
    assert [event[2]["incident_id"] for event in rest] == ["b", "c"]


def test_without_a_cursor_it_begins_now(city: City, client: httpx.Client) -> None:
    city.raise_incident("old")
    while city.services.feed.head == 0:
        city.services.clock.sleep(0.02)
    with client.stream("GET", "/api/v1/alerts/stream", timeout=60) as answer:
        told = events(answer.iter_lines())
        assert next(told)[1] == "cursor"
        city.raise_incident("new")
        assert next(told)[2]["incident_id"] == "new"


def test_a_foreign_last_event_id_is_no_error(city: City, client: httpx.Client) -> None:
    for value in ("x", "-1", "9" * 40, "²"):
        with client.stream(
            "GET",
            "/api/v1/alerts/stream",
            headers=[(b"Last-Event-ID", value.encode()), (b"X-API-Key", city.key("viewer").encode())],
        ) as answer:
            assert answer.status_code == 200


def test_other_districts_alerts_stay_hidden_and_the_cursor_moves_on(city: City, client: httpx.Client) -> None:
    key = client.post("/api/v1/admin/keys", json={"name": "west", "role": "viewer", "districts": ["西城"]}).json()[
        "key"
    ]
    city.raise_incident("east")
    city.raise_incident("west", camera_id="market")
    found = read(client, 1, params={"cursor": 0}, headers={"X-API-Key": key})
    assert [event[2]["incident_id"] for event in found] == ["west"]


def test_the_same_by_websocket(city: City, server: ApiServer) -> None:
    city.raise_incident("a")
    url = f"ws://127.0.0.1:{server.port}/api/v1/alerts/ws"
    with connect(f"{url}?cursor=0", additional_headers={"X-API-Key": city.key("viewer")}) as socket:
        assert json.loads(socket.recv(60)) == {"cursor": 0}
        assert json.loads(socket.recv(60))["incident_id"] == "a"
        city.raise_incident("b")
        last = json.loads(socket.recv(60))
        assert last["incident_id"] == "b"
    city.raise_incident("c")
    with connect(f"{url}?cursor={last['id']}", additional_headers={"X-API-Key": city.key("viewer")}) as socket:
        socket.recv(60)
        assert json.loads(socket.recv(60))["incident_id"] == "c"


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}])
def test_strangers_get_no_websocket(server: ApiServer, headers: dict[str, str]) -> None:
    assert refusal(server, headers) == 403


def test_another_sites_page_gets_no_websocket(tmp_path: Path) -> None:
    city = make_city(tmp_path, access={"loopback_without_login": True})
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        assert refusal(server, {"Origin": "https://evil.example"}) == 403
        assert refusal(server, {"Origin": f"http://127.0.0.1:{server.port}"}) is None
    finally:
        server.stop()
        city.close()


def refusal(server: ApiServer, headers: dict[str, str]) -> int | None:
    try:
        with connect(f"ws://127.0.0.1:{server.port}/api/v1/alerts/ws", additional_headers=headers) as socket:
            socket.recv(60)
    except InvalidStatus as refused:
        return refused.response.status_code
    return None


def test_stopping_ends_open_streams(city: City, server: ApiServer, client: httpx.Client) -> None:
    with client.stream("GET", "/api/v1/alerts/stream", timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.stop()
        for _line in lines:
            pass
