"""Dead letters, suppressions and the audit log."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from tests.api.city import City
from vision.api.app import create_app
from vision.api.server import ApiServer
from vision.cases.checks import PlatformChecks
from vision.hub.suppressions import Suppressions
from vision.storage.tables import CaseRow, OutboxRow


def dead_letter(city: City, **values: object) -> int:
    fields: dict[str, Any] = {"incident_id": "i-1", "idempotency_key": "k", **values}
    city.raise_incident(fields["incident_id"])
    now = city.clock.now()
    with city.database.transaction() as session:
        row = OutboxRow(
            kind="file",
            target="city",
            payload={},
            status="dead",
            attempts=7,
            next_at=now,
            last_error="缺少字段 GRID",
            created_at=now,
            **fields,
        )
        session.add(row)
        session.flush()
        return row.id


def test_a_dead_letter_is_corrected_and_sent_under_its_own_key(city: City, client: httpx.Client) -> None:
    number = dead_letter(city)
    assert client.get("/api/v1/admin/deliveries").json()["items"][0]["last_error"] == "缺少字段 GRID"
    wrong = client.post(f"/api/v1/admin/deliveries/{number}/resend", json={"corrections": {"nonsense": 1}})
    assert wrong.status_code == 409
    good = client.post(f"/api/v1/admin/deliveries/{number}/resend", json={"corrections": {"description": "补充说明"}})
    assert good.status_code == 202
    with city.database.reading() as session:
        row = session.get_one(OutboxRow, number)
    assert (row.status, row.attempts, row.idempotency_key) == ("pending", 0, "k")
    assert client.post(f"/api/v1/admin/deliveries/{number}/resend", json={}).status_code == 409
    assert client.get("/api/v1/admin/audit", params={"action": "delivery_resent"}).json()["items"]


def test_a_dead_letter_is_given_up(city: City, client: httpx.Client) -> None:
    number = dead_letter(city)
    assert client.post(f"/api/v1/admin/deliveries/{number}/drop").status_code == 202
    assert client.get("/api/v1/admin/deliveries").json()["items"] == []


def test_a_case_that_the_platform_has_is_noted_as_filed(city: City, client: httpx.Client) -> None:
    number = dead_letter(city)
    city.add_case("i-1", platform="city", platform_case_id=None, status="dead")
    noted = client.post(f"/api/v1/admin/deliveries/{number}/filed", json={"case_id": " ZF-71 "})
    assert noted.status_code == 202
    incident, receipt = city.desk.taken[-1]
    assert (incident, receipt.platform_case_id) == ("i-1", "ZF-71"), "the incident is told"
    with city.database.reading() as session:
        row = session.get_one(OutboxRow, number)
        case = session.scalars(select(CaseRow)).one()
    assert (row.status, case.platform_case_id, case.status) == ("delivered", "ZF-71", "filed")
    assert client.post(f"/api/v1/admin/deliveries/{number}/filed", json={"case_id": "X"}).status_code == 409


def test_the_outbox_pages_and_keeps_to_districts(city: City, client: httpx.Client) -> None:
    numbers = [dead_letter(city, idempotency_key=f"k{index}", incident_id=f"i-{index}") for index in range(3)]
    first = client.get("/api/v1/admin/deliveries", params={"limit": 2}).json()
    rest = client.get("/api/v1/admin/deliveries", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == sorted(numbers, reverse=True)
    assert rest["next_cursor"] is None
    body = {"name": "west", "role": "supervisor", "districts": ["西城"]}
    key = client.post("/api/v1/admin/keys", json=body).json()["key"]
    assert client.get("/api/v1/admin/deliveries", headers={"X-API-Key": key}).json()["items"] == []


class Platform:
    """A platform that finds fault with our settings."""

    def check(self) -> list[str]:
        return ["service code 0110 is unknown"]


def test_platforms_tell_what_does_not_fit(city: City, client: httpx.Client) -> None:
    dead_letter(city)
    platforms = {"city": Platform(), "never-asked": Platform()}
    checks = PlatformChecks({"city": Platform()}, city.clock)  # type: ignore[dict-item]
    checks.run_once()
    checks._platforms = platforms  # type: ignore[assignment]
    server = ApiServer(create_app(replace(city.services, checks=checks)), city.services.feed, port=0)
    server.start()
    try:
        found = httpx.get(f"http://127.0.0.1:{server.port}/api/v1/admin/platforms", headers=client.headers).json()
    finally:
        server.stop()
    assert [(item["name"], item["asked"], item["problems"], item["dead"]) for item in found] == [
        ("city", True, ["service code 0110 is unknown"], 1),
        ("never-asked", False, [], 0),
    ]


def test_a_suppression_holds_for_the_hub(city: City, client: httpx.Client) -> None:
    now = city.clock.now()
    body = {
        "begins_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=4)).isoformat(),
        "reason": "夜市",
        "types": ["out_of_store"],
        "sites": [{"camera": "market", "zone": "shop"}],
    }
    made = client.post("/api/v1/admin/suppressions", json=body)
    assert made.status_code == 201
    window = Suppressions(city.database, city.clock).relevant()[0]
    assert (window.reason, window.approved_by, window.sites) == ("夜市", "key:admin", (("market", "", "shop"),))
    assert client.delete(f"/api/v1/admin/suppressions/{made.json()['id']}").status_code == 204
    assert Suppressions(city.database, city.clock).relevant()[0].ends_at <= city.clock.now()
    assert client.post("/api/v1/admin/suppressions", json=body | {"ends_at": now.isoformat()}).status_code == 422


def test_the_audit_log_pages(city: City, client: httpx.Client) -> None:
    for index in range(5):
        client.post("/api/v1/admin/keys", json={"name": f"k{index}"})
    first = client.get("/api/v1/admin/audit", params={"limit": 3}).json()
    rest = client.get("/api/v1/admin/audit", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert len(first["items"] + rest["items"]) == 5
    assert rest["next_cursor"] is None
