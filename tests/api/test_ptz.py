"""PTZ cameras turned by hand: left to the person, written down, and given back."""

import httpx
from sqlalchemy import select

from tests.api.city import City
from vision.core.errors import SourceRefusedError, SourceTimeoutError
from vision.storage.tables import AuditEntry

PRESETS = "/api/v1/cameras/gate/presets"


def actions(city: City) -> list[tuple[str, str]]:
    with city.database.reading() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.subject == "camera:gate").order_by(AuditEntry.id))
        return [(row.actor, row.action) for row in rows]


def test_presets_are_told_with_the_views_that_they_show(city: City, client: httpx.Client) -> None:
    document = {**city.registry.document("camera", "gate"), "zones": {}, "kind": "patrol"}
    document["views"] = {"walk": {"name": "人行道", "preset": "1"}}
    city.registry.put("camera", "gate", document, by="test")
    told = client.get(PRESETS).json()
    assert [(item["token"], item["view"]) for item in told["items"]] == [("1", "walk"), ("2", None)]
    assert (told["patrolled"], told["held_until"]) == (True, None)
    assert client.get("/api/v1/cameras/gate").json()["ptz"] is True
    assert client.get("/api/v1/cameras/lane").json()["ptz"] is False


def test_an_operator_turns_a_camera_and_gives_it_back(city: City, client: httpx.Client) -> None:
    operator = {"X-API-Key": city.key("operator")}
    answer = client.post(f"{PRESETS}/2", headers=operator)
    assert (answer.status_code, city.turning.turned) == (202, [("gate", "2")])
    assert client.get("/api/v1/cameras/gate").json()["held_until"] == answer.json()["held_until"]
    shown = {item["id"]: item["held_until"] for item in client.get("/api/v1/cameras").json()["items"]}
    assert (shown["gate"], shown["lane"]) == (answer.json()["held_until"], None)
    assert client.delete("/api/v1/cameras/gate/hold", headers=operator).status_code == 204
    assert city.board.turned == {}
    assert actions(city) == [("key:operator", "camera_turned"), ("key:operator", "camera_let_go")]


def test_a_camera_that_did_not_turn_is_not_held(city: City, client: httpx.Client) -> None:
    assert client.post(f"{PRESETS}/9").status_code == 404
    city.turning.trouble = SourceTimeoutError("gate: no answer in 5 s")
    assert client.get(PRESETS).status_code == 503
    city.turning.trouble = SourceRefusedError("gate: login refused")
    assert client.post(f"{PRESETS}/1").status_code == 502
    assert (city.board.turned, actions(city)) == ({}, [])
