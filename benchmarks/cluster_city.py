"""A city on one machine, every part a process of its own that can be killed, and the count of what became of it."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select

from benchmarks.cluster_street import Setup, Street
from benchmarks.cluster_wires import Wires
from tests.servers.ports import free_port
from tests.servers.postgresql import PostgreSQLServer
from tests.servers.redis import RedisServer
from tests.servers.seaweedfs import BUCKET, SeaweedServer
from vision.sandbox.platform import SECRET, SandboxPlatform
from vision.storage.database import Database
from vision.storage.tables import IncidentRow

_SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the city is and how long it runs.

    Attributes:
        from_s: seconds after the begin of the run at which violations begin to begin; the fault comes in their midst.
        classes: cameras have priorities 1, 2, 3 in turn; all have 2 otherwise.
    """

    cameras: int = 24
    zones: int = 3
    workers: int = 3
    hubs: int = 1
    from_s: float = 4.0
    until_s: float = 22.0
    lasts_s: float = 40.0
    fault_at_s: float = 12.0
    watch_s: float = 36.0
    drain_s: float = 120.0
    classes: bool = False


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    unwatched_s: float
    findings: int
    findings_lost: int
    refused: int
    violations: int
    incidents_lost: int
    incidents_doubled: int
    cases_lost: int
    cases_doubled: int
    drained_s: float


