"""The live wall: pictures at once, presets, and what is unknown while somebody turns a camera."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.city import City, street_picture
from tests.browser.conftest import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def test_presets_turn_a_patrolled_camera_and_its_zones_are_said_to_be_unknown(city: City, open_page: Open) -> None:
    document = {**city.registry.document("camera", "gate"), "zones": {}, "kind": "patrol"}
    document["views"] = {"walk": {"name": "人行道", "preset": "1"}}
    city.registry.put("camera", "gate", document, by="test")
    city.board.looks["gate"] = street_picture("gate")
    page = open_page("/console/wall?camera=gate")
    until(page, "document.querySelector('.tile img')?.naturalWidth > 600")
    page.get_by_text("轮巡", exact=True).wait_for()
    page.locator(".tile").hover()
    page.get_by_role("button", name="预置位").click()
    page.get_by_text("此摄像机正在轮巡").wait_for()
    page.get_by_role("button", name="菜场门口").click()
    page.get_by_text("人工控制 · 区域未知").wait_for()
    assert city.turning.turned == [("gate", "2")]
    page.get_by_role("button", name="交还").click()
    page.get_by_text("轮巡", exact=True).wait_for()
    assert city.board.turned == {}


def test_a_link_to_one_camera_shows_that_one(city: City, open_page: Open) -> None:
    page = open_page("/console/wall?camera=market")
    page.locator(".tile figcaption", has_text="菜市口").wait_for()
    assert page.locator(".tile").count() == 1


def test_cameras_stand_by_district_and_a_fixed_one_offers_no_presets(city: City, open_page: Open) -> None:
    page = open_page("/console/wall")
    page.locator(".tree summary", has_text="东城").wait_for()
    assert page.locator("details[data-name=东城] .tree-item").count() == 2
    page.locator(".tile").first.hover()
    assert page.get_by_role("button", name="预置位").count() == 0
    page.locator("details[data-name=西城] .tree-item").click()
    until(page, "document.querySelectorAll('.tile').length === 2")
