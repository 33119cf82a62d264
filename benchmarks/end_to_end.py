"""How long a violation takes from the camera's own clock to the operators' stream and to the case platform.

N simulated RTSP cameras, each with a bicycle that stands from the first look on, are watched by a whole `vision up`; an
SSE client notes when each incident's alerts arrive, the sandbox platform when each case does. Server, hub and worker
share this machine; the cameras' server is accounted apart.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from benchmarks import harness
from benchmarks.harness import Result
from vision.sandbox.camera_footage import demo_clip
from vision.sandbox.cameras import free_port
from vision.sandbox.platform import SECRET, SandboxPlatform

DWELL_S = 10.0
_ZONE = {"kind": "bike_no_parking", "polygon": [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]}


@dataclass
class Times:
    """What was noted of each incident, seconds since the epoch."""

    alerts: dict[str, dict[str, float]] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    looks: dict[str, float] = field(default_factory=dict)

    def note(self, alert: dict[str, Any]) -> None:
        incident = alert["incident"]
        self.alerts.setdefault(incident["id"], {}).setdefault(alert["kind"], time.time())
        self.began.setdefault(incident["id"], _seconds(incident["began_at"]))
        if alert["kind"] == "open":
            self.looks[incident["id"]] = _seconds(incident["last_seen_at"])

    def from_look(self, kind: str) -> list[float]:
        return [t[kind] - self.looks[key] for key, t in self.alerts.items() if kind in t and key in self.looks]

    def from_dwell(self) -> list[float]:
        return [t["open"] - self.began[key] - DWELL_S for key, t in self.alerts.items() if "open" in t]


@contextmanager
def cameras(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The simulated cameras as a process of their own; yields it and one camera's URL."""
    clip = demo_clip(folder / "clips")
    port = free_port()
    command = [sys.executable, "-m", "vision.sandbox.cameras", "--footage", str(clip.parent), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    try:
        yield psutil.Process(process.pid), url
    finally:
        process.terminate()
        process.wait()


def measure(count: int, sample_s: float, seconds: float, model: str) -> list[Result]:
    """One run with `count` cameras."""
    with tempfile.TemporaryDirectory(prefix="streetward-") as name, SandboxPlatform().serve() as platform:
        folder = Path(name)
        (folder / "clips").mkdir()
        with cameras(folder) as (server, url):
            city = _city(count, sample_s, url, platform, model)
            (folder / "city.yaml").write_text(yaml.safe_dump(city))
            return _run(folder, server, count, sample_s, seconds)


def _city(count: int, sample_s: float, url: str, platform: str, model: str) -> dict[str, Any]:
    camera = {"url": url, "sample_s": sample_s, "zones": {"walk": {**_ZONE, "dwell_s": DWELL_S}}}
    return {
        "data": "data",
        "server": {"port": 0},
        "access": {"loopback_without_login": True},
        "detection": {"queue": 256, "model": model},
        "cameras": {f"c{n:03}": camera for n in range(count)},
        "incidents": {
            "bike_misparked": {"steps": [{"do": "file"}], "review": "never"},
        },
        "cases": {"platforms": {"sandbox": {"kind": "webhook", "url": f"{platform}/webhook", "secret": SECRET}}},
    }


def _run(folder: Path, server: psutil.Process, count: int, sample_s: float, seconds: float) -> list[Result]:
    command = [sys.executable, "-m", "vision", "up", "--config", str(folder / "city.yaml")]
    log = (folder / "up.log").open("w")
    up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
    assert up.stdout is not None
    address = up.stdout.readline().split()
    if len(address) < 2:
        raise SystemExit(f"vision up did not start: {(folder / 'up.log').read_text()[-800:]}")
    times = Times()
    threading.Thread(target=_follow, args=(address[1], times), daemon=True).start()
    try:
        time.sleep(seconds)
        usage = _usage(up.pid)
        health = httpx.get(f"{address[1]}/api/v1/cameras", params={"limit": 500}, timeout=30).json()["items"]
        return _results(count, sample_s, seconds, times, usage, harness.cpu_seconds(server.pid), health)
    finally:
        up.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            up.wait(20)
        if up.poll() is None:
            os.killpg(up.pid, signal.SIGKILL)


def _follow(url: str, times: Times) -> None:
    kind = ""
    with (
        suppress(httpx.HTTPError),
        httpx.stream("GET", f"{url}/api/v1/alerts/stream", params={"cursor": 0}, timeout=None) as answer,
    ):
        for line in answer.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:") and kind == "alert":
                times.note(json.loads(line.removeprefix("data:")))


def _usage(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MB of the hub and all its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    cpu = sum(harness.cpu_seconds(process.pid) for process in family)
    return cpu, sum(process.memory_info().rss for process in family) / 1e6


def _results(
    count: int,
    sample_s: float,
    seconds: float,
    times: Times,
    usage: tuple[float, float],
    server_cpu_s: float,
    health: list[dict[str, Any]],
) -> list[Result]:
    tag = f"n{count}"
    looks = sum(int(item.get("looks") or 0) for item in health)
    drops = sum(int(item.get("drops") or 0) for item in health)
    minutes = seconds / 60
    rows = [
        harness.at_least(f"{tag}_incidents_opened", float(len(times.looks)), "", float(count)),
        Result(f"{tag}_cases_filed", float(sum("filed" in t for t in times.alerts.values())), ""),
        Result(f"{tag}_cpu_s_per_camera_minute", usage[0] / count / minutes, "CPU s"),
        Result(f"{tag}_camera_server_cpu_s_per_camera_minute", server_cpu_s / count / minutes, "CPU s"),
        Result(f"{tag}_rss_mb", usage[1], "MB"),
        harness.at_most(f"{tag}_looks_missed_ratio", drops / max(1, looks), "", 0.01),
    ]
    for name, values, limit in (
        ("look_to_stream", times.from_look("open"), 2.0),
        ("look_to_case", times.from_look("filed"), None),
        (f"dwell_end_to_stream_at_{sample_s:g}s_sampling", times.from_dwell(), None),
    ):
        rows += _quantiles(f"{tag}_{name}", values, limit)
    return rows


def _quantiles(name: str, values: list[float], limit: float | None) -> list[Result]:
    if not values:
        return [Result(f"{name}_p50_s", float("nan"), "s")]
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    p99 = harness.at_most(f"{name}_p99_s", cuts[98], "s", limit) if limit else Result(f"{name}_p99_s", cuts[98], "s")
    return [Result(f"{name}_p50_s", statistics.median(values), "s"), p99]


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).astimezone(UTC).timestamp()


def run(args: argparse.Namespace) -> list[Result]:
    if args.quick:
        return measure(5, 2.0, 45.0, args.model)
    rows: list[Result] = []
    for count in args.cameras:
        rows += measure(count, args.sample_s, args.seconds, args.model)
    return rows


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 10, 50, 100], help="numbers of cameras to try")
    parser.add_argument("--model", default="street-n", help="model in the catalogue, or a file")
    parser.add_argument("--sample-s", type=float, default=10.0, help="seconds between looks")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long each run takes")


def main(argv: list[str] | None = None) -> int:
    return harness.main("end_to_end", run, extend, argv)


if __name__ == "__main__":
    sys.exit(main())
