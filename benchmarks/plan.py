"""What `vision plan` says of a machine against what the product then takes there.

N replayed RTSP cameras are watched by a whole `vision up`, with a Valkey of its own whose memory is read. Cameras'
server and Valkey are processes apart and accounted apart. `--measure` derives the unit costs that only a whole run can
give, for benchmarks/costs.json, from small runs; the check is then made at other sizes.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
import yaml

from benchmarks import harness
from benchmarks.harness import Result
from benchmarks.hub_city import City
from vision.backup.databases import dump
from vision.plan.cameras import Group
from vision.plan.costs import COSTS_FILE, load_costs
from vision.plan.model import Wishes, plan
from vision.sandbox.camera_footage import demo_clip, street_clip
from vision.storage.bus import RedisBus
from vision.storage.database import Database
from vision.storage.valkey import EmbeddedValkey

_STREAMS = {"sub": (704, 576, 512), "main": (1920, 1080, 4000)}
_ZONE = {"kind": "bike_no_parking", "polygon": [[0.1, 0.5], [0.9, 0.5], [0.9, 0.95], [0.1, 0.95]], "dwell_s": 10}
_UP_LIMIT_S = 90.0
_LIVE_LIMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run took between its two readings.

    Attributes:
        worker_cores, hub_cores: CPU seconds a second.
        looks_per_s: looks that were judged, those that the detector was too slow for not counted.
        database_kb: of a copy, so without a write-ahead log that has not been folded in yet.
        redis_mb: Valkey's data above what it had before anything ran.
    """

    worker_cores: float
    hub_cores: float
    worker_mb: float
    hub_mb: float
    looks_per_s: float
    drops: int
    live: int
    mbit_s: float
    redis_mb: float
    database_kb: float
    evidence_kb: float
    incidents: int


