"""axe-core finds nothing serious on any page, dark or light (WCAG 2.2 A and AA)."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.api.city import City, make_city
from tests.browser.conftest import until
from tests.browser.crowded import crowd
from vision.api.server import ApiServer
from vision.console.site import add_console

pytestmark = [pytest.mark.browser, pytest.mark.slow]
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")
STANDARD = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}  # what the other theme can change
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/console/": (".row[data-id] img", ("驳回", "喊话")),
    "/console/incidents/i-000000": (".story li", ()),
    "/console/incidents/i-000005": (".picture.missing", ()),
    "/console/wall": (".tile img", ()),
    "/console/map": (".map-canvas button", ()),
    "/console/history": ("tr.clickable", ()),
    "/console/statistics": (".chart", ("导出", "日报")),
    "/console/fleet": (".fleet-row[data-id]", ("发现摄像机", "导入 CSV")),
    "/console/zones/cam-0000": (".zone-svg polygon", ()),
    "/console/admin/users": ("table", ("添加人员",)),
    "/console/admin/keys": ("table", ("新建密钥",)),
    "/console/admin/audit": ("tbody tr", ()),
    "/console/admin/deliveries": ("tbody tr", ("重新发送",)),
    "/console/admin/suppressions": ("tbody tr", ()),
    "/console/admin/phrases": ("tbody tr", ("新建用语",)),
    "/console/admin/models": ("tbody tr", ()),
}
"""Each page with what shows that it is there, and the buttons that open its dialogs."""


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = crowd(make_city(tmp_path, access={"loopback_without_login": True}), tmp_path, cameras=12, active=24, over=12)
    yield city
    city.close()


def violations(page: Any, only: dict[str, Any], *, within: str = "document") -> list[str]:
    """What axe holds against the page as it is, worst kinds only: rule, element and what is wrong with it."""
    options = {"runOnly": only, "resultTypes": ["violations"], "preload": False, "iframes": False}
    found = page.evaluate(f"(options) => axe.run({within}, options).then((told) => told.violations)", options)
    return [
        f"{one['id']} {node['target']}: {node['failureSummary'].splitlines()[-1].strip()}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


def both_themes(page: Any, where: str, **within: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for theme, only in (("dark", STANDARD), ("light", COLOURS)):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        found[f"{where} {theme}"] = violations(page, only, **within)
    return {key: value for key, value in found.items() if value}


def test_no_page_and_no_dialog_keeps_anybody_out(city: City, open_page: Any) -> None:
    page = open_page()
    found: dict[str, list[str]] = {}
    page.evaluate(AXE)
    until(page, "document.querySelectorAll('.row[data-id]').length > 3")
    for path, (ready, dialogs) in PAGES.items():
        # As a link does it: the alerts and cameras that the page has loaded stay.
        page.evaluate("(p) => { history.pushState(null, '', p); dispatchEvent(new PopStateEvent('popstate')); }", path)
        page.wait_for_selector(ready, state="attached")
        found |= both_themes(page, path)
        for name in dialogs:
            page.locator("main").get_by_role("button", name=name).last.click()
            page.wait_for_selector("dialog[open]")
            found |= both_themes(page, f"{path} {name}", within="document.querySelector('dialog')")
            page.keyboard.press("Escape")
    assert found == {}


@pytest.fixture
def gate(tmp_path: Path, chromium: Any) -> Iterator[Any]:
    """A browser before the door: gate(name) opens the page that lets people in."""
    city = make_city(tmp_path)
    app = city.app()
    add_console(app)
    server = ApiServer(app, city.services.feed, port=0)
    server.start()
    context = chromium.new_context()

    def open_gate(name: str) -> Any:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/console/{name}")
        page.wait_for_selector("input[type=password]")
        page.evaluate(AXE)
        return page

    yield open_gate
    context.close()
    server.stop()
    city.close()


def test_nor_does_the_door(gate: Any) -> None:
    found: dict[str, list[str]] = {}
    for name in ("login", "welcome#token"):
        found |= both_themes(gate(name), name)
    assert found == {}


def test_the_rules_would_find_something(gate: Any) -> None:
    page = gate("login")
    page.evaluate("""() => {
      const pale = document.createElement("p");
      pale.textContent = "pale";
      pale.style.color = "#333";
      document.querySelector("form").prepend(pale, document.createElement("input"));
    }""")
    told = violations(page, STANDARD)
    assert {line.split(" ")[0] for line in told} == {"color-contrast", "label"}
