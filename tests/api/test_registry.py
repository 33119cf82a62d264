"""Zones and cameras changed through the API, and current pictures."""

from datetime import timedelta

import httpx
from sqlalchemy import select

from tests.api.city import City, street_picture
from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.hub.keep import Keeper
from vision.storage.tables import AuditEntry

SQUARE = [[0.1, 0.1], [0.6, 0.1], [0.6, 0.6], [0.1, 0.6]]


def test_saved_zones_are_in_the_registry_at_once(city: City, client: httpx.Client) -> None:
    before = city.registry.version()
    zone = {"kind": "bike_bay", "polygon": SQUARE, "dwell_s": 60, "permitted": [{"from": "18:00", "to": "22:00"}]}
    answer = client.put("/api/v1/cameras/gate/views/main/zones", json={"bay": zone})
    assert answer.status_code == 200
    assert answer.json()["views"]["main"]["zones"]["bay"]["kind"] == "bike_bay"
    stored = city.registry.camera("gate").view("main").zone("bay")
    assert (stored.dwell_s, stored.polygon[1]) == (60, (0.6, 0.1))
    assert city.registry.version() > before
    assert "s3cret" in city.registry.camera("gate").url
    with city.database.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "camera_changed")).one()
    assert (entry.actor, entry.subject) == ("key:admin", "camera:gate")


def test_a_wrong_zone_changes_nothing(city: City, client: httpx.Client) -> None:
    before = city.registry.document("camera", "gate")
    for zone in (
        {"kind": "bike_bay", "polygon": [[0, 0], [1, 1]]},
        {"kind": "bike_bay", "polygon": [[0, 0], [0.5, 0.5], [1, 1]]},
        {"kind": "bike_bay", "polygon": [[0, 0], [2, 0], [0, 1]]},
        {"kind": "nonsense", "polygon": SQUARE},
        {"kind": "bike_bay", "polygon": SQUARE, "speakers": ["nobody"]},
        {"kind": "bike_bay", "polygon": SQUARE, "blocks": "door"},
        {"kind": "bike_no_parking", "polygon": SQUARE, "blocks": "view"},
    ):
        answer = client.put("/api/v1/cameras/gate/views/main/zones", json={"bay": zone})
        assert answer.status_code == 422, zone
    assert client.put("/api/v1/cameras/gate/views/other/zones", json={}).status_code == 404
    assert city.registry.document("camera", "gate") == before


def test_calibration_needs_four_points(city: City, client: httpx.Client) -> None:
    points = [{"view": [x, y], "ground": [120 + x / 1000, 30 + y / 1000]} for x, y in SQUARE]
    path = "/api/v1/cameras/gate/views/main/calibration"
    assert client.put(path, json=points[:3]).status_code == 422
    assert client.put(path, json=points).status_code == 200
    view = city.registry.camera("gate").view("main")
    assert len(view.calibration) == 4
    assert view.zone("kerb").kind == "bike_no_parking"  # its zones came along


def test_cameras_are_added_changed_and_taken_out(city: City, client: httpx.Client) -> None:
    added = client.put(
        "/api/v1/cameras/new", json={"url": "rtsp://u:p4ss@10.0.0.8/s", "name": "新", "district": "东城"}
    )
    assert added.status_code == 200
    shown = client.get("/api/v1/cameras/new").json()
    assert shown["url"] == "rtsp://***@10.0.0.8/s"
    again = client.put("/api/v1/cameras/new", json={"url": shown["url"], "name": "改名"})
    assert again.status_code == 200
    assert (city.registry.camera("new").url, city.registry.camera("new").name) == ("rtsp://u:p4ss@10.0.0.8/s", "改名")
    assert client.put("/api/v1/cameras/new", json={"url": "rtsp://***@10.9.9.9/s"}).status_code == 422
    assert client.patch("/api/v1/cameras/new", json={"enabled": False}).status_code == 200
    assert client.get("/api/v1/cameras/new").json()["state"] == "disabled"
    assert client.patch("/api/v1/cameras/new", json={"colour": "blue"}).status_code == 422
    assert client.delete("/api/v1/cameras/new").status_code == 204
    assert client.get("/api/v1/cameras/new").status_code == 404


def test_a_current_picture_is_asked_for_and_written_down(city: City, client: httpx.Client) -> None:
    assert client.get("/api/v1/cameras/gate/look", params={"wait": False}).status_code == 204
    assert "gate" in city.board.watched
    city.board.looks["gate"] = street_picture("gate")
    answer = client.get("/api/v1/cameras/gate/look", params={"reason": "zones"})
    assert (answer.status_code, answer.content[:2]) == (200, b"\xff\xd8")
    again = client.get("/api/v1/cameras/gate/look", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    with city.database.reading() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.subject == "camera:gate")).all()
    assert {entry.action for entry in looks} == {"evidence_seen"}


