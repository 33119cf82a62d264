from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.city import City, make_city
from tests.api.conftest import calling, serving

CONTRACT = {"id", "type", "status", "camera_id", "zone_id", "began_at", "ended_at", "case", "why"}


def test_items_carry_what_the_contract_says(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    city.add_case("i-1")
    item = client.get("/api/v1/incidents").json()["items"][0]
    assert set(item) >= CONTRACT
    assert item["case"]["platform"] == "sandbox"
    assert item["case"]["id"] == "C-1"
    assert item["case"]["status"] == "filed"
    assert item["why"]["zh"].startswith("一辆自行车")
    assert [picture["role"] for picture in item["evidence"]] == ["annotated", "original"]


def test_an_incident_without_a_case_says_null(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    assert client.get("/api/v1/incidents/i-1").json()["case"] is None


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A hub with three incidents, only to be read."""
    city = make_city(tmp_path_factory.mktemp("three"))
    city.raise_incident("a")
    city.raise_incident("b", type="garbage", camera_id="market")
    city.raise_incident("c", status="rejected", verdict="reject")
    with serving(city) as server, calling(server) as client:
        yield client
    city.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"a", "b", "c"}),
        ({"status": "open"}, {"a", "b"}),
        ({"status": "active"}, {"a", "b"}),
        ({"status": ["open", "rejected"]}, {"a", "b", "c"}),
        ({"status": "open,rejected"}, {"a", "b", "c"}),
        ({"type": "garbage"}, {"b"}),
        ({"camera": "market"}, {"b"}),
        ({"district": "东城"}, {"a", "c"}),
        ({"verdict": "reject"}, {"c"}),
        ({"verdict": "none"}, {"a", "b"}),
        ({"since": "2999-01-01T00:00:00Z"}, set()),
    ],
)
def test_filters(three: httpx.Client, query: dict[str, Any], expected: set[str]) -> None:
    assert {item["id"] for item in three.get("/api/v1/incidents", params=query).json()["items"]} == expected


def test_pages_follow_each_other_without_gap_or_double(city: City, client: httpx.Client) -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    for index in range(25):  # several share a time: the id decides then
        city.raise_incident(f"i-{index:02}", began_at=at + timedelta(seconds=index // 4))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = client.get("/api/v1/incidents", params={"limit": 7} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"i-{index:02}" for index in range(24, -1, -1)]


@pytest.mark.parametrize(
    "query", [{"status": "nonsense"}, {"cursor": "x"}, {"since": "2026-07-01T00:00:00"}, {"limit": "0"}, {"type": "x"}]
)
def test_a_wrong_question_is_a_problem(three: httpx.Client, query: dict[str, str]) -> None:
    answer = three.get("/api/v1/incidents", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_an_unchanged_list_is_not_sent_again(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    first = client.get("/api/v1/incidents")
    again = client.get("/api/v1/incidents", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    city.raise_incident("i-2")
    assert client.get("/api/v1/incidents", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_verdict_names_its_giver(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    answer = client.post("/api/v1/incidents/i-1/verdict", json={"verdict": "reject", "reason": "licensed cart"})
    assert answer.status_code == 202
    detail = client.get("/api/v1/incidents/i-1").json()
    assert (detail["status"], detail["verdict"], detail["verdict_by"]) == ("rejected", "reject", "key:admin")
    assert city.desk.taken[0][1].reason == "licensed cart"
    assert [entry["to_status"] for entry in detail["log"]] == ["open", "rejected"]


def test_an_impossible_step_is_a_conflict(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    client.post("/api/v1/incidents/i-1/verdict", json={"verdict": "confirm"})
    answer = client.post("/api/v1/incidents/i-1/verdict", json={"verdict": "reject"})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")


def test_what_is_not_there(client: httpx.Client) -> None:
    assert client.get("/api/v1/incidents/nope").status_code == 404
    assert client.post("/api/v1/incidents/nope/verdict", json={"verdict": "confirm"}).status_code == 404
    assert client.get("/api/v1/evidence/nope.jpg").status_code == 404
    assert client.get("/api/v1/nope").json()["status"] == 404


def test_only_one_operator_works_on_an_incident(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    mine, theirs = {"X-API-Key": city.key("operator")}, {"X-API-Key": city.key("supervisor")}
    assert client.post("/api/v1/incidents/i-1/claim", json={}, headers=mine).json()["claimed_by"] == "operator"
    assert client.post("/api/v1/incidents/i-1/claim", json={}, headers=theirs).status_code == 409
    assert client.post("/api/v1/incidents/i-1/claim", json={"claim": False}, headers=mine).json()["claimed_by"] is None
    assert client.post("/api/v1/incidents/i-1/claim", json={}, headers=theirs).status_code == 200


def test_comments_show_in_the_incident(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    assert client.post("/api/v1/incidents/i-1/comments", json={"text": "已电话通知商户"}).status_code == 201
    assert client.get("/api/v1/incidents/i-1").json()["comments"][0]["text"] == "已电话通知商户"


def test_similar_past_ones_are_listed(city: City, client: httpx.Client) -> None:
    city.raise_incident("old", status="rejected", verdict="reject")
    city.raise_incident("elsewhere", zone_id="other")
    city.raise_incident("new")
    assert [item["id"] for item in client.get("/api/v1/incidents/new").json()["similar"]] == ["old"]
