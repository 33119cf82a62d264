"""A city's findings through Redis, a hub and PostgreSQL: throughput, lag, memory, and what a camera costs.

The hub is `vision hub` itself, its cases go to a sandbox platform; findings come from a process of their own, as
workers would send them: every camera looked at every ten seconds, one in twenty standing in violation.
"""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import redis
import yaml
from sqlalchemy import func, select

from benchmarks import harness
from benchmarks.harness import Result, at_least, at_most
from benchmarks.hub_city import City, cameras
from tests.servers.ports import free_port
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.core.findings import Finding, FindingState
from vision.core.incidents import DeliveryStatus, IncidentStatus
from vision.sandbox.platform import SECRET, SandboxPlatform
from vision.storage.bus import PARTITIONS, STREAM, RedisBus
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, ManifestRow, OutboxRow, RegistryRow

EVERY_S = 10.0
CITY = 17_500
SIZES = (100, 1_000, 5_000, CITY)
_SENDS_PER_S = 250.0  # a worker sends each look at once; beyond so many the generator would be what is measured
_WARM_S = 25.0
_SETTLE_S = 150.0
_SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


@dataclass(slots=True)
class Load:
    """What one run of so many cameras came to; with none it is the hub, Redis and PostgreSQL of an idle city.

    Attributes:
        cpu_s: by process (hub, redis, postgresql), over the measured stretch.
        starved: threads of the hub, on average, that wanted a core and had none: above 0 the figures are the load's.
        storm_lag_s: the longest that a finding waited while all that stands in violation began within one round.
        lag_p99_s, lag_most_s: age of the oldest unfinished finding, ten times a second of the measured stretch.
    """

    cameras: int
    seconds: float
    findings: int
    cpu_s: dict[str, float]
    starved: float
    storm_lag_s: float
    lag_p99_s: float
    lag_most_s: float
    left: int
    redis_mb: float
    hub_mb: float
    hub_grown_mb: float

    @property
    def cores(self) -> float:
        return sum(self.cpu_s.values()) / self.seconds

    @property
    def per_camera_hour_s(self) -> float:
        return self.cores * 3600 / max(1, self.cameras)


class Lags:
    """Ages of the oldest finding that the hub has not finished, by Redis's own clock."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._streams = [STREAM if n == 0 else f"{STREAM}:{n}" for n in range(PARTITIONS)]

    def oldest_s(self) -> float:
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        for stream in self._streams:
            pipe.xrange(stream, count=1)
        (seconds, micros), *heads = pipe.execute()
        begun = [int(head[0][0].partition(b"-")[0]) / 1000 for head in heads if head]
        return max(0.0, seconds + micros / 1e6 - min(begun)) if begun else 0.0

    def over(self, seconds: float, until: Callable[[], bool] = lambda: False) -> list[float]:
        """Ten ages a second for so long, or until that is true."""
        ages: list[float] = []
        began = time.monotonic()
        while time.monotonic() - began < seconds and not (len(ages) % 10 == 9 and until()):
            ages.append(self.oldest_s())
            time.sleep(0.1)
        return ages

    def used_mb(self) -> float:
        info: Any = self._client.info("memory")
        return float(info["used_memory"]) / 2**20


def run_load(count: int, seconds: float) -> Load:
    """Raises RuntimeError when the hub does not start."""
    with _servers(count) as (folder, cache, hub):
        context = multiprocessing.get_context("spawn")
        begun, stop, sent = context.Event(), context.Event(), context.Value("q", 0)
        publisher = context.Process(target=publish, args=(cache.url, count, begun, stop, sent), daemon=True)
        publisher.start()
        begun.wait(120)
        lags = Lags(cache.url)
        storm = lags.over(_WARM_S) + lags.over(_SETTLE_S, until=lambda: _settled(folder))
        pids = {"hub": hub.pid, "redis": cache.pid, "postgresql": _postmaster(folder)}
        before = {name: family_cpu_s(pid) for name, pid in pids.items()}
        first, first_mb, starved_s, began = int(sent.value), _rss_mb(hub.pid), _starved_s(hub.pid), time.monotonic()
        ages = sorted(lags.over(seconds))
        took_s = time.monotonic() - began
        cpu_s = {name: family_cpu_s(pid) - before[name] for name, pid in pids.items()}
        starved = (_starved_s(hub.pid) - starved_s) / took_s
        findings, last_mb, redis_mb = int(sent.value) - first, _rss_mb(hub.pid), lags.used_mb()
        stop.set()
        publisher.join(30)
        bus = RedisBus(cache.url)
        left = _drained(bus)
        bus.close()
        p99_s = ages[int(0.99 * (len(ages) - 1))]
        return Load(
            cameras=count,
            seconds=took_s,
            findings=findings,
            cpu_s=cpu_s,
            starved=starved,
            storm_lag_s=max(storm),
            lag_p99_s=p99_s,
            lag_most_s=ages[-1],
            left=left,
            redis_mb=redis_mb,
            hub_mb=last_mb,
            hub_grown_mb=last_mb - first_mb,
        )


def _settled(folder: Path) -> bool:
    """Whether the cases of all that stood from the begin are filed and sealed: the stretch shall not pay for them."""
    database = Database(yaml.safe_load((folder / "city.yaml").read_text())["database"])
    with database.reading() as session:
        filed = session.scalar(select(func.count()).where(IncidentRow.status == IncidentStatus.FILED.value)) or 0
        sealed = session.scalar(select(func.count(ManifestRow.incident_id.distinct()))) or 0
        waiting = session.scalar(select(func.count()).where(OutboxRow.status == DeliveryStatus.PENDING.value)) or 0
    database.close()
    return sealed >= filed and not waiting


def _starved_s(pid: int) -> float:
    """Seconds that the process's threads stood in the queue for a core (proc(5), schedstat)."""
    total_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            total_ns += int((task / "schedstat").read_text().split()[1])
    return total_ns / 1e9


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