def test_live_pictures_come_one_after_the_other(city: City, client: httpx.Client) -> None:
    city.board.looks["gate"] = street_picture("gate")
    with client.stream("GET", "/api/v1/cameras/gate/live") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        assert b"image/jpeg" in next(answer.iter_bytes())


def test_a_dry_run_says_what_a_zone_would_have_found(city: City, client: httpx.Client) -> None:
    now = city.clock.now()

    def thing(box: tuple[float, float, float, float], minutes: int) -> FindingObject:
        return FindingObject("bicycle", box, 0.8, now - timedelta(minutes=minutes), now)

    finding = Finding(
        camera_id="gate",
        view_id="main",
        zone_id="kerb",
        type=ViolationType.BIKE_MISPARKED,
        subtype=Subtype.BIKE_MISPARKED,
        state=FindingState.PRESENT,
        at=now - timedelta(seconds=5),
        since=now,
        dwell_s=180,
        why=Why("", ""),
        objects=(
            thing((0.2, 0.2, 0.3, 0.4), 10),
            thing((0.4, 0.2, 0.5, 0.4), 1),
            thing((0.8, 0.7, 0.9, 0.9), 10),
        ),
    )
    keeper = Keeper()
    keeper.note(finding, "east")
    with city.database.transaction() as session:
        session.add_all(keeper.rows(now))
    zone = {"kind": "bike_no_parking", "polygon": SQUARE, "dwell_s": 300}
    found = client.post("/api/v1/cameras/gate/views/main/dry-run", json=zone).json()
    assert (found["looks"], [item["kept"] for item in found["objects"]]) == (2, [True, False])
    path = {**zone, "polygon": [[0.2, 0.1], [0.225, 0.1], [0.225, 0.6], [0.2, 0.6]]}  # a quarter of the bike
    for blocks, seen in (({}, 0), ({"blocks": "tactile_path"}, 1)):
        found = client.post("/api/v1/cameras/gate/views/main/dry-run", json=path | blocks).json()
        assert len(found["objects"]) == seen


def test_a_camera_found_in_the_network_is_taken_in_with_both_its_streams(city: City, client: httpx.Client) -> None:
    (found,) = client.post("/api/v1/discovery", json={"hosts": ["10.0.0.77"]}).json()["items"]
    assert (found["name"], found["host"], found["camera_id"]) == ("East Gate", "10.0.0.77", None)
    login = {"username": "admin", "password": "s3:cret@"}
    body = {"address": found["address"], **login, "name": "东门", "district": "东城"}
    added = client.post("/api/v1/discovery/add", json=body)
    assert (added.status_code, added.json()) == (201, {"id": "10.0.0.77", "streams": 2})
    camera = city.registry.camera("10.0.0.77")
    assert camera.url == "rtsp://admin:s3%3Acret%40@10.0.0.77/Streaming/Channels/101"
    assert dict(camera.options)["sub_url"].endswith("@10.0.0.77/Streaming/Channels/102")
    assert client.post("/api/v1/discovery", json={}).json()["items"][0]["camera_id"] == "10.0.0.77"
    assert "s3" not in client.get("/api/v1/cameras/10.0.0.77").text
    assert client.post("/api/v1/discovery/add", json={**body, "id": "gate"}).status_code == 409
    refused = client.post("/api/v1/discovery/add", json={**body, "username": "wrong"})
    assert (refused.status_code, "s3" in refused.text) == (502, False)
    assert client.post("/api/v1/discovery/add", json={**body, "address": "ftp://x"}).status_code == 422
    with city.database.reading() as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.action == "cameras_searched")).first()
    assert kept is not None
    assert kept.detail["found"] == 1


def test_a_moved_view_is_compared_and_accepted(city: City, client: httpx.Client) -> None:
    city.board.states["gate"] = {"state": "live", "view": "unusable", "reason": "main: 画面偏离"}
    assert client.get("/api/v1/cameras/gate").json()["state"] == "view_unusable"
    path = "/api/v1/cameras/gate/views/main/reference"
    assert client.get(path).status_code == 404
    city.board.references["gate/main"] = street_picture("then")
    assert client.get(path).headers["content-type"] == "image/jpeg"
    assert client.post(path).status_code == 202
    assert client.post("/api/v1/cameras/gate/views/other/reference").status_code == 404
    assert city.board.accepted == ["gate/main"]
