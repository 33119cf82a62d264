"""The operator's page in a real browser: what an operator does all day."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.city import City
from tests.browser.conftest import until
from vision.api.server import ApiServer
from vision.console.site import add_console

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Any]


def told(page: Any, city: City, count: int) -> None:
    """Wait until so many commands have come to the hub; a verdict waits four seconds to be taken back."""
    for _ in range(150):
        if len(city.desk.taken) >= count:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"{count} commands never came: {city.desk.taken}")


def test_an_alert_appears_without_reload_and_reject_makes_it_go(city: City, open_page: Open) -> None:
    page = open_page()
    assert page.locator(".row:visible").count() == 0
    city.raise_incident("i-1")
    row = page.locator(".row[data-id=i-1]")
    row.wait_for()
    assert "非机动车乱停放" in row.inner_text()
    assert "解放路 12 号 · 北门" in row.inner_text()
    until(page, "document.querySelector('.row .thumb')?.naturalWidth > 0")
    until(page, "document.querySelector('.incident .picture img')?.naturalWidth > 600")
    row.locator("[data-act=reject]").click()
    page.locator("dialog").get_by_text("不是违规").click()
    row.wait_for(state="hidden")
    told(page, city, 1)
    incident, event = city.desk.taken[-1]
    assert (incident, event.verdict.value, event.reason) == ("i-1", "reject", "不是违规")
    page.reload()
    page.wait_for_selector("[data-state=live]")
    page.get_by_text("没有待审核的警情").wait_for()


def test_keys_alone_confirm_reject_undo(city: City, open_page: Open) -> None:
    for index in range(3):
        city.raise_incident(f"i-{index}")
    page = open_page()
    page.wait_for_selector(".row[data-id=i-2][aria-selected=true]")
    page.keyboard.press("c")
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    assert page.locator(".row[data-id=i-2]:visible").count() == 0
    page.keyboard.press("u")
    page.wait_for_selector(".row[data-id=i-2][aria-selected=true]")
    assert city.desk.taken == []
    page.keyboard.press("c")
    page.keyboard.press("r")
    page.keyboard.press("4")  # passing
    page.wait_for_selector(".row[data-id=i-0][aria-selected=true]")
    page.keyboard.press("c")
    page.get_by_text("没有待审核的警情").wait_for()
    told(page, city, 3)
    given = [(incident, event.verdict.value) for incident, event in city.desk.taken]
    assert given == [("i-2", "confirm"), ("i-1", "reject"), ("i-0", "confirm")]


def test_a_leaving_operator_loses_no_verdict(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page()
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    page.keyboard.press("c")
    page.goto("about:blank")
    told(page, city, 1)
    assert [incident for incident, _event in city.desk.taken] == ["i-1"]


def test_nothing_moves_under_the_pointer(city: City, open_page: Open) -> None:
    for index in range(4):
        city.raise_incident(f"i-{index}")
    page = open_page()
    row = page.locator(".row[data-id=i-1]")
    row.hover()
    before = row.bounding_box()
    city.raise_incident("i-9", status="reopened")
    page.get_by_text("1 条新警情").wait_for()
    assert row.bounding_box() == before
    page.mouse.move(1200, 500)
    page.wait_for_selector(".row[data-id=i-9]")
    assert page.locator(".row[aria-rowindex='1']").get_attribute("data-id") == "i-9"


def test_two_operators_do_not_work_on_the_same_alert(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    city.raise_incident("i-2")
    page = open_page()
    page.locator(".row[data-id=i-1]").click()
    page.wait_for_selector(".row[data-id=i-1][aria-selected=true]")
    from vision.storage.tables import IncidentRow

    for _ in range(50):
        with city.database.reading() as session:
            if session.get_one(IncidentRow, "i-1").claimed_by == "local":
                break
        page.wait_for_timeout(100)
    else:
        pytest.fail("opening an alert did not claim it")


def test_what_one_operator_judges_leaves_the_others_list(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    first, second = open_page(), open_page()
    second.wait_for_selector(".row[data-id=i-1]")
    first.locator(".row[data-id=i-1] [data-act=confirm]").click()
    told(first, city, 1)
    second.get_by_text("没有待审核的警情").wait_for()
    second.get_by_role("tab", name="处置中").click()
    second.wait_for_selector(".row[data-id=i-1]")


def test_thousands_of_alerts_cost_as_many_elements_as_a_few(city: City, open_page: Open) -> None:
    from vision.storage.tables import IncidentRow

    now = city.clock.now()
    with city.database.transaction() as session:
        for number in range(5000):
            began = now - timedelta(seconds=number)
            session.add(
                IncidentRow(
                    id=f"i-{number:04}",
                    type="garbage",
                    subtype="spill",
                    status="open",
                    camera_id="gate",
                    view_id="main",
                    zone_id="kerb",
                    began_at=began,
                    last_seen_at=began,
                    updated_at=began,
                )
            )
    page = open_page()
    page.get_by_role("tab", name="待审核 5000").wait_for()
    assert page.locator(".row").count() < 60
    page.locator(".vlist").evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
    page.wait_for_selector(".row[data-id=i-4999]")
    assert page.locator(".row").count() < 60


def test_a_hub_that_restarts_under_the_page(city: City, server: ApiServer, open_page: Open) -> None:
    page = open_page()
    port = server.port
    server.stop()
    page.wait_for_selector("[data-state=broken]")
    city.raise_incident("i-1")
    app = city.app()
    add_console(app)
    again = ApiServer(app, city.services.feed, port=port)
    again.start()
    try:
        page.wait_for_selector("[data-state=live]", timeout=60_000)
        page.wait_for_selector(".row[data-id=i-1]")
        city.raise_incident("i-2")
        page.wait_for_selector(".row[data-id=i-2]")
    finally:
        again.stop()


def test_a_reconnecting_camera_shows(city: City, open_page: Open) -> None:
    page = open_page()
    page.get_by_text("3 路正常").wait_for()
    city.board.states["gate"] = {"state": "reconnecting", "reason": "timed out"}
    page.get_by_text("1 路异常").wait_for()


def test_english(city: City, open_page: Open) -> None:
    city.raise_incident("i-1")
    page = open_page()
    page.locator("#language").click()
    page.wait_for_selector(".row[data-id=i-1]")
    assert "Misparked bike" in page.locator(".row[data-id=i-1]").inner_text()
    page.get_by_text("A bicycle has stood in the no-parking zone").wait_for()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1440, 900), (3840, 2160)])
def test_it_fits(city: City, open_page: Open, width: int, height: int) -> None:
    for index in range(12):
        city.raise_incident(f"i-{index:02}")
    page = open_page(width=width, height=height)
    page.wait_for_selector(".row[data-id=i-11]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nav, top, main = (page.locator(part).bounding_box() for part in (".nav", ".top", ".page"))
    if width >= 900:
        assert (nav["x"], nav["y"], top["y"]) == (0, 0, 0), "the frame stands where it should"
        assert main["x"] == nav["width"]
        assert main["y"] == top["height"]
        assert main["width"] == width - nav["width"]
    page.locator(".row[data-id=i-11] .row-title").click()
    page.get_by_role("button", name="确认").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_lists_to_watch_are_one_click_away(city: City, open_page: Open) -> None:
    now = city.clock.now()
    city.raise_incident("open")
    city.raise_incident("late", status="filed", verdict="confirm")
    city.add_case("late", status="dispatched", filed_at=now, due_at=now - timedelta(hours=2))
    city.raise_incident("back", status="reopened", verdict="confirm")
    page = open_page()
    page.get_by_role("tab", name="超时 1").click()
    page.get_by_text("超时 2 小时").wait_for()
    assert [row.get_attribute("data-id") for row in page.locator(".row:visible").all()] == ["late"]
    page.get_by_role("tab", name="报结不符 1").click()
    page.locator(".row[data-id=back]:visible").wait_for()
    assert page.locator(".row:visible").count() == 1
    page.get_by_role("tab", name="全部 3").click()
    page.get_by_label("状态").select_option("filed")
    page.locator(".row[data-id=late]:visible").wait_for()
    assert page.locator(".row:visible").count() == 1
    page.reload()
    page.locator(".row[data-id=late]:visible").wait_for()
    assert page.locator(".row:visible").count() == 1, "the filter is part of the address"


def test_what_is_unread_follows_the_account(city: City, open_page: Open) -> None:
    first = open_page()
    first.wait_for_timeout(500)
    for index in range(2):
        city.raise_incident(f"i-{index}")
    first.get_by_role("tab", name="未读 2").click()
    first.locator(".row[data-id=i-0]").click()
    first.get_by_role("tab", name="未读 1").wait_for()
    assert first.locator(".row:visible").count() == 2, "what was just opened stays in the list while it is looked at"
    first.wait_for_timeout(2000)
    second = open_page()  # another browser
    second.get_by_role("tab", name="未读 1").wait_for()
    second.get_by_role("tab", name="未读 1").click()
    second.get_by_role("button", name="全部已看").click()
    second.get_by_role("tab", name="未读 0").wait_for()
