"""Cameras, evidence, speakers, statistics, health."""

from dataclasses import replace

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import select

from tests.api.city import City, write_log
from vision.api.server import ApiServer
from vision.core.findings import Why
from vision.core.pressure import Cause, ClassPace, Pressure, Slowdown
from vision.hub.pressure_words import summary
from vision.storage.tables import AuditEntry, IncidentRow


def test_passwords_never_leave(city: City, client: httpx.Client) -> None:
    city.board.states["gate"] = {"state": "reconnecting", "reason": "rtsp://admin:s3cret@10.0.0.5/stream: timed out"}
    for path in ("/api/v1/cameras", "/api/v1/cameras/gate", "/api/v1/speakers", "/metrics"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "s3cret" not in answer.text


def test_camera_states(city: City, client: httpx.Client) -> None:
    city.board.states["gate"] = {"state": "reconnecting", "reason": "timed out"}
    del city.board.states["lane"]
    city.raise_incident("i-1")
    items = {item["id"]: item for item in client.get("/api/v1/cameras").json()["items"]}
    assert (items["gate"]["state"], items["gate"]["reason"]) == ("reconnecting", "timed out")
    assert items["gate"]["open_incidents"] == 1
    assert items["market"]["state"] == "live"
    assert items["lane"]["state"] == "unwatched"


def test_cameras_page_by_cursor(client: httpx.Client) -> None:
    first = client.get("/api/v1/cameras", params={"limit": 2}).json()
    second = client.get("/api/v1/cameras", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + second["items"]] == ["gate", "lane", "market"]
    assert second["next_cursor"] is None


def test_evidence_is_unchanged_and_every_look_is_written_down(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    picture = client.get("/api/v1/incidents/i-1").json()["evidence"][0]
    path = f"/api/v1/evidence/{picture['id']}"
    answer = client.get(path, params={"reason": "appeal 7"})
    assert answer.content == city.blobs.get(picture["id"])
    assert answer.headers["content-type"] == "image/jpeg"
    assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    with city.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "evidence_seen")).all()
    assert next((e.actor, e.subject, e.reason) for e in entries) == ("key:admin", picture["id"], "appeal 7")


def test_a_small_copy_is_small(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    picture = client.get("/api/v1/incidents/i-1").json()["evidence"][0]
    for _ in range(2):
        answer = client.get(f"/api/v1/evidence/{picture['id']}", params={"width": 320})
        image = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == (180, 320)
    assert client.get(f"/api/v1/evidence/{picture['id']}", params={"width": 333}).status_code == 422


def test_speaking_is_part_of_the_incident(city: City, client: httpx.Client) -> None:
    city.raise_incident("i-1")
    body = {"incident_id": "i-1", "text": "请尽快挪走车辆"}
    assert client.post("/api/v1/speakers/horn/announce", json=body).status_code == 202
    event = city.desk.taken[0][1]
    assert (event.actor, event.speaker_id, event.text) == ("key:admin", "horn", "请尽快挪走车辆")
    assert client.post("/api/v1/speakers/nope/announce", json=body).status_code == 404
    assert client.post("/api/v1/speakers/horn/announce", json={"text": "x"}).status_code == 503


def test_statistics_count_what_happened(city: City, client: httpx.Client) -> None:
    city.raise_incident("a", verdict="confirm")
    city.raise_incident("b", verdict="reject", status="rejected")
    city.raise_incident("c", status="lapsed")
    city.raise_incident("d", verdict="confirm", status="filed")
    city.add_case("d", filed_at=city.clock.now())
    figures = client.get("/api/v1/statistics").json()
    bikes = next(total for total in figures["totals"] if total["type"] == "bike_misparked")
    assert (bikes["raised"], bikes["confirmed"], bikes["rejected"], bikes["filed"]) == (3, 2, 1, 1)
    assert bikes["precision"] == 2 / 3
    assert figures["ai_share"] == 1.0
    with city.database.transaction() as session:
        row = session.get(IncidentRow, "d")
        assert row is not None
        write_log(session, row, "open", cause="filing", actor="operator:li", at=city.clock.now())
    assert client.get("/api/v1/statistics").json()["ai_share"] == 0.0, "a person told it to be filed"
    share = client.get("/api/v1/statistics?all_cases=4").json()["share"]
    assert share == {"ai_filed": 0, "by_hand_filed": 1, "all_filed": 4, "ai_share": 0.0}
    assert figures["total"]["precision"] == 2 / 3
    assert client.get("/api/v1/statistics/nonsense.csv").status_code == 404
    assert client.get("/api/v1/statistics/incidents.parquet").content[:4] == b"PAR1"
    table = client.get("/api/v1/statistics/trend.csv")
    assert table.text.lstrip("\ufeff").splitlines()[1].split(",")[1:] == ["bike_misparked", "3", "2", "1", "1"]


def test_health(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"X-API-Key": ""}).text == "ok\n"
    assert client.get("/readyz").status_code == 200
    assert 'streetward_cameras{state="live"} 3.0' in client.get("/metrics").text


