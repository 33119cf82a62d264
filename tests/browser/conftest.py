"""The console in Debian's Chromium, on the real API and database."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.city import City, make_city
from tests.conftest import absent
from vision.api.server import ApiServer
from vision.console.site import add_console

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not CHROMIUM.exists():
        absent("needs Debian's chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = make_city(tmp_path, access={"loopback_without_login": True})
    yield city
    city.close()


@pytest.fixture
def server(city: City) -> Iterator[ApiServer]:
    app = city.app()
    add_console(app)
    server = ApiServer(app, city.services.feed, port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_page(chromium: Any, server: ApiServer) -> Iterator[Callable[..., Any]]:
    """Opens a page of the console; any script error or refused load fails the test."""
    contexts, troubles = [], []

    def tell(message: Any) -> None:
        expected = any(part in message.text for part in ("ERR_CONNECTION_REFUSED", "status of 422"))
        expected = expected or "gone.jpg" in message.location["url"]
        if message.type == "error" and not expected:
            troubles.append(message.text)

    def open_it(path: str = "/", *, width: int = 1440, height: int = 900, ready: str = "[data-state=live]") -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", tell)
        page.goto(f"http://127.0.0.1:{server.port}{path}")
        page.wait_for_selector(ready)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert troubles == []


def until(page: Any, expression: str, *, tries: int = 600) -> None:
    """Wait until a JavaScript expression is true; the page's own policy forbids Playwright's way, which evaluates."""
    for _ in range(tries):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"never came true: {expression}")
