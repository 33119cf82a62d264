"""Switching the city's model and rolling it back."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import select

from tests.api.city import City
from vision.hub.models import ModelShelf
from vision.storage.tables import AuditEntry

ENTRY = {"version": "1.0", "licence": "MIT", "input_px": [640, 640], "accuracy": {"street": {"map50": 0.8}}}


@pytest.fixture
def city(city: City, tmp_path: Path) -> City:
    (tmp_path / "a.xml").write_bytes(b"a")
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # sha256 of "a"
    models = {
        "first": {**ENTRY, "backends": {"openvino": "a.xml"}, "classes": ["bicycle"]},
        "second": {
            **ENTRY,
            "backends": {"openvino": "a.xml"},
            "classes": {"bike": "bicycle", "cat": None},
            "files": {"a.xml": {"sha256": digest, "bytes": 1}},
        },
        "gone": {
            **ENTRY,
            "backends": {"openvino": "b.xml"},
            "files": {"b.xml": {"sha256": digest, "bytes": 1}},
        },
    }
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({"default": "first", "models": models}))
    shelf = ModelShelf(city.registry, city.clock, "first", tmp_path / "models.yaml")
    city.services = replace(city.services, models=shelf)
    return city


def test_the_catalogue_says_what_each_model_is(city: City, client: httpx.Client) -> None:
    loaded = {"model": "first", "version": "first 1.0", "wanted": "first", "state": "ready", "reason": ""}
    city.board.loaded = {"w1": loaded}
    found = client.get("/api/v1/admin/models").json()
    items = {item["name"]: item for item in found["items"]}
    assert (found["wanted"], found["before"], found["history"]) == ("first", None, [])
    assert items["second"]["classes"] == ["bicycle"]
    assert items["second"]["accuracy"] == {"street": {"map50": 0.8}}
    assert (items["second"]["installed"], items["gone"]["installed"]) == (True, False)
    assert "b.xml" in items["gone"]["trouble"][0]
    assert (found["workers"][0]["version"], found["workers"][0]["silent"]) == ("first 1.0", False)
    assert found["shadows"] == []


def test_a_shadow_is_compared_over_all_workers(city: City, client: httpx.Client) -> None:
    loaded = {"model": "first", "version": "first 1.0", "wanted": "first", "state": "ready", "reason": ""}
    seen = {"model": "second", "compared": 3, "passed": 1, "failed": 0, "reason": ""}
    classes = {"bicycle": {"both": 2, "first": 1, "shadow": 0}}
    city.board.loaded = {w: {**loaded, "shadow": {**seen, "classes": classes}} for w in ("w1", "w2")}
    shadow = client.get("/api/v1/admin/models").json()["shadows"][0]
    assert (shadow["model"], shadow["compared"], shadow["passed"]) == ("second", 6, 2)
    assert shadow["classes"]["bicycle"] == {"both": 4, "first": 2, "shadow": 0}


def test_a_switch_is_kept_and_taken_back(city: City, client: httpx.Client) -> None:
    version = city.registry.version()
    body = {"model": "second", "reason": "sees bins"}
    assert client.post("/api/v1/admin/models/switch", json=body).status_code == 202
    assert city.registry.version() > version, "workers follow the registry's version"
    found = client.get("/api/v1/admin/models").json()
    assert (found["wanted"], found["before"], found["history"][0]["by"]) == ("second", "first", "key:admin")
    back = client.post("/api/v1/admin/models/rollback", json={}).json()
    assert (back["wanted"], back["before"]) == ("first", "second")
    assert [choice["number"] for choice in back["history"]] == [2, 1]
    with city.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject.startswith("model:"))).all()
    assert [(e.action, e.subject, e.reason) for e in entries] == [
        ("model_switched", "model:second", "sees bins"),
        ("model_rolled_back", "model:first", ""),
    ]


def test_what_is_not_there_is_not_switched_to(city: City, client: httpx.Client) -> None:
    assert client.post("/api/v1/admin/models/rollback", json={}).status_code == 409
    assert client.post("/api/v1/admin/models/switch", json={"model": "gone"}).status_code == 422
    unknown = client.post("/api/v1/admin/models/switch", json={"model": "nope"})
    assert unknown.status_code == 422
    assert "the catalogue has first" in unknown.json()["detail"]
    assert client.get("/api/v1/admin/models").json()["wanted"] == "first"
