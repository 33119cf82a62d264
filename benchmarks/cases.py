"""100,000 cases through a platform that fails, loses its answers and is down for an hour; and the crash matrix.

Real: the outbox in SQLite, the dispatcher with its threads, signed HTTP over sockets to a platform in a process of its
own that fails 20 % of calls with 500, accepts 5 % and hangs up without an answer, keeps no idempotency, and can be
asked for a reference (with the same 20 % failing). Simulated: only waiting. While nothing is under way the clock leaps
to the next moment at which something is due, so that the hour of outage and the back-offs cost no real hour. Speed is
told in CPU seconds, since the machine is seldom ours alone: `cases_per_s` is what the busier of the two processes,
sender and platform, would do with a core to itself; `cases_per_wall_s` is what it did, with so much of a core. The
incidents are plain rows, and what follows from a filed case (one UPDATE of its incident) is done in the transaction
that settles it.
"""

import argparse
import multiprocessing
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog
from pydantic import TypeAdapter
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from benchmarks import harness
from benchmarks.harness import Result, at_least, at_most
from vision.cases.build import Surroundings, build_platform
from vision.cases.handler import CaseHandler
from vision.cases.links import Links
from vision.cases.outbox import Dispatcher, DispatchSettings
from vision.cases.pacing import Pacing
from vision.config.cases import PlatformConfig
from vision.core.clock import SystemClock
from vision.core.codes import standard
from vision.core.delivery import Delivery, Receipt
from vision.core.errors import Rejected
from vision.core.incidents import DeliveryKind
from vision.sandbox.platform import SandboxPlatform
from vision.sandbox.platform_cases import SandboxCases
from vision.sandbox.platform_configs import KINDS, platform_values
from vision.sandbox.platform_crashes import Matrix, crash_matrix
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, OutboxRow
from vision.testing import MemoryBlobs

OUTAGE_S = 3600.0
FAULTS = {"fail_share": 0.20, "lose_answer_share": 0.05, "honours_idempotency": False}
_CONCURRENCY = 12


class LeapingClock:
    """The system's clock plus an offset that grows whenever everybody only waits."""

    def __init__(self, offset: Any) -> None:
        self._offset = offset
        self._real = SystemClock()
        self.busy: Callable[[], bool] = lambda: False

    def now(self) -> datetime:
        return self._real.now() + timedelta(seconds=self._offset.value)

    def monotonic_s(self) -> float:
        return self._real.monotonic_s() + float(self._offset.value)

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        if self.busy():
            self._real.sleep(min(seconds, 0.05), wake)
        elif wake is None or not wake.is_set():
            self._offset.value += seconds


def serve_platform(offset: Any, folder: str, port: Any, stop: Any) -> None:
    """The platform's process."""
    platform = SandboxPlatform(cases=SandboxCases(Path(folder) / "platform.db"), clock=LeapingClock(offset), seed=5)
    platform.faults.change(FAULTS)
    with platform.serve() as url:
        port.value = int(url.rpartition(":")[2])
        stop.wait()


@contextmanager
def platform_process(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """URL, the shared offset and the process."""
    spawn = multiprocessing.get_context("spawn")
    offset, port, stop = spawn.Value("d", 0.0), spawn.Value("i", 0), spawn.Event()
    process = spawn.Process(target=serve_platform, args=(offset, str(folder), port, stop), daemon=True)
    process.start()
    while not port.value:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port.value}", offset, process
    finally:
        stop.set()
        process.join(10)


def fill(database: Database, count: int, now: datetime) -> None:
    with database.transaction() as session:
        for start in range(0, count, 5000):
            ids = [f"inc-{n}" for n in range(start, min(count, start + 5000))]
            session.execute(insert(IncidentRow), [_incident(one, now) for one in ids])
            session.execute(insert(OutboxRow), [_row(one, now) for one in ids])


def _incident(incident_id: str, now: datetime) -> dict[str, Any]:
    return {
        "id": incident_id,
        "type": "garbage",
        "subtype": "exposed_garbage",
        "status": "open",
        "camera_id": "gate",
        "view_id": "main",
        "zone_id": "corner",
        "place": "人民路 12 号",
        "district": "east",
        "longitude": 121.4737,
        "latitude": 31.2304,
        "began_at": now,
        "last_seen_at": now,
        "updated_at": now,
        "why_zh": "垃圾堆放 10 分钟",
    }


def _row(incident_id: str, now: datetime) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "kind": "file",
        "target": "city",
        "idempotency_key": f"{incident_id}:file",
        "payload": {},
        "status": "pending",
        "next_at": now,
        "created_at": now,
    }


_INCIDENTS = IncidentRow.metadata.tables[IncidentRow.__tablename__]
_FILED = update(_INCIDENTS).where(_INCIDENTS.c.id == bindparam("key")).values(status="filed")


def _settled(session: Session, delivery: Delivery, _outcome: Receipt | Rejected) -> None:
    session.connection().execute(_FILED, {"key": delivery.incident_id})


