"""A city's findings through Redis, a hub and PostgreSQL: throughput, lag, memory, and what a camera costs.

The hub is `vision hub` itself, its cases go to a sandbox platform; findings come from a process of their own, as
workers would send them: every camera looked at every ten seconds, one in twenty standing in violation.
"""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import redis
import yaml

from benchmarks import harness
from benchmarks.harness import Result, at_least, at_most
from benchmarks.hub_city import City, cameras
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer, free_port
from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.core.findings import Finding, FindingState
from vision.sandbox.platform import SECRET, SandboxPlatform
from vision.storage.bus import RedisBus
from vision.storage.database import Database
from vision.storage.tables import RegistryRow

EVERY_S = 10.0
CITY = 17_500
SIZES = (100, 1_000, 5_000, CITY)
_WARM_S = 30.0
_SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


@dataclass(slots=True)
class Load:
    """What one run of so many cameras came to.

    Attributes:
        cpu_s: by process (hub, redis, postgresql), over the measured stretch.
        lag_s: findings that waited at most, as seconds of the city's traffic.
    """

    cameras: int
    seconds: float
    findings: int
    cpu_s: dict[str, float]
    lag_s: float
    left: int
    redis_mb: float
    hub_mb: float
    hub_grown_mb: float

    @property
    def per_camera_hour_s(self) -> float:
        return sum(self.cpu_s.values()) / self.cameras / (self.seconds / 3600)


def run_load(count: int, seconds: float) -> Load:
    """Raises RuntimeError when the hub does not start."""
    with _servers(count) as (folder, cache, hub):
        context = multiprocessing.get_context("spawn")
        begun, sent = context.Event(), context.Value("q", 0)
        told = (cache.url, count, seconds + _WARM_S, begun, sent)
        publisher = context.Process(target=publish, args=told, daemon=True)
        publisher.start()
        begun.wait(120)
        time.sleep(_WARM_S)
        pids = {"hub": hub.pid, "redis": cache.pid, "postgresql": _postmaster(folder)}
        before = {name: family_cpu_s(pid) for name, pid in pids.items()}
        first, first_mb, began = int(sent.value), _rss_mb(hub.pid), time.monotonic()
        bus, client = RedisBus(cache.url), redis.Redis.from_url(cache.url)
        most_waiting, most_mb = 0, 0.0
        while time.monotonic() - began < seconds:
            time.sleep(1)
            most_waiting = max(most_waiting, bus.waiting())
            info: Any = client.info("memory")
            most_mb = max(most_mb, info["used_memory"] / 2**20)
        took_s = time.monotonic() - began
        cpu_s = {name: family_cpu_s(pid) - before[name] for name, pid in pids.items()}
        findings, last_mb = int(sent.value) - first, _rss_mb(hub.pid)
        publisher.join(30)
        left = _drained(bus)
        bus.close()
        lag_s = most_waiting / (count / EVERY_S)
        return Load(count, took_s, findings, cpu_s, lag_s, left, most_mb, last_mb, last_mb - first_mb)


def _drained(bus: RedisBus) -> int:
    """What still waits after a while without new findings."""
    for _ in range(60):
        if not bus.waiting():
            return 0
        time.sleep(0.5)
    return bus.waiting()


def _memory() -> str | None:
    """Where that is: the figures are then not the disk's."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def _servers(count: int) -> Iterator[tuple[Path, RedisServer, "subprocess.Popen[bytes]"]]:
    with tempfile.TemporaryDirectory(prefix="sw-", dir=_memory()) as name, SandboxPlatform().serve() as platform:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "pg").mkdir()
        cache = RedisServer(folder / "redis")
        database = PostgreSQLServer(folder / "pg", port=free_port(), hosts=["127.0.0.1"])
        database.create()
        cache.start()
        database.start()
        hub = None
        try:
            (folder / "city.yaml").write_text(yaml.safe_dump(_city(folder, cache, database, platform)))
            _register(database.url_at("127.0.0.1"), count)
            hub = _hub(folder)
            yield folder, cache, hub
        finally:
            if hub is not None:
                hub.kill()
                hub.wait()
            cache.stop()
            database.stop()


def _hub(folder: Path) -> "subprocess.Popen[bytes]":
    log = folder / "hub.log"
    with log.open("wb") as sink:
        hub = subprocess.Popen(
            [sys.executable, "-m", "vision", "hub", "--config", str(folder / "city.yaml")],
            stdout=sink,
            stderr=sink,
        )
    url = f"http://127.0.0.1:{(folder / 'port').read_text()}/readyz"
    import httpx

    until = time.monotonic() + 240
    while time.monotonic() < until and hub.poll() is None:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return hub
        except httpx.HTTPError:
            time.sleep(0.5)
    hub.kill()
    raise RuntimeError(f"the hub did not start: {log.read_text()[-800:]}")


def _register(url: str, count: int) -> None:
    """The cameras as if made in the console, where a city's thousands come from."""
    database, now = Database(url), SystemClock().now()
    database.migrate()
    with database.transaction() as session:
        for n, camera in enumerate(cameras(count)):
            zone = camera.views[0].zones[0]
            kerb = {"kind": "keep_clear", "polygon": _SQUARE, "ground": [list(at) for at in zone.ground]}
            document = {
                "url": f"rtsp://sim/{camera.id}",
                "district": camera.district,
                "place": camera.place,
                "zones": {zone.id: kerb},
            }
            row = RegistryRow(kind="camera", id=camera.id, document=document, deleted=False, version=n + 1)
            row.updated_at, row.updated_by = now, "bench"
            session.add(row)
    database.close()


