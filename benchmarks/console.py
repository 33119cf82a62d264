"""The alert queue under load: thousands of open alerts, a steady stream of new ones, and the page that shows them.

Ours (static modules over the API) and the same queue as a NiceGUI table, each served by a process of its own and
watched by the same browser, one after the other in one run. An alert's id carries the time of its commit, so the page
itself tells how late it shows.

`--soak SECONDS` watches ours alone: for each new alert an old one ends, somebody walks through the list all the while,
and what the page holds (heap, elements, listeners, each after a collection) has to stay what it was.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks import harness
from benchmarks.harness import Result, at_least, at_most, cpu_seconds

CHROMIUM = "/usr/bin/chromium"
SAMPLES = 10
STEP_S = 3.0
WARM_S = 60.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WATCH = """() => {
  window.late = [];
  const known = new Set();
  new MutationObserver(() => {
    const now = Date.now();
    for (const match of document.body.innerHTML.matchAll(/i-(1\\d{12})/g)) {
      if (known.has(match[1])) continue;
      known.add(match[1]);
      window.late.push(now - Number(match[1]));
    }
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
  window.blocked = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.blocked += entry.duration;
  }).observe({entryTypes: ["longtask"]});
}"""


def run(args: argparse.Namespace) -> list[Result]:
    if args.soak:
        return soak(args.alerts, args.rate, args.soak)
    seconds = 15.0 if args.quick else args.seconds
    results = []
    for kind in args.pages:
        results += measure(kind, args.alerts, args.rate, seconds)
    return results


def measure(kind: str, alerts: int, rate: float, seconds: float) -> list[Result]:
    from playwright.sync_api import sync_playwright

    with serving(kind, alerts, rate) as (port, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        received = [0]
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: received.append(len(data))))
        began = time.monotonic()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_function("() => document.body.innerText.includes('解放路')") if kind == "nicegui" else (
            page.wait_for_selector(".row[data-id]")
        )
        shown_s = time.monotonic() - began
        page.evaluate(WATCH)
        (Path(process.args[-1]) / "go").touch()  # type: ignore[index, arg-type]
        server_s, browser_s, bytes_before = cpu_seconds(process.pid), browser_cpu_s(), sum(received)
        page.wait_for_timeout(seconds * 1000)
        server_s, browser_s = cpu_seconds(process.pid) - server_s, browser_cpu_s() - browser_s
        late = sorted(page.evaluate("window.late ?? []"))
        blocked_ms = page.evaluate("window.blocked ?? 0")
        browser.close()
    expected = rate * seconds
    p99 = late[int(len(late) * 0.99)] if late else float("inf")
    ours = kind == "ours"
    return [
        Result(f"{kind}_first_rows_s", shown_s, "s"),
        at_least(f"{kind}_shown_ratio", len(late) / expected, "of sent", 0.97) if ours else
        Result(f"{kind}_shown_ratio", len(late) / expected, "of sent"),
        at_most(f"{kind}_commit_to_screen_p99_ms", p99, "ms", 1000) if ours else
        Result(f"{kind}_commit_to_screen_p99_ms", p99, "ms"),
        Result(f"{kind}_server_cpu_ms_per_alert", 1000 * server_s / expected, "ms"),
        Result(f"{kind}_browser_cpu_share", browser_s / seconds, "cores"),
        Result(f"{kind}_browser_blocked_share", blocked_ms / 1000 / seconds, "of time"),
        Result(f"{kind}_kbytes_per_alert", (sum(received) - bytes_before) / 1000 / expected, "kB"),
    ]  # fmt: skip


def soak(alerts: int, rate: float, seconds: float) -> list[Result]:
    from playwright.sync_api import sync_playwright

    with serving("ours", alerts, rate) as (port, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        protocol = page.context.new_cdp_session(page)
        protocol.send("Performance.enable")
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector(".row[data-id]")
        for name in ("steady", "go"):
            (Path(process.args[-1]) / name).touch()  # type: ignore[index, arg-type]
        walk(page, WARM_S)  # every picture size, listener and cache has been made once
        held = [holds(protocol)]
        for _ in range(SAMPLES):
            walk(page, seconds / SAMPLES)
            held.append(holds(protocol))
            print(" ".join(f"{name} {value:g}" for name, value in held[-1].items()), file=sys.stderr)
        browser.close()
    first, last = held[0], {name: min(one[name] for one in held[-3:]) for name in held[0]}
    return [
        Result("soak_s", seconds, "s"),
        Result("soak_heap_mb", first["heap_mb"], "MB"),
        at_most("soak_heap_growth_mb", last["heap_mb"] - first["heap_mb"], "MB", 2.0),
        Result("soak_nodes", first["nodes"], "elements"),
        at_most("soak_nodes_growth", last["nodes"] - first["nodes"], "elements", 300),
        Result("soak_listeners", first["listeners"], "listeners"),
        at_most("soak_listeners_growth", last["listeners"] - first["listeners"], "listeners", 30),
    ]


def walk(page: Any, seconds: float) -> None:
    """To the next alert every few seconds, and back to the top now and then."""
    for step in range(max(1, round(seconds / STEP_S))):
        page.keyboard.press("Home" if step % 20 == 19 else "j")
        page.wait_for_timeout(STEP_S * 1000)


def holds(protocol: Any) -> dict[str, float]:
    """What the page holds after a collection."""
    protocol.send("HeapProfiler.collectGarbage")
    told = {one["name"]: one["value"] for one in protocol.send("Performance.getMetrics")["metrics"]}
    return {"heap_mb": told["JSHeapUsedSize"] / 1e6, "nodes": told["Nodes"], "listeners": told["JSEventListeners"]}


def browser_cpu_s() -> float:
    """CPU seconds of the browser's processes: this process's descendants that are Chromium's."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if "chrom" in child.name():
                times = child.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total