def test_metrics_of_each_camera_and_their_switch(city: City, client: httpx.Client) -> None:
    city.board.states["gate"] |= {"state": "refused", "reason": "401", "missed": 4, "bitrate_kbit_s": 4.0}
    text = client.get("/metrics").text
    assert 'streetward_camera_state{camera="gate",state="refused"} 1.0' in text
    assert 'streetward_camera_missed_looks_total{camera="gate"} 4.0' in text
    assert 'streetward_camera_bits_per_second{camera="gate"} 4000.0' in text
    assert 'streetward_camera_key_interval_seconds{camera="gate"}' not in text
    camera = client.get("/api/v1/cameras/gate").json()
    assert (camera["state"], camera["reason"]) == ("refused", "401")
    city.services = replace(city.services, settings=replace(city.services.settings, camera_metrics=False))
    quiet = ApiServer(city.app(), city.services.feed, port=0)
    quiet.start()
    text = httpx.get(f"http://127.0.0.1:{quiet.port}/metrics").text
    quiet.stop()
    assert "streetward_cameras{" in text
    assert "streetward_camera_" not in text


def test_what_is_slow_is_told_in_words_and_as_metrics(city: City, client: httpx.Client) -> None:
    assert client.get("/api/v1/pressure").json() == {"summary": None, "slow": [], "classes": []}
    slow = (Slowdown(Cause.DATABASE, city.clock.now(), Why("应答要 2.0 秒", "an answer takes 2.0 s")),)
    classes = (ClassPace(1, 8, 1.0, 5.0), ClassPace(2, 40, 0.25, 20.0))
    state = Pressure(slow, classes, summary(slow, classes))
    city.services = replace(city.services, pressure=lambda: state)
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.port}"
        told = httpx.get(f"{url}/api/v1/pressure", headers={"X-API-Key": city.key("viewer")}).json()
        metrics = httpx.get(f"{url}/metrics").text
    finally:
        server.stop()
    assert told["summary"]["zh"] == "画面检查变慢：数据库慢，普通摄像机每 20 秒看一次"
    assert told["slow"][0]["cause"] == "database"
    assert [row["looks_share"] for row in told["classes"]] == [1.0, 0.25]
    assert 'streetward_slow{cause="database"} 1.0' in metrics
    assert "# HELP streetward_incidents " in metrics, "what is merely slow is asked"
    assert 'streetward_cameras{state="live"} 3.0' in metrics
    assert 'streetward_slow{cause="redis"} 0.0' in metrics
    assert 'streetward_class_looks_share{priority="2"} 0.25' in metrics


@pytest.mark.parametrize("away", [Cause.DATABASE, Cause.REDIS])
def test_what_is_away_is_not_waited_for_by_metrics(city: City, away: Cause) -> None:
    city.services = replace(city.services, pressure=lambda: Pressure(unreachable=frozenset({away})))
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        metrics = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
    finally:
        server.stop()
    assert "streetward_slow{" in metrics
    assert "streetward_incidents" not in metrics


def test_a_platforms_own_words_are_for_those_who_look_after_deliveries(city: City) -> None:
    why, quoted = Why("一件待办", "1 waiting"), Why("一件待办（503）", "1 waiting (503)")
    slow = (Slowdown(Cause.PLATFORM, city.clock.now(), why, quoted),)
    city.services = replace(city.services, pressure=lambda: Pressure(slow, (), summary(slow, ())))
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.port}/api/v1/pressure"
        told = {role: httpx.get(url, headers={"X-API-Key": city.key(role)}).text for role in ("viewer", "supervisor")}
    finally:
        server.stop()
    assert "503" not in told["viewer"]
    assert told["supervisor"].count("503") == 4, "in the reason and the summary, in both languages"


def test_workers_tell_how_their_patrols_keep_the_targets(client: httpx.Client) -> None:
    items = client.get("/api/v1/workers").json()["items"]
    assert [item["id"] for item in items] == ["w1", "w2"]
    assert (items[0]["patrol"]["within_target"], items[0]["patrol"]["worst_age_s"]) == (0.5, 700.0)
    assert items[1]["patrol"] is None
    text = client.get("/metrics").text
    assert 'streetward_patrol_within_target_ratio{worker="w1"} 0.5' in text
    assert 'streetward_patrol_late_visits_total{worker="w1"} 2.0' in text
    assert '{worker="w2"}' not in text


def test_the_schema_is_served_and_names_every_scope(client: httpx.Client) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    operations = [op for path, ops in schema["paths"].items() if path.startswith("/api/v1") for op in ops.values()]
    assert operations
    open_to_all = [op["operationId"] for op in operations if not op.get("x-scope")]
    assert len(open_to_all) == 5
    assert all("session" in name for name in open_to_all)