def publish(url: str, count: int, begun: Any, stop: Any, sent: Any) -> None:
    """In a process of its own, as workers would: looks spread evenly over time, each stamped when it is published."""
    bus, clock, city = RedisBus(url), SystemClock(), City(count, EVERY_S)
    city.stand(clock.now(), 0.05)
    rounds, rate_per_s = city.looks(clock.now()), count / EVERY_S
    group = max(1, round(rate_per_s / _SENDS_PER_S))
    begun.set()
    began = clock.monotonic_s()
    while count and not stop.is_set():
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
    """What a camera costs by the size of the city, in all and beyond what the idle city costs."""
    idle = run_load(0, seconds)
    print(line(idle, idle), flush=True)
    loads = []
    for count in sizes:
        loads.append(run_load(count, seconds))
        print(line(loads[-1], idle), flush=True)
    rows = [Result("idle_cores", idle.cores, "cores"), *(row for load in loads for row in load_rows(load))]
    rows += [
        Result(f"n{load.cameras}_marginal_cpu_s_per_camera_hour", marginal_s(load, idle), "CPU s") for load in loads
    ]
    return [*rows, at_most("cost_per_camera_growth", growth_of(loads), "", 1.2)]


def marginal_s(load: Load, idle: Load) -> float:
    """CPU seconds of a camera-hour beyond the idle city."""
    return (load.cores - idle.cores) * 3600 / max(1, load.cameras)


def growth_of(loads: Sequence[Load]) -> float:
    """The dearest that a camera becomes by the city's growing: its cost in all at a size over that at any smaller."""
    costs = [load.per_camera_hour_s for load in loads]
    return max((b / a for n, a in enumerate(costs) for b in costs[n + 1 :]), default=1.0)


def line(load: Load, idle: Load) -> str:
    """A row of the table in benchmarks/README.md."""
    shares = " | ".join(f"{cpu_s / load.seconds:.3f}" for cpu_s in load.cpu_s.values())
    return (
        f"| {load.cameras} | {load.findings / load.seconds:.0f} | {load.cores:.3f} | {shares} "
        f"| {load.per_camera_hour_s:.3f} | {marginal_s(load, idle):.3f} | {load.storm_lag_s:.2f} "
        f"| {load.lag_p99_s:.2f} | {load.lag_most_s:.2f} | {load.starved:.2f} | {load.redis_mb:.1f} "
        f"| {load.hub_mb:.0f} ({load.hub_grown_mb:+.0f}) |"
    )


def load_rows(load: Load) -> list[Result]:
    tag = f"n{load.cameras}"
    return [
        at_least(f"{tag}_findings_per_s", load.findings / load.seconds, "1/s", 0.97 * load.cameras / EVERY_S),
        Result(f"{tag}_cpu_s_per_camera_hour", load.per_camera_hour_s, "CPU s"),
        *(Result(f"{tag}_{name}_cores", cpu_s / load.seconds, "cores") for name, cpu_s in load.cpu_s.items()),
        Result(f"{tag}_hub_threads_without_a_core", load.starved, ""),
        Result(f"{tag}_storm_lag_most_s", load.storm_lag_s, "s"),
        at_most(f"{tag}_lag_p99_s", load.lag_p99_s, "s", 1.0),
        Result(f"{tag}_lag_most_s", load.lag_most_s, "s"),
        at_most(f"{tag}_findings_left", load.left, "", 0),
        Result(f"{tag}_redis_mb", load.redis_mb, "MB"),
        Result(f"{tag}_hub_rss_mb", load.hub_mb, "MB"),
        Result(f"{tag}_hub_rss_grown_mb", load.hub_grown_mb, "MB"),
    ]


if __name__ == "__main__":
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    print(harness.table(load_rows(run_load(count, seconds))))