def push(count: int, folder: Path) -> list[Result]:
    """Push `count` cases and count what arrived."""
    database = Database(f"sqlite:///{folder}/hub.db")
    database.migrate()
    with platform_process(folder) as (url, offset, process):
        clock = LeapingClock(offset)
        fill(database, count, clock.now())
        config: PlatformConfig = TypeAdapter(PlatformConfig).validate_python(
            platform_values("webhook_findable", url) | {"pacing": {"concurrency": _CONCURRENCY}}
        )
        links = Links("http://hub.example", "secret", timedelta(days=1), clock)
        platform = build_platform(config, Surroundings(MemoryBlobs(), links, clock))
        handler = CaseHandler(database, clock, {"city": platform}, standard())
        pacing = Pacing(concurrency=_CONCURRENCY, rate_per_s=1e6, burst=1_000_000)
        dispatcher = Dispatcher(
            database,
            clock,
            {DeliveryKind.FILE: handler},
            settings=DispatchSettings(workers=_CONCURRENCY, poll_s=5.0, default=pacing),
            settled=_settled,
            chance=random.Random(5),
        )
        clock.busy = lambda: dispatcher.busy
        cpu, platform_cpu, began_s = harness.cpu_seconds(), harness.cpu_seconds(process.pid), time.monotonic()
        down_s = _drain(dispatcher, clock, url, count)
        took_s = time.monotonic() - began_s
        cpu, platform_cpu = harness.cpu_seconds() - cpu, harness.cpu_seconds(process.pid) - platform_cpu
        platform.close()
    with database.reading() as session:
        delivered = session.scalar(select(func.count()).where(OutboxRow.status == "delivered")) or 0
        filed = session.scalar(select(func.count()).where(IncidentRow.status == "filed")) or 0
    database.close()
    made = SandboxCases(folder / "platform.db")
    keys = made.keys()
    made.close()
    return [
        Result("cases", count, "cases"),
        at_most("cases_lost", count - len(keys), "cases", 0),
        at_most("cases_doubled", sum(number - 1 for number in keys.values()), "cases", 0),
        at_most("cases_untold", count - min(delivered, filed), "cases", 0),
        at_least("cases_per_s", count / max(cpu, platform_cpu), "cases/s, a core each", 200),
        Result("cases_per_wall_s", count / took_s, "cases/s"),
        Result("sender_share_of_a_core", cpu / took_s, ""),
        Result("sender_cpu_s", cpu, "CPU s"),
        Result("platform_cpu_s", platform_cpu, "CPU s"),
        Result("calls_retried", dispatcher.counts["city", "retried"], "calls"),
        Result("outage_s", down_s, "s, simulated"),
        Result("simulated_s", (clock.monotonic_s() - began_s), "s"),
    ]


def _drain(dispatcher: Dispatcher, clock: LeapingClock, url: str, count: int) -> float:
    """Run until all is delivered, with the outage once a third is; returns its simulated length."""
    stop = threading.Event()
    sender = threading.Thread(target=dispatcher.run, args=(stop,), daemon=True)
    sender.start()
    down_at: float | None = None
    down_s = 0.0
    with httpx.Client(base_url=url, trust_env=False) as desk:
        while dispatcher.counts["city", "delivered"] < count and sender.is_alive():
            time.sleep(0.02)
            if down_at is None and dispatcher.counts["city", "delivered"] >= count / 3:
                desk.put("/sandbox/faults", json={"down": True}).raise_for_status()
                down_at = clock.monotonic_s()
            elif down_at is not None and not down_s and clock.monotonic_s() - down_at >= OUTAGE_S:
                down_s = clock.monotonic_s() - down_at
                desk.put("/sandbox/faults", json={"down": False}).raise_for_status()
    stop.set()
    sender.join()
    return down_s


def matrix_of(kinds: tuple[str, ...], folder: Path) -> list[Matrix]:
    found = []
    for kind in kinds:
        database = Database(f"sqlite:///{folder}/{kind}.db")
        database.migrate()
        found.append(crash_matrix(kind, database))
        database.close()
    return found


def matrix_table(matrices: list[Matrix]) -> str:
    """Boundary × platform: cases lost + doubled + out of order, of so many killings."""
    names = sorted({one.boundary for matrix in matrices for one in matrix.survivals})
    lines = [
        "| killed | " + " | ".join(matrix.kind for matrix in matrices) + " |",
        "|---|" + "---|" * len(matrices),
    ]
    for name in names:
        cells = []
        for matrix in matrices:
            here = [one for one in matrix.survivals if one.boundary == name]
            bad = sum(one.lost + one.doubled + one.disorder for one in here)
            held = sum(one.held for one in here)
            cells.append((f"{bad} of {len(here)}" if here else "") + (f", {held} held" if held else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run(quick: bool, *, count: int | None = None) -> list[Result]:  # noqa: FBT001 - the benchmarks' contract
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    kinds = ("webhook", "open311_xml") if quick else (*KINDS, "webhook_none")
    with tempfile.TemporaryDirectory() as folder:
        results = push(count or (3000 if quick else 100_000), Path(folder))
        matrices = matrix_of(kinds, Path(folder))
    print(matrix_table(matrices))
    print()
    for name in ("lost", "doubled", "disorder"):
        results.append(at_most(f"crash_matrix_{name}", sum(one.total(name) for one in matrices), "cases", 0))
    results.append(Result("crash_matrix_kills", sum(len(one.survivals) for one in matrices), "kills"))
    results.append(Result("crash_matrix_held", sum(one.total("held") for one in matrices), "rows for a person"))
    return results


def main(argv: list[str] | None = None) -> int:
    def extend(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--count", type=int, default=None, help="cases; 100,000 by default, 3,000 with --quick")

    return harness.main("cases", lambda args: run(args.quick, count=args.count), extend, argv)


if __name__ == "__main__":
    raise SystemExit(main())