def _city(folder: Path, cache: RedisServer, database: PostgreSQLServer, platform: str) -> dict[str, Any]:
    port = free_port()
    (folder / "port").write_text(str(port))
    ladder = {"steps": [{"do": "file"}], "review": "never"}
    return {
        "data": str(folder / "data"),
        "redis": cache.url,
        "database": database.url_at("127.0.0.1"),
        "server": {"port": port},
        "access": {"loopback_without_login": True},
        "incidents": {kind: {**ladder} for kind in ("garbage", "out_of_store", "bike_misparked")},
        "cases": {"platforms": {"sandbox": {"kind": "webhook", "url": f"{platform}/webhook", "secret": SECRET}}},
    }


def publish(url: str, count: int, seconds: float, begun: Any, sent: Any) -> None:
    """In a process of its own, as workers would: looks spread evenly over time, each stamped when it is published."""
    bus, clock, city = RedisBus(url), SystemClock(), City(count, EVERY_S)
    city.stand(clock.now(), 0.05)
    rounds, rate_per_s = city.looks(clock.now()), count / EVERY_S
    group = max(1, min(50, int(rate_per_s / 10)))
    begun.set()
    began = clock.monotonic_s()
    while clock.monotonic_s() - began < seconds:
        time.sleep(max(0.0, sent.value / rate_per_s - (clock.monotonic_s() - began)))
        now = clock.now()
        batch: list[Finding] = []
        while len(batch) < group:
            finding = next(rounds, None)
            if finding is None:
                rounds = city.looks(now)
                continue
            since = finding.since if finding.state is FindingState.PRESENT else now
            batch.append(replace(finding, at=now, since=since))
        try:
            bus.publish(batch)
        except StorageError:
            time.sleep(1)
            continue
        sent.value += group
    bus.close()


def family_cpu_s(pid: int) -> float:
    """User and system seconds of a process, its living children and those it has buried."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if each is process:
            total += times.children_user + times.children_system
    return total


def _postmaster(folder: Path) -> int:
    return int((folder / "pg" / "data" / "postmaster.pid").read_text().split()[0])


def _rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def growth(sizes: tuple[int, ...], seconds: float) -> list[Result]:
    """What a camera costs by the size of the city."""
    loads = [run_load(count, seconds) for count in sizes]
    rows = [row for load in loads for row in load_rows(load)]
    per_camera = {load.cameras: load.per_camera_hour_s for load in loads}
    base = per_camera.get(1_000, next(iter(per_camera.values())))
    rows.append(at_most("cost_per_camera_growth", per_camera[max(sizes)] / base, "", 1.2))
    return rows


def load_rows(load: Load) -> list[Result]:
    tag = f"n{load.cameras}"
    return [
        at_least(f"{tag}_findings_per_s", load.findings / load.seconds, "1/s", 0.97 * load.cameras / EVERY_S),
        Result(f"{tag}_cpu_s_per_camera_hour", load.per_camera_hour_s, "CPU s"),
        *(
            Result(f"{tag}_{name}_cpu_s_per_camera_hour", cpu_s / load.cameras / (load.seconds / 3600), "CPU s")
            for name, cpu_s in load.cpu_s.items()
        ),
        at_most(f"{tag}_lag_most_s", load.lag_s, "s", 5.0),
        at_most(f"{tag}_findings_left", load.left, "", 0),
        Result(f"{tag}_redis_mb_most", load.redis_mb, "MB"),
        Result(f"{tag}_hub_rss_mb", load.hub_mb, "MB"),
        Result(f"{tag}_hub_rss_grown_mb", load.hub_grown_mb, "MB"),
    ]


if __name__ == "__main__":
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    print(harness.table(load_rows(run_load(count, seconds))))
