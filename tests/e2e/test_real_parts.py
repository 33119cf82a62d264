"""RTSP camera, worker, Valkey, hub, sandbox platform and an SSE client, all real, through breaks and kills."""

import itertools
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.city import PASSWORD, City, alerts, until
from vision.sandbox.camera_footage import demo_clip
from vision.sandbox.cameras import CameraServer
from vision.sandbox.platform import SECRET, SandboxPlatform

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]

LANE = "lane_night_parked_motorbike_43s.mp4"
PAVEMENT = [[0.14, 0.92], [0.22, 0.60], [0.60, 0.20], [0.66, 0.24], [0.46, 0.62], [0.36, 0.84]]
WHOLE = [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]


@pytest.fixture(params=["lane at night", "demo bicycle"])
def footage(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[list[float]]]:
    """A folder with one clip, and the zone in which something is parked."""
    clips = tmp_path / "clips"
    clips.mkdir()
    if request.param == "demo bicycle":
        demo_clip(clips, seconds=20)
        return clips, WHOLE
    shared = Path(os.environ.get("STREETWARD_SHARED", ROOT.parent / "shared")) / "data/clips" / LANE
    if not shared.exists():
        if os.environ.get("CI"):
            pytest.fail(f"needs real footage: {shared}")
        pytest.skip(f"the demo's bicycle stands in: there is no {shared}")
    shutil.copy(shared, clips / LANE)
    return clips, PAVEMENT


@pytest.fixture
def cameras(footage: tuple[Path, list[list[float]]]) -> Iterator[CameraServer]:
    with CameraServer(footage[0]) as server:
        yield server


@pytest.fixture
def platform() -> SandboxPlatform:
    return SandboxPlatform()


@pytest.fixture
def city(
    tmp_path: Path, footage: tuple[Path, list[list[float]]], cameras: CameraServer, platform: SandboxPlatform
) -> Iterator[City]:
    clip = next(footage[0].iterdir())
    url = cameras.url(clip).replace("rtsp://", f"rtsp://admin:{PASSWORD}@")
    zone = {"kind": "bike_no_parking", "dwell_s": 8, "polygon": footage[1]}
    with platform.serve() as address:
        city = City(
            tmp_path,
            {
                "data": "data",
                "server": {"port": 0},
                "access": {"loopback_without_login": True},
                "cameras": {"gate": {"url": url, "sample_s": 2, "zones": {"walk": zone}}},
                "incidents": {"bike_misparked": {"steps": [{"do": "file"}], "review": "never"}},
                "cases": {"platforms": {"sandbox": {"kind": "webhook", "url": f"{address}/webhook", "secret": SECRET}}},
            },
        )
        city.start()
        yield city
        if city.process is not None and city.process.poll() is None:
            city.interrupt()


def cases(platform: SandboxPlatform) -> int:
    return platform.cases.count()


def collect(url: str, kinds: list[str], wanted: str) -> None:
    for alert in alerts(url):
        kinds.append(alert["kind"])
        if alert["kind"] == wanted:
            return


def test_a_parked_bike_becomes_one_case_whatever_breaks(
    city: City, cameras: CameraServer, platform: SandboxPlatform
) -> None:
    kinds: list[str] = []
    follower = threading.Thread(target=collect, args=(city.url, kinds, "filed"), daemon=True)
    follower.start()
    follower.join(90)
    assert kinds[-1:] == ["filed"], f"the stream told {kinds}\n{''.join(city.output)}"
    incident = only(city.get("incidents")["items"])
    assert incident["case"]["status"] == "filed"
    assert "停放" in incident["why"]["zh"]
    assert_pictures_load(city, incident)

    # The camera loses power and comes back.
    cameras.stop()
    until("the camera to be called reconnecting", lambda: city.camera_state("gate") == "reconnecting", 20)
    cameras.start()
    until("the camera to come back by itself", lambda: city.camera_state("gate") == "live", 40)

    # The worker dies; the hub starts another.
    first = city.worker_pid()
    assert first is not None
    os.kill(first, 9)
    until("another worker", lambda: city.worker_pid() not in {None, first}, 30)

    # The hub dies with everything under it, and is started again.
    city.kill()
    city.start()
    until("the camera to be watched again", lambda: city.camera_state("gate") == "live", 60)
    until("looks after the restart", lambda: newest_look(city) > incident["last_seen_at"], 60)
    assert only(city.get("incidents")["items"])["id"] == incident["id"]
    assert cases(platform) == 1

    # What was missed while away is told on reconnection.
    replayed = itertools.takewhile(lambda alert: alert["kind"] != "filed", alerts(city.url, last_id=0))
    assert "open" in [alert["kind"] for alert in replayed]

    everything = "".join(city.output) + httpx.get(f"{city.url}/api/v1/cameras").text
    assert PASSWORD not in everything

    took_s, left = city.interrupt()
    assert left == []
    assert city.process is not None
    assert city.process.returncode == 0
    assert took_s < 15, "Ctrl-C is meant to be done in 5 s; three times that is broken on any machine"


def only(items: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(items) == 1, items
    return items[0]


def newest_look(city: City) -> str:
    return str(only(city.get("incidents")["items"])["last_seen_at"])


def assert_pictures_load(city: City, incident: dict[str, Any]) -> None:
    pictures = {picture["role"]: picture for picture in incident["evidence"]}
    assert {"original", "annotated"} <= set(pictures)
    for picture in pictures.values():
        answer = httpx.get(f"{city.url}/api/v1/evidence/{picture['id']}")
        assert answer.status_code == 200
        assert answer.content.startswith(b"\xff\xd8")
        assert len(answer.content) == picture["size"]