@contextmanager
def street(folder: Path, stream: str, *, bikes: bool) -> Iterator[str]:
    """Replayed cameras in a process of their own; yields the URL of a clip, to which a number is appended."""
    width, height, kbit_s = _STREAMS[stream]
    clips = folder / "clips"
    clips.mkdir()
    clip = demo_clip(clips) if bikes else street_clip(clips, width=width, height=height, kbit_s=kbit_s, seconds=12.0)
    command = [sys.executable, "-m", "vision.sandbox.camera_replay", str(clips)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"rtsp://127.0.0.1:{process.stdout.readline().split()[1]}/{clip.name}"
    finally:
        process.kill()
        process.wait()


def watch(count: int, stream: str, sample_s: float, seconds: float, *, bikes: bool = False) -> Taken:
    """One run."""
    with tempfile.TemporaryDirectory(prefix="streetward-") as name, street(Path(name), stream, bikes=bikes) as url:
        folder = Path(name)
        valkey = EmbeddedValkey(folder / "valkey")
        valkey.start()
        try:
            city = {
                "data": "data",
                "redis": valkey.url,
                "server": {"port": 0},
                "access": {"loopback_without_login": True},
                "cameras": {
                    f"c{n:04}": {"url": f"{url}/{n}", "sample_s": sample_s, "zones": {"walk": _ZONE}}
                    for n in range(count)
                },
                "incidents": {"bike_misparked": {"steps": [{"do": "file"}], "review": "never"}},
            }
            (folder / "city.yaml").write_text(yaml.safe_dump(city))
            before = _redis_bytes(valkey.url)
            return _run(folder, valkey.url, count, seconds, before)
        finally:
            valkey.stop()


def _run(folder: Path, redis_url: str, count: int, seconds: float, redis_before: int) -> Taken:
    log = (folder / "up.log").open("w")
    command = [sys.executable, "-m", "vision", "up", "--config", str(folder / "city.yaml")]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
    assert up.stdout is not None
    try:
        address = up.stdout.readline().split()
        if len(address) < 2:
            raise SystemExit(f"vision up did not start: {(folder / 'up.log').read_text()[-800:]}")
        _until_live(address[1], count)
        hub = psutil.Process(up.pid)
        (worker,) = (child for child in hub.children() if "worker" in child.cmdline())
        first, cpu, began_s = (
            _cameras(address[1]),
            [harness.cpu_seconds(p.pid) for p in (hub, worker)],
            time.monotonic(),
        )
        time.sleep(seconds)
        last, later = _cameras(address[1]), [harness.cpu_seconds(p.pid) for p in (hub, worker)]
        length_s = time.monotonic() - began_s
        drops = _sum(last, "drops") - _sum(first, "drops")
        return Taken(
            worker_cores=(later[1] - cpu[1]) / length_s,
            hub_cores=(later[0] - cpu[0]) / length_s,
            worker_mb=worker.memory_info().rss / 1e6,
            hub_mb=hub.memory_info().rss / 1e6,
            looks_per_s=(_sum(last, "looks") - _sum(first, "looks") - drops) / length_s,
            drops=int(drops),
            live=sum(item["state"] == "live" for item in last),
            mbit_s=_sum(last, "bitrate_kbit_s") / 1000,
            redis_mb=(_redis_bytes(redis_url) - redis_before) / 1e6,
            database_kb=_copied_kb(folder),
            evidence_kb=sum(p.stat().st_size for p in (folder / "data" / "evidence").rglob("*") if p.is_file()) / 1e3,
            incidents=len(httpx.get(f"{address[1]}/api/v1/incidents?limit=200", timeout=30).json()["items"]),
        )
    finally:
        up.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            up.wait(20)
        if up.poll() is None:
            os.killpg(up.pid, signal.SIGKILL)


def _copied_kb(folder: Path) -> float:
    database = Database(f"sqlite:///{folder / 'data' / 'hub.db'}")
    try:
        dump(database, folder / "copy.db")
    finally:
        database.close()
    return (folder / "copy.db").stat().st_size / 1e3


def _until_live(url: str, count: int) -> None:
    """Until every camera gave a look, or the limit: what did not come is told by the figures."""
    limit_s = time.monotonic() + _LIVE_LIMIT_S
    while time.monotonic() < limit_s:
        items = _cameras(url)
        if len(items) == count and all((item.get("looks") or 0) > 0 for item in items):
            return
        time.sleep(2)


def _cameras(url: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 500}
    while True:
        answer = httpx.get(f"{url}/api/v1/cameras", params=query, timeout=60).json()
        items += [item if "looks" in item else {**item, **(item.get("health") or {})} for item in answer["items"]]
        if not answer.get("cursor"):
            return items
        query["cursor"] = answer["cursor"]


def _sum(items: list[dict[str, Any]], key: str) -> float:
    return sum(float(item.get(key) or 0) for item in items)


def _redis_bytes(url: str) -> int:
    client = redis.Redis.from_url(url)
    info: Any = client.info("memory")
    client.close()
    return int(info["used_memory"])


def check(count: int, stream: str, sample_s: float, seconds: float) -> list[Result]:
    """A run beside its plan: what was taken, and what was said as the row's target."""
    width, height, kbit_s = _STREAMS[stream]
    group = Group(cameras=count, width=width, height=height, kbit_s=kbit_s, sample_s=sample_s)
    said = plan([group], load_costs(COSTS_FILE), Wishes(headroom=0.0))
    taken = watch(count, stream, sample_s, seconds)
    tag = f"n{count}_{stream}_{sample_s:g}s"
    rows = [
        Result(f"{tag}_live", taken.live, "cameras", f"= {count}", taken.live == count),
        Result(f"{tag}_looks_per_s", taken.looks_per_s, "1/s", f"plan {said.looks_per_s:.3g}"),
        Result(f"{tag}_drops", taken.drops, "looks"),
    ]
    for name, value, unit, planned in (
        ("worker_cores", taken.worker_cores, "cores", said.worker_cores),
        ("hub_cores", taken.hub_cores, "cores", said.hub_cores),
        ("worker_memory", taken.worker_mb, "MB", said.worker_memory_mb),
        ("hub_memory", taken.hub_mb, "MB", said.hub_memory_mb),
        ("stream_mbit_s", taken.mbit_s, "Mbit/s", said.network_mbit_s),
        ("redis", taken.redis_mb, "MB", said.redis_steady_mb),
    ):
        ratio = value / planned if planned else float("nan")
        rows.append(Result(f"{tag}_{name}", value, unit, f"plan {planned:.3g} (x{ratio:.2f})"))
    return rows


def measure(seconds: float) -> list[Result]:
    """Unit costs that only a whole run gives, from differences between small runs."""
    costs = load_costs(COSTS_FILE)
    few, many = watch(4, "sub", 60.0, seconds), watch(24, "sub", 60.0, seconds)
    busy = watch(10, "sub", 10.0, seconds)
    bikes = watch(5, "sub", 2.0, seconds, bikes=True)
    streams = busy.looks_per_s * costs.known("live_look_cpu_s_h264_sub") + 10 * costs.known("live_open_cores_h264_sub")
    analysing = busy.worker_cores - few.worker_cores - streams
    return [
        Result("look_cpu_s_in_worker", analysing / max(1e-9, busy.looks_per_s), "CPU s a look, detector and scene"),
        Result("busy_looks_per_s", busy.looks_per_s, "= 1"),
        Result("worker_idle_cores", few.worker_cores, "cores"),
        Result("hub_idle_cores", few.hub_cores, "cores"),
        Result("hub_cores_per_camera", (many.hub_cores - few.hub_cores) / 20, "cores"),
        Result("worker_base_mb", few.worker_mb - 4 * (many.worker_mb - few.worker_mb) / 20, "MB"),
        Result("worker_mb_per_live_camera_sub", (many.worker_mb - few.worker_mb) / 20, "MB"),
        Result("hub_base_mb", few.hub_mb, "MB"),
        Result("redis_kb_per_camera", (many.redis_mb - few.redis_mb) / 20 * 1000, "kB"),
        Result("redis_bytes_per_finding", _finding_bytes(), "B"),
        Result("redis_base_mb", few.redis_mb, "MB"),
        Result("evidence_kb_per_incident", bikes.evidence_kb / max(1, bikes.incidents), "kB"),
        Result("database_kb_per_incident", (bikes.database_kb - few.database_kb) / max(1, bikes.incidents), "kB"),
        Result("incidents", bikes.incidents, "= 5"),
        Result("busy_drops", busy.drops, "looks"),
    ]


def _finding_bytes(count: int = 20_000) -> float:
    """What a finding takes in Valkey while it waits there."""
    with tempfile.TemporaryDirectory(prefix="streetward-") as name:
        valkey = EmbeddedValkey(Path(name))
        valkey.start()
        try:
            bus = RedisBus(valkey.url)
            before = _redis_bytes(valkey.url)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            city = City(2000)
            city.stand(at, 0.05)
            for n in range(count // city.count):
                bus.publish(list(city.looks(at + timedelta(seconds=10 * n))))
            bus.close()
            return (_redis_bytes(valkey.url) - before) / count
        finally:
            valkey.stop()


def run(args: argparse.Namespace) -> list[Result]:
    if args.measure:
        return measure(args.seconds)
    if args.quick:
        return check(10, "sub", 10.0, 20.0)
    if args.seconds < args.sample_s:
        raise SystemExit(f"--seconds should be at least --sample-s ({args.sample_s:g}): sooner no camera is due again")
    rows: list[Result] = []
    for count in args.cameras:
        rows += check(count, args.stream, args.sample_s, args.seconds)
    return rows


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cameras", type=int, nargs="+", default=[100, 500], help="numbers of cameras to try")
    parser.add_argument("--stream", choices=sorted(_STREAMS), default="sub", help="what the cameras send")
    parser.add_argument("--sample-s", type=float, default=60.0, help="seconds between looks")
    parser.add_argument("--seconds", type=float, default=120.0, help="between the two readings of a run")
    parser.add_argument("--measure", action="store_true", help="derive unit costs instead")


def main(argv: list[str] | None = None) -> int:
    return harness.main("plan", run, extend, argv)


if __name__ == "__main__":
    sys.exit(main())
