"""What somebody is at, a keystroke, a sentence, a close look, is not taken from them when the page has something new."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.city import City, street_picture
from tests.browser.conftest import until
from vision.storage.tables import AlertRow, EvidenceRow, IncidentRow

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def stir(city: City, incident_id: str) -> None:
    """The incident changes, as with every look that confirms it."""
    now = city.clock.now()
    with city.database.transaction() as session:
        row = session.get_one(IncidentRow, incident_id)
        row.version += 1
        row.object_count += 1
        row.updated_at = now
        session.add(AlertRow(incident_id=incident_id, kind="updated", at=now, payload={}))
    city.services.feed.poke()


def test_an_update_takes_neither_the_comment_nor_the_close_look(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page("/console/incidents/i-1")
    until(page, "document.querySelector('.picture img')?.naturalWidth > 600")
    page.locator(".picture").hover()
    page.mouse.wheel(0, -400)
    until(page, "document.querySelector('.picture').classList.contains('zoomed')")
    page.get_by_placeholder("写一条备注").fill("已电话")
    for count in ("2", "3"):
        stir(city, "i-1")
        until(page, f"[...document.querySelectorAll('.facts dd')].some((dd) => dd.textContent === '{count}')")
    page.keyboard.type("通知")
    assert page.get_by_placeholder("写一条备注").input_value() == "已电话通知"
    assert page.locator(".picture.zoomed").count() == 1
    page.keyboard.press("Enter")
    page.locator(".comments").get_by_text("已电话通知").wait_for()
    assert page.get_by_placeholder("写一条备注").input_value() == ""


def test_the_keyboard_stays_where_it_is_while_cameras_and_alerts_come(city: City, open_page: Open) -> None:
    page = open_page("/console/fleet")
    page.get_by_role("button", name="全选").focus()
    page.evaluate("() => { window.came = 0; new MutationObserver(() => { window.came += 1; }).observe(document.querySelector('.top'), {childList: true}); }")  # fmt: skip
    city.raise_incident("i-1")
    for focused, state in (("全选", "down"), ("EN", "live")):
        if focused == "EN":
            page.locator("#language").focus()
        came = page.evaluate("window.came")
        city.board.states["gate"]["state"] = state
        until(page, f"window.came > {came}")
        assert page.evaluate("document.activeElement.textContent") == focused
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Pick all").wait_for()
    assert page.evaluate("document.activeElement.id") == "language"


def test_the_top_is_not_made_anew_under_the_pointer(open_page: Open) -> None:
    page = open_page("/console/")
    until(page, "document.querySelector('#camera-state').textContent.includes('3')")
    page.evaluate("() => { window.button = document.querySelector('#language'); }")
    for path in ("**/api/v1/cameras", "**/api/v1/pressure") * 2:
        with page.expect_response(path) as came:
            pass
        came.value.finished()
    assert page.evaluate("window.button.isConnected")


def test_a_browser_without_short_offsets_has_a_console(open_page: Open) -> None:
    page = open_page("/console/")
    page.context.add_init_script("""
        const Format = Intl.DateTimeFormat;
        Intl.DateTimeFormat = function (locale, options) {
          if (options?.timeZoneName === "shortOffset") throw new RangeError("Value shortOffset out of range");
          return new Format(locale, options);
        };
    """)
    page.reload()
    page.wait_for_selector("[data-state=live]")
    assert page.locator(".top time").text_content()


def test_arrows_scroll_the_incident_page_and_the_buttons_of_the_list_stay_in_sight(city: City, open_page: Open) -> None:
    city.raise_incident("i-1", place="人民中路与解放东路交叉口" * 8, why_zh="一堆暴露垃圾停留超过时限。" * 20)
    page = open_page("/console/incidents/i-1", width=1000, height=500)
    page.locator(".story li").first.wait_for()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('#page').scrollTop > 0")
    page.goto(page.url.replace("incidents", "queue"))
    page.locator(".actions").wait_for()
    until(page, "document.querySelector('.queue-view .actions .good')?.getBoundingClientRect().bottom <= 500")


def test_a_picture_that_is_gone_says_so(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    with city.database.transaction() as session:
        for row in session.query(EvidenceRow):
            row.id = "2026/gone.jpg" if row.role == "annotated" else f"2026/{row.role}/gone.jpg"
    page = open_page("/console/incidents/i-1")
    page.locator(".picture", has_text="没有图片").wait_for()
    page.goto(page.url.replace("incidents", "queue"))
    page.wait_for_selector(".row .thumb.lost", state="attached")


def test_a_picture_that_comes_late_is_shown_with_the_next_update(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    with city.database.transaction() as session:
        (row,) = (row for row in session.query(EvidenceRow) if row.role == "annotated")
        row.id = "2026/gone.jpg"
    page = open_page("/console/incidents/i-1")
    page.locator(".picture", has_text="没有图片").wait_for()
    city.blobs.put("2026/gone.jpg", street_picture("i-1"), media_type="image/jpeg")
    page.evaluate("() => { const now = Date.now; Date.now = () => now() + 3001; }")
    stir(city, "i-1")
    until(page, "document.querySelector('.picture img')?.naturalWidth > 600")


def test_heat_of_some_hours_of_the_day(city: City, open_page: Open) -> None:
    noon = city.clock.now().replace(hour=12, minute=0) - timedelta(days=1)
    city.raise_incident("i-1", began_at=noon, longitude=120.1580, latitude=30.2720)
    page = open_page("/console/map")
    page.get_by_role("button", name="警情", exact=True).click()
    page.get_by_role("button", name="热力").click()
    glow = """() => { const canvas = document.querySelector('.map-canvas'); const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let warm = 0; for (let i = 0; i < data.length; i += 4) if (data[i] > data[i + 2] + 20 && data[i] < 120) warm += 1; return warm; }"""
    until(page, f"({glow})() > 200")
    hour = page.evaluate(f"new Date('{noon.isoformat()}').getHours()")
    page.get_by_label("自", exact=True).select_option(str((hour + 1) % 24))
    page.get_by_label("至", exact=True).select_option(str((hour + 2) % 24 or 24))
    until(page, f"({glow})() === 0")
    page.get_by_label("至", exact=True).select_option(str(hour + 1))  # over midnight, as long as it holds the hour
    until(page, f"({glow})() > 200")


def test_the_keyboard_reaches_a_tiles_buttons(city: City, open_page: Open) -> None:
    city.board.looks["gate"] = street_picture("gate")
    page = open_page("/console/wall?camera=gate")
    until(page, "document.querySelector('.tile img')?.naturalWidth > 600")
    assert page.evaluate("getComputedStyle(document.querySelector('.tile-tools')).opacity") == "0"
    page.locator(".tile-tools .btn").first.focus()
    assert page.evaluate("document.activeElement.closest('.tile-tools') !== null")
    until(page, "getComputedStyle(document.querySelector('.tile-tools')).opacity === '1'")
    page.keyboard.press("Enter")
    page.locator("dialog").wait_for()
