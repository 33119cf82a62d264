"""The loudspeakers' routes: talk over WebSocket, stop, mute, phrases, what was said, and what it achieved."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.alerts.test_audio import tone
from tests.alerts.test_talk import pieces
from tests.api.city import City
from vision.alerts.audio import Audio
from vision.alerts.build import build_loudspeakers
from vision.alerts.listen import find
from vision.api.server import ApiServer
from vision.config.access import AccessConfig
from vision.config.speakers import SpeakersConfig
from vision.storage.tables import AuditEntry

SAID = tone(500, rate_hz=16000, duration_s=0.3)


@pytest.fixture
def city(city: City, tmp_path: Path) -> Iterator[City]:
    config = SpeakersConfig(speech="none", default_mode="automatic")
    parts = build_loudspeakers(
        config,
        database=city.database,
        registry=city.registry,
        blobs=city.blobs,
        clock=city.clock,
        timezone=city.clock.now().tzinfo,  # type: ignore[arg-type]
    )
    document = {"kind": "wav", "url": str(tmp_path / "heard"), "quiet": []}
    city.registry.put("speaker", "horn", document, by="test")
    city.registry.put("speaker", "ward", {**document, "sensitive_area": True}, by="test")
    city.services = replace(city.services, announcements=parts.desk, loudspeakers=parts)
    return city  # type: ignore[return-value]


def talk_url(server: ApiServer, speaker: str = "horn", query: str = "") -> str:
    return f"ws://127.0.0.1:{server.port}/api/v1/speakers/{speaker}/talk?rate=16000{query}"


def told(socket: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(socket.recv(timeout=60))
    return answer


def test_a_voice_goes_in_by_websocket_and_comes_out_of_the_loudspeaker(
    city: City, server: ApiServer, client: httpx.Client, tmp_path: Path
) -> None:
    with connect(talk_url(server), additional_headers={"X-API-Key": city.key("operator")}) as socket:
        assert [told(socket)["state"], told(socket)["state"]] == ["connecting", "speaking"]
        assert client.get("/api/v1/loudspeakers").json()["talking"] == {"horn": "key:operator"}
        for piece in pieces(SAID):
            socket.send(piece)
        socket.send("end")
        done = told(socket)
    assert done["state"] == "done"
    (file,) = (tmp_path / "heard").glob("*.wav")
    assert find(SAID, Audio.from_wav(file.read_bytes())).score > 0.99
    kept = client.get("/api/v1/announcements").json()[0]
    assert (kept["speaker_id"], kept["outcome"], kept["actor"]) == ("horn", "spoken", "key:operator")
    sound = client.get(f"/api/v1/announcements/{kept['id']}/audio")
    assert sound.headers["content-type"] == "audio/wav"
    assert find(SAID, Audio.from_wav(sound.content)).score > 0.99
    with city.database.reading() as session:
        actions = {(row.actor, row.action) for row in session.query(AuditEntry)}
    assert {("key:operator", "talked"), ("key:admin", "evidence_seen")} <= actions


def test_a_no_comes_in_both_languages(city: City, server: ApiServer) -> None:
    headers = {"X-API-Key": city.key("operator")}
    with connect(talk_url(server, "ward"), additional_headers=headers) as socket:
        answer = told(socket)
    assert answer["state"] == "failed"
    assert "第六十四条" in answer["why"]["zh"]
    with connect(talk_url(server, "tower"), additional_headers=headers) as socket:
        assert "no speaker tower" in told(socket)["why"]["en"]


def refused(url: str, headers: dict[str, str]) -> bool:
    try:
        with connect(url, additional_headers=headers) as socket:
            socket.recv(timeout=60)
    except (InvalidStatus, ConnectionClosed):
        return True
    return False


def test_strangers_and_viewers_do_not_talk(city: City, server: ApiServer) -> None:
    assert refused(talk_url(server), {})
    assert refused(talk_url(server), {"X-API-Key": city.key("viewer")})


def test_another_sites_page_does_not_talk_through_a_browser_that_needs_no_login(city: City) -> None:
    city.with_access(AccessConfig(loopback_without_login=True))
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    try:
        assert refused(talk_url(server), {"Origin": "http://evil.example"})
        assert not refused(talk_url(server), {"Origin": f"http://127.0.0.1:{server.port}"})
    finally:
        server.stop()


def test_the_browser_going_away_ends_the_talk(city: City, server: ApiServer, client: httpx.Client) -> None:
    with connect(talk_url(server), additional_headers={"X-API-Key": city.key("operator")}) as socket:
        assert [told(socket)["state"], told(socket)["state"]] == ["connecting", "speaking"]
        for piece in pieces(SAID):
            socket.send(piece)
    for _ in range(100):
        found = client.get("/api/v1/announcements").json()[0]
        if found["outcome"] != "speaking":
            break
    assert found["outcome"] in {"spoken", "speaking"}


def test_stop_and_mute(city: City, server: ApiServer, client: httpx.Client) -> None:
    with connect(talk_url(server), additional_headers={"X-API-Key": city.key("operator")}) as socket:
        assert [told(socket)["state"], told(socket)["state"]] == ["connecting", "speaking"]
        socket.send(bytes(640))
        assert client.post("/api/v1/speakers/horn/stop").json() == {"stopped": True}
        assert told(socket)["why"]["en"] == "stopped by key:admin"
    assert client.put("/api/v1/loudspeakers/mute", json={"on": True}).json()["muted"] is True
    with connect(talk_url(server), additional_headers={"X-API-Key": city.key("operator")}) as socket:
        assert told(socket)["why"]["en"] == "the global mute is on"
    assert client.put("/api/v1/loudspeakers/mute", json={"on": False}).json() == {"muted": False, "talking": {}}


def test_phrases_are_recorded_previewed_and_refused_with_the_reason(
    city: City, server: ApiServer, client: httpx.Client
) -> None:
    put = client.put("/api/v1/phrases/market", json={"zh": "收摊时间到了", "en": "Closing time"})
    assert put.json()["recorded"] is False
    assert client.get("/api/v1/phrases/market/preview").status_code == 404
    refused = client.put("/api/v1/phrases/market/recording", content=b"hello")
    assert refused.status_code == 422
    assert "not audio" in refused.json()["detail"]
    huge = client.put("/api/v1/phrases/market/recording", content=bytes(11_000_000))
    assert huge.status_code == 413
    good = client.put("/api/v1/phrases/market/recording", content=SAID.then(SAID).to_wav())
    assert good.json()["recorded"] is True
    sound = client.get("/api/v1/phrases/market/preview")
    assert Audio.from_wav(sound.content).duration_s > 1.5
    assert client.get("/api/v1/phrases").json()[0]["id"] == "market"
    spoken = client.post("/api/v1/speakers/horn/announce", json={"phrase_id": "market"})
    assert spoken.status_code == 202
    assert client.delete("/api/v1/phrases/market/recording").status_code == 204
    assert client.put("/api/v1/phrases/bad", json={"zh": "{owner}"}).status_code == 422


def test_a_phrase_says_who_wrote_it_and_can_be_taken_back(city: City, client: httpx.Client) -> None:
    def origins() -> dict[str, str]:
        return {item["id"]: item["origin"] for item in client.get("/api/v1/phrases").json()}

    assert set(origins().values()) == {"shipped"}
    hours = [{"from": "22:00", "to": "06:00", "weekdays": ["fri", "sat"]}]
    body = {"zh": "请即离开", "types": ["garbage"], "cameras": ["gate"], "hours": hours, "warning": 2}
    changed = client.put("/api/v1/phrases/garbage", json=body).json()
    assert changed["hours"] == hours
    sent_back = {key: changed[key] for key in ("zh", "en", "types", "cameras", "zones", "hours", "warning")}
    assert client.put("/api/v1/phrases/garbage", json=sent_back).json() == changed, "what is read can be written again"
    client.put("/api/v1/phrases/market", json={"zh": "收摊时间到了"})
    assert (origins()["garbage"], origins()["market"]) == ("changed", "own")
    assert client.delete("/api/v1/phrases/garbage").status_code == 204
    assert client.delete("/api/v1/phrases/market").status_code == 204
    assert set(origins().values()) == {"shipped"}
    assert client.delete("/api/v1/phrases/market").status_code == 404


def test_a_loudspeakers_limits_are_changed_and_kept_apart_from_its_address(city: City, client: httpx.Client) -> None:
    before = city.registry.document("speaker", "horn")
    body = {"quiet": [{"from": "21:00", "to": "07:00"}], "daily_cap": 5}
    changed = client.patch("/api/v1/speakers/horn", json=body).json()
    assert (changed["quiet"][0]["from"], changed["daily_cap"], changed["cooldown_s"]) == ("21:00", 5, 300.0)
    assert city.registry.document("speaker", "horn")["url"] == before["url"]
    assert city.registry.speakers()["horn"].daily_cap == 5
    assert client.patch("/api/v1/speakers/horn", json={"url": "http://elsewhere"}).status_code == 422
    assert client.patch("/api/v1/speakers/horn", json={"volume_cap": 2}).status_code == 422
    assert client.patch("/api/v1/speakers/nope", json={"enabled": False}).status_code == 404


def test_effect_is_served(city: City, client: httpx.Client) -> None:
    found = client.get("/api/v1/statistics/loudspeakers").json()
    assert found["total"] == {"key": "", "spoken": 0, "rectified": 0, "rate": None, "median_s": None}
    assert client.get("/api/v1/statistics/loudspeakers?since=2026-01-01T00:00:00").status_code == 422
