"""Somebody who has never seen the console confirms, rejects, speaks and files by what the first screen says."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.city import City
from tests.browser.conftest import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def test_the_first_screen_says_which_key_does_what(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page(width=1280, height=800)
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    shown = page.locator(".keys").inner_text().split()
    for key, word in (("C", "确认"), ("R", "驳回"), ("S", "喊话"), ("F", "立案"), ("U", "撤销")):
        assert key in shown
        assert word in shown
    assert page.locator(".keys").bounding_box()["y"] < 800, "without scrolling"
    for name, key in (("确认", "C"), ("驳回", "R"), ("喊话", "S"), ("立案", "F")):
        button = page.locator(".incident .btn", has_text=name).first
        assert button.locator("kbd").inner_text() == key
        box = button.bounding_box()
        assert box["y"] + box["height"] <= 800, f"{name} is on the first screen"


def test_confirm_reject_speak_and_file_by_keyboard_alone(city: City, open_page: Open) -> None:
    for index in range(2):
        city.raise_incident(f"i-{index}")
    page = open_page(width=1280, height=800)
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    page.keyboard.press("s")
    page.locator("dialog textarea").wait_for()
    for _ in range(8):  # Tab to the button that speaks, as its ring shows
        if page.evaluate("document.activeElement.type") == "submit":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("喊话已下发").wait_for()
    page.keyboard.press("f")
    page.get_by_text("已提交立案").wait_for()
    page.keyboard.press("c")
    page.wait_for_selector(".row[data-id=i-0][aria-selected=true]")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.row:not([hidden])').length === 0")
    for _ in range(100):
        if len(city.desk.taken) == 4:
            break
        page.wait_for_timeout(100)
    kinds = [(incident, type(event).__name__) for incident, event in city.desk.taken]
    assert kinds == [
        ("i-1", "SpeakRequested"),
        ("i-1", "FileRequested"),
        ("i-1", "VerdictGiven"),
        ("i-0", "VerdictGiven"),
    ]
