"""Dead letters, suppressions and the audit log."""

from datetime import timedelta

import httpx

from tests.api.city import City
from vision.hub.suppressions import Suppressions
from vision.storage.tables import OutboxRow


def dead_letter(city: City, **values: object) -> int:
    city.raise_incident("i-1")
    now = city.clock.now()
    with city.database.transaction() as session:
        row = OutboxRow(
            incident_id="i-1",
            kind="file",
            target="city",
            idempotency_key="k",
            payload={},
            status="dead",
            attempts=7,
            next_at=now,
            last_error="缺少字段 GRID",
            created_at=now,
            **values,
        )
        session.add(row)
        session.flush()
        return row.id


def test_a_dead_letter_is_corrected_and_sent_under_its_own_key(city: City, client: httpx.Client) -> None:
    number = dead_letter(city)
    assert client.get("/api/v1/admin/deliveries").json()[0]["last_error"] == "缺少字段 GRID"
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
    assert client.get("/api/v1/admin/deliveries").json() == []


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