class City:
    """Servers, hubs, workers and a sandbox platform; made, run, hurt and counted by one benchmark row."""

    def __init__(self, folder: Path, plan: Plan, *, s3: bool, wires: Wires | None = None) -> None:
        self.folder, self.plan, self.wires = folder, plan, wires
        hosts = ["127.0.0.1"] if wires is None else ["127.0.0.1", wires.redis_host]
        self.redis = RedisServer(folder / "redis", hosts=hosts)
        listens = ["127.0.0.1"] if wires is None else ["127.0.0.1", wires.database_host]
        self.postgresql = PostgreSQLServer(folder / "pg", port=free_port(), hosts=listens)
        self.seaweed = SeaweedServer(folder / "s3", host=hosts[-1]) if s3 else None
        self.redis_port = self.redis.port  # where hubs and workers find it
        self.database_url = self.postgresql.url_at("127.0.0.1")  # where a hub without wires finds it
        self.settings = self.seaweed.settings if self.seaweed else {}
        self.detector_s = ""  # a file that says how long the workers' detector takes for a batch; none: they need none
        self.platform = SandboxPlatform()
        self.platform_url = ""
        self.hubs: list[subprocess.Popen[bytes]] = []
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.notes = folder / "notes"
        self.begins_s = 0.0
        self.ray: Any = None
        self.stop_others: Callable[[], None] = lambda: None

    @property
    def host(self) -> str:
        """Where servers are reached from: this machine's end of the wire for processes behind it."""
        return "127.0.0.1" if self.wires is None else self.wires.redis_host

    @property
    def evidence(self) -> str:
        return f"s3://{BUCKET}/city" if self.seaweed else f"file://{self.folder / 'evidence'}"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        root = str(Path(__file__).parents[1])
        return {**os.environ, **self.settings, "PYTHONPATH": root, "RAY_USAGE_STATS_ENABLED": "0", **(extra or {})}

    @contextmanager
    def standing(self) -> Iterator["City"]:
        """Servers up; everything ended at the end, whatever happened."""
        self.notes.mkdir(parents=True)
        (self.folder / "pg").mkdir(exist_ok=True)
        try:
            self.redis.start()
            self.postgresql.create()
            self.postgresql.start()
            if self.seaweed:
                self.seaweed.start()
            with self.platform.serve(host=self.host) as url:
                self.platform_url = url
                yield self
        finally:
            self.end()

    def end(self) -> None:
        for process in [*self.hubs, *self.workers.values()]:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for server in (self.redis, self.postgresql, self.seaweed):
            with suppress(RuntimeError):
                if server is not None:
                    server.stop()

    def start_hub(self, *, prefix: tuple[str, ...] = (), extra: Mapping[str, str] | None = None) -> int:
        """Start one and wait until it serves; its index."""
        number = len(self.hubs)
        database = self.database_url
        if prefix and self.wires is not None:
            database = self.postgresql.url_at(self.wires.database_host)
        city = _city(self, self.folder / f"hub-{number}", database)
        path = self.folder / f"city-{number}.yaml"
        path.write_text(yaml.safe_dump(city))
        command = [*prefix, sys.executable, "-m", "benchmarks.cluster_hub", str(path), str(self.notes)]
        log = (self.folder / f"hub-{number}.log").open("ab")
        process = subprocess.Popen(
            command, env=self.environment(extra), stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        self.hubs.append(process)
        assert process.stdout is not None
        if process.stdout.readline() != b"up\n":
            raise RuntimeError(f"hub {number}: {(self.folder / f'hub-{number}.log').read_text()[-800:]}")
        return number

    def restart_hub(self, number: int) -> None:
        """As systemd or Kubernetes would: the same place, the same configuration."""
        path = self.folder / f"city-{number}.yaml"
        log = (self.folder / f"hub-{number}.log").open("ab")
        command = [sys.executable, "-m", "benchmarks.cluster_hub", str(path), str(self.notes)]
        self.hubs[number] = subprocess.Popen(
            command, env=self.environment(), stdout=log, stderr=log, start_new_session=True
        )

    def setup(self, name: str) -> Setup:
        street = self.street()
        redis = f"redis://{self.host}:{self.redis_port}/0"
        return Setup(name, redis, self.evidence, str(self.notes), street, self.detector_s)

    def street(self) -> Street:
        plan = self.plan
        return Street(self.begins_s, plan.cameras, plan.zones, plan.from_s, plan.until_s, plan.lasts_s)

    def start_worker(self, name: str, *, prefix: tuple[str, ...] = (), extra: Mapping[str, str] | None = None) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = [*prefix, sys.executable, "-m", "benchmarks.cluster_street", self.setup(name).to_json()]
        self.workers[name] = subprocess.Popen(
            command, env=self.environment(extra), stdout=log, stderr=log, start_new_session=True
        )

    def kill_hub(self, number: int) -> None:
        os.killpg(self.hubs[number].pid, signal.SIGKILL)
        self.hubs[number].wait()

    def pause_hub(self, number: int) -> None:
        os.killpg(self.hubs[number].pid, signal.SIGSTOP)

    def wake_hub(self, number: int) -> None:
        os.killpg(self.hubs[number].pid, signal.SIGCONT)

    def kill_worker(self, name: str) -> None:
        os.killpg(self.workers[name].pid, signal.SIGKILL)
        self.workers[name].wait()

    def begin(self, ahead_s: float) -> None:
        """The run begins when the workers, which take a while to start, are surely there."""
        self.begins_s = time.monotonic() + ahead_s

    @property
    def second(self) -> float:
        """Of the run, now."""
        return time.monotonic() - self.begins_s

    def at(self, second: float) -> None:
        """Wait for a second of the run."""
        time.sleep(max(0.0, self.begins_s + second - time.monotonic()))

    def all_watched(self, limit_s: float) -> bool:
        """Wait until every camera has been looked at."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if len(looks(self.notes)) == self.plan.cameras:
                return True
            time.sleep(0.3)
        return False

    def drain(self) -> float:
        """End the workers, then wait until the hub has all they made and the platform every case; seconds it took."""
        self.stop_others()
        for process in self.workers.values():
            process.terminate()
        for process in self.workers.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
        began = time.monotonic()
        while time.monotonic() - began < self.plan.drain_s:
            made, taken, refused = (ids(self.notes, kind) for kind in "FTR")
            if not made.keys() - taken.keys() - refused.keys() and len(self._filed()) >= self._expected():
                break
            time.sleep(0.5)
        return time.monotonic() - began

    def _expected(self) -> int:
        return self.plan.cameras * self.plan.zones

    def _filed(self) -> Counter[str]:
        """Cases at the platform, by incident."""
        cases = self.platform.cases.all(limit=100_000)
        return Counter(str(case.document["case"]["incident_id"]) for case in cases)

    def outcome(self, drained_s: float) -> Outcome:
        made, taken, refused = (ids(self.notes, kind) for kind in "FTR")
        lost = made.keys() - taken.keys() - refused.keys()
        database = Database(self.postgresql.url_at("127.0.0.1"))
        with database.reading() as session:
            rows = session.execute(select(IncidentRow.id, IncidentRow.camera_id, IncidentRow.zone_id)).all()
        database.close()
        site_of = {row.id: (row.camera_id, row.zone_id) for row in rows}
        incidents = Counter(site_of.values())
        cases: Counter[tuple[str, str]] = Counter()
        for incident_id, count in self._filed().items():
            cases[site_of[incident_id]] += count
        truth = self.street().violations()
        plan = self.plan
        return Outcome(
            unwatched_s=_longest_gap(self.notes, self.begins_s, self.begins_s + plan.watch_s),
            findings=len(made),
            findings_lost=len(lost),
            refused=len(refused),
            violations=len(truth),
            incidents_lost=len(truth - set(incidents)),
            incidents_doubled=sum(count - 1 for count in incidents.values()),
            cases_lost=len(truth - set(cases)),
            cases_doubled=sum(count - 1 for count in cases.values()),
            drained_s=drained_s,
        )


def _city(city: City, data: Path, database: str) -> dict[str, Any]:
    """A hub's configuration."""
    zones = {f"z{n}": {"kind": "keep_clear", "polygon": _SQUARE, "dwell_s": 3.0} for n in range(city.plan.zones)}
    ladder = {"steps": [{"do": "file"}], "review": "never"}
    return {
        "data": str(data),
        "redis": f"redis://{city.host}:{city.redis_port}/0",
        "database": database,
        "evidence": city.evidence,
        "server": {"port": free_port()},
        "access": {"loopback_without_login": True},
        "cameras": {
            camera: {
                "url": f"rtsp://sim/{camera}",
                "sample_s": 1,
                "district": f"d{n % 3}",
                "priority": n % 3 + 1 if city.plan.classes else 2,
                "zones": zones,
            }
            for n, camera in enumerate(city.street().ids())
        },
        "incidents": {"garbage": ladder},
        "cases": {
            "platforms": {"sandbox": {"kind": "webhook", "url": f"{city.platform_url}/webhook", "secret": SECRET}}
        },
    }


def lines(notes: Path, kind: str) -> Iterator[tuple[str, float]]:
    for path in notes.iterdir():
        for line in path.read_text().splitlines():
            parts = line.split(" ")
            if len(parts) == 3 and parts[0] == kind:
                yield parts[1], float(parts[2])


def ids(notes: Path, kind: str) -> Counter[str]:
    return Counter(what for what, _at in lines(notes, kind))


def looks(notes: Path) -> dict[str, list[float]]:
    """When each camera was looked at. A look whose findings were refused is none: somebody else's lease had begun."""
    refused = ids(notes, "R")
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for what, at in lines(notes, "L"):
        camera, _, finding = what.partition("/")
        if finding not in refused:
            seen[camera].append(at)
    return seen


def _longest_gap(notes: Path, begin: float, end: float) -> float:
    """The longest that any camera was not looked at, between any two looks within the stretch and at its edges."""
    worst = 0.0
    for times in looks(notes).values():
        within = [begin, *sorted(t for t in times if begin < t < end), end]
        worst = max(worst, *(b - a for a, b in itertools.pairwise(within)))
    return worst


@contextmanager
def city(
    plan: Plan, disks: Callable[[Path], AbstractContextManager[None]], *, s3: bool, wires: Wires | None = None
) -> Iterator[City]:
    """Servers up, hubs and workers not yet. `disks`: what is laid under the city's folder first."""
    # In memory where that is: a killed process loses nothing of it, and the figures are not the disk's.
    folder = Path(tempfile.mkdtemp(prefix="sw-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    try:
        with disks(folder), City(folder, plan, s3=s3, wires=wires).standing() as made:
            yield made
    finally:
        if keep := os.environ.get("SW_KEEP"):
            shutil.copytree(folder, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("pg", "s3", "evidence"))
        shutil.rmtree(folder, ignore_errors=True)