@contextmanager
def serving(kind: str, alerts: int, rate: float) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.console", "--serve", kind, str(alerts), str(rate), folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            port = 0
            for line in process.stdout:
                if line.strip().isdigit():
                    port = int(line)
                    break
            assert port, f"the {kind} page did not come up"
            yield port, process
        finally:
            process.terminate()
            process.wait(10)


def new_ids() -> Iterator[str]:
    """The time in milliseconds, never the same twice."""
    last = 0
    while True:
        last = max(last + 1, time.time_ns() // 1_000_000)
        yield f"i-{last:013}"


def serve_ours(alerts: int, rate: float, folder: Path) -> None:
    from tests.api.city import City, make_city, street_picture
    from vision.api.server import ApiServer
    from vision.console.site import add_console
    from vision.storage.tables import AlertRow, EvidenceRow, IncidentRow

    city: City = make_city(folder, access={"loopback_without_login": True})
    key, data = "2026/07/01/gate/street.jpg", street_picture("a", boxed=True)
    city.blobs.put(key, data, media_type="image/jpeg")

    def write(session: Any, incident_id: str, began: datetime, *, told: bool) -> None:
        session.add(
            IncidentRow(
                id=incident_id, type="bike_misparked", subtype="bike_misparked", status="open", camera_id="gate",
                view_id="main", zone_id="kerb", place="解放路 12 号", district="东城", began_at=began,
                confirmed_at=began, last_seen_at=began, object_count=1, confidence=0.8, why_zh="一辆自行车",
                why_en="a bicycle", updated_at=began,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            EvidenceRow(
                id=key, incident_id=incident_id, role="annotated", media_type="image/jpeg", sha256="a" * 64,
                size=len(data), camera_id="gate", view_id="main", captured_at=began, time_source="camera",
                received_at=began,
            )
        )  # fmt: skip
        if told:
            session.add(AlertRow(incident_id=incident_id, kind="open", at=began, payload={}))

    now = city.clock.now()
    with city.database.transaction() as session:
        for number in range(alerts):
            write(session, f"i-{number:013}", now - timedelta(days=1, seconds=alerts - number), told=False)
    app = city.app()
    add_console(app)
    server = ApiServer(app, city.services.feed, port=0)
    server.start()
    print(server.port, flush=True)
    ids = new_ids()
    oldest = iter(range(alerts))
    for _ in beats(rate, folder):
        with city.database.transaction() as session:
            write(session, next(ids), city.clock.now(), told=True)
            if (folder / "steady").exists() and (ended := next(oldest, None)) is not None:
                row = session.get_one(IncidentRow, f"i-{ended:013}")
                row.status, row.ended_at, row.updated_at = "rectified", city.clock.now(), city.clock.now()
                row.version += 1
                session.add(AlertRow(incident_id=row.id, kind="rectified", at=city.clock.now(), payload={}))


def serve_nicegui(alerts: int, rate: float, folder: Path) -> None:
    """The same queue as a NiceGUI table with virtual scrolling, newest first."""
    import socket
    import threading

    from nicegui import app, ui

    rows = [row(f"i-{number:013}") for number in range(alerts, 0, -1)]
    tables: list[Any] = []

    @ui.page("/")
    def queue() -> None:
        columns = [{"name": name, "label": name, "field": name} for name in ("place", "type", "began", "id")]
        table = ui.table(columns=columns, rows=rows, row_key="id").props("virtual-scroll").classes("h-96")
        tables.append(table)

    def grow() -> None:
        ids = new_ids()
        for _ in beats(rate, folder):
            item = row(next(ids))
            app.loop.call_soon_threadsafe(show, item)  # type: ignore[attr-defined]

    def show(item: dict[str, str]) -> None:
        rows.insert(0, item)
        for table in tables:
            table.rows.insert(0, item)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def started() -> None:
        import asyncio

        app.loop = asyncio.get_running_loop()  # type: ignore[attr-defined]
        print(port, flush=True)
        threading.Thread(target=grow, daemon=True).start()

    app.on_startup(started)
    ui.run(host="127.0.0.1", port=port, reload=False, show=False, show_welcome_message=False)


def row(incident_id: str) -> dict[str, str]:
    began = datetime.now(tz=UTC).isoformat()
    return {"id": incident_id, "place": "解放路 12 号 · 北门", "type": "非机动车乱停放", "began": began}


def beats(rate: float, folder: Path) -> Iterator[None]:
    """Once the page is watched: `rate` times a second, for ever."""
    while not (folder / "go").exists():
        time.sleep(0.02)
    following = time.monotonic()
    while True:
        yield
        following += 1 / rate
        time.sleep(max(0.0, following - time.monotonic()))


def main(argv: list[str] | None = None) -> int:
    return harness.main("console", run, extend, argv)


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alerts", type=int, default=5000, help="open alerts at the start")
    parser.add_argument("--rate", type=float, default=20, help="new alerts a second")
    parser.add_argument("--seconds", type=float, default=300, help="how long they come")
    parser.add_argument(
        "--soak", type=float, default=0.0, metavar="SECONDS", help="watch what our page holds for so long"
    )
    parser.add_argument("--pages", nargs="+", default=["ours", "nicegui"], choices=["ours", "nicegui"])


if __name__ == "__main__":
    if "--serve" in sys.argv:
        given = sys.argv[sys.argv.index("--serve") + 1 :]
        serve = serve_ours if given[0] == "ours" else serve_nicegui
        serve(int(given[1]), float(given[2]), Path(given[3]))
    else:
        raise SystemExit(main())
