"""The incident page: a clip that plays, a map, deadlines and disagreements, pictures shown whole."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.api.city import City
from tests.browser.conftest import until
from vision.api.server import ApiServer
from vision.core.clock import SystemClock
from vision.core.registry import Camera
from vision.sandbox.camera_footage import street_clip
from vision.sandbox.camera_replay import ReplayServer
from vision.storage.tables import EvidenceRow, WitnessRow
from vision.streams.live import LiveSource

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def filmed(folder: Path, codec: str) -> bytes:
    """A clip cut by the product itself from a camera that sends this codec."""
    made = street_clip(folder, width=320, height=240, seconds=4, kbit_s=300, gop_s=0.4, codec=codec)
    with ReplayServer(folder) as server:
        source = LiveSource(Camera("gate", server.url(made.name), sample_s=0.4), SystemClock())
        source.open()
        seen = []
        for frame in source.frames():
            seen.append(frame)
            if (frame.captured_at - seen[0].captured_at).total_seconds() >= 2:
                break
        data = source.clip(seen[0].captured_at, seen[-1].captured_at)
        source.close()
    return data


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_the_products_own_clip_plays(
    city: City, server: ApiServer, open_page: Open, tmp_path: Path, codec: str
) -> None:
    clip = filmed(tmp_path, codec)
    city.raise_incident("i-1")
    key = city.add_clip("i-1", clip)
    page = open_page("/console/incidents/i-1")
    until(page, "document.querySelector('video')?.readyState >= 1")
    page.evaluate("() => { const v = document.querySelector('video'); v.muted = true; v.play(); }")
    until(
        page, "document.querySelector('video').currentTime > 0.5 && document.querySelector('video').videoWidth === 320"
    )
    path = f"http://127.0.0.1:{server.port}/api/v1/evidence/{key}"
    assert httpx.get(path).content == clip, "the evidence itself is what the camera sent"
    part = httpx.get(path, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, clip[4:12])
    assert httpx.get(path, headers={"Range": f"bytes={len(clip)}-"}).status_code == 416


def test_a_wide_picture_is_shown_whole(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    panorama = np.full((400, 2400, 3), 90, np.uint8)
    with city.database.transaction() as session:
        for row in session.query(EvidenceRow).filter_by(incident_id="i-1"):
            city.blobs.blobs[row.id] = cv2.imencode(".jpg", panorama)[1].tobytes()
    for width, height in ((1280, 800), (2400, 700)):
        page = open_page("/console/incidents/i-1", width=width, height=height)
        until(page, "document.querySelector('.picture img')?.naturalWidth === 2400")
        until(page, "getComputedStyle(document.querySelector('.picture')).getPropertyValue('--ratio').startsWith('6')")
        frame, image = (page.locator(at).first.bounding_box() for at in (".picture", ".picture img"))
        assert frame["width"] / frame["height"] == pytest.approx(6, abs=0.1)
        for side in ("x", "y", "width", "height"):
            assert image[side] == pytest.approx(frame[side], abs=1)


def test_map_deadline_disagreement_and_links(city: City, open_page: Open) -> None:
    now = city.clock.now()
    city.raise_incident("old", status="closed", verdict="confirm", ended_at=now)
    city.raise_incident("i-1", grid_id="330102001001001")
    words = {"zh": "平台称已处置,视频显示问题仍在", "en": "…", "since": now.isoformat()}
    city.add_case("i-1", status="handled", due_at=now - timedelta(minutes=30), detail={"disagrees": words})
    with city.database.transaction() as session:
        for camera in ("gate", "market"):
            seen = {"first_seen_at": now, "last_seen_at": now}
            session.add(WitnessRow(incident_id="i-1", camera_id=camera, view_id="main", zone_id="kerb", **seen))
    page = open_page("/console/incidents/i-1")
    page.get_by_text("平台称已处置,视频显示问题仍在").wait_for()
    assert "已超时" in page.locator(".cases .chip.red").last.inner_text()
    assert page.locator("a[href='/console/wall?camera=market']").count() == 1
    assert page.locator(".similar .chip", has_text="已确认").count() == 1
    page.locator(".story a").first.click()
    page.wait_for_url("**#step-1")
    page.wait_for_selector("li.target")
    page.locator(".minimap").click()
    page.wait_for_url("**/console/map?at=*")
    until(page, "document.querySelector('.map-canvas')?.width > 600")
