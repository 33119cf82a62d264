"""The frame of the page at every size: what should be seen is inside the window, nothing lies over anything else."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.city import City

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (3840, 2160)])
def test_navigation_head_and_page_fill_the_window(
    city: City, open_page: Callable[..., Any], width: int, height: int
) -> None:
    city.raise_incident("i-1")
    page = open_page("/console/wall", width=width, height=height)
    page.locator(".tile").first.wait_for()
    nav, top, main = (page.locator(at).bounding_box() for at in (".nav", ".top", "main"))
    assert (nav["x"], nav["y"], nav["height"]) == (0, 0, height)
    assert (top["x"], top["y"], top["width"]) == (nav["width"], 0, width - nav["width"])
    assert (main["x"], main["y"]) == (nav["width"], top["height"])
    assert (main["width"], main["height"]) == (width - nav["width"], height - top["height"])
