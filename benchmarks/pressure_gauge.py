"""What is read off a city twice a second while something in it is slow: queues, memory, and what operators are told."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from sqlalchemy import func, select

from benchmarks.cluster_city import City
from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.storage.board import Board
from vision.storage.bus import RedisBus
from vision.storage.database import Database
from vision.storage.tables import OutboxRow

_EVERY_S = 0.5
_OPEN = ("pending", "sending")


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment; `at_s` is CLOCK_MONOTONIC."""

    at_s: float
    stream: int
    oldest_s: float
    spool: int
    evidence: int
    outbox: int
    outbox_oldest_s: float
    megabytes: float
    share: float

    @property
    def caught_up(self) -> bool:
        return self.oldest_s < 3 and self.outbox_oldest_s < 5 and self.spool < 200 and self.evidence < 5


@dataclass(frozen=True, slots=True)
class Told:
    """What the hub said at a moment: the causes, and the line at the top of the page."""

    at_s: float
    causes: frozenset[str]
    summary: str


@dataclass(slots=True)
class Gauge:
    """Reads past the slow wires: straight from the servers, and, by a thread of its own, what the hub tells."""

    city: City
    samples: list[Sample] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        redis = f"redis://127.0.0.1:{self.city.redis.port}/0"
        bus, board = RedisBus(redis), Board(redis)
        database = Database(self.city.postgresql.url_at("127.0.0.1"))
        while not stop.is_set():
            with suppress(StorageError):
                self.samples.append(self._sample(bus, board, database))
            SystemClock().sleep(_EVERY_S, stop)
        for each in (bus, board, database):
            each.close()

    def listen(self, stop: threading.Event) -> None:
        port = yaml.safe_load((self.city.folder / "city-0.yaml").read_text())["server"]["port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=2.0) as hub:
            while not stop.is_set():
                with suppress(httpx.HTTPError, ValueError):
                    state: dict[str, Any] = hub.get("/pressure").json()
                    summary = state["summary"]["en"] if state["summary"] else ""
                    causes = frozenset(one["cause"] for one in state["slow"])
                    self.told.append(Told(time.monotonic(), causes, summary))
                SystemClock().sleep(_EVERY_S, stop)

    def _sample(self, bus: RedisBus, board: Board, database: Database) -> Sample:
        loads = [row["load"] for row in board.workers().values() if row.get("load")]
        with database.reading() as session:
            query = select(func.count(), func.min(OutboxRow.created_at)).where(OutboxRow.status.in_(_OPEN))
            count, since = session.execute(query).one()
        return Sample(
            at_s=time.monotonic(),
            stream=bus.waiting(),
            oldest_s=bus.oldest_s(),
            spool=max((load["findings_waiting"] for load in loads), default=0),
            evidence=max((load["evidence_waiting"] for load in loads), default=0),
            outbox=count,
            outbox_oldest_s=(datetime.now(UTC) - since).total_seconds() if since else 0.0,
            megabytes=max(_megabytes(process.pid) for process in [*self.city.hubs, *self.city.workers.values()]),
            share=min((load["looks_share"] for load in loads), default=1.0),
        )


def _megabytes(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


@contextmanager
def gauging(city: City) -> Iterator[Gauge]:
    gauge, stop = Gauge(city), threading.Event()
    threads = [threading.Thread(target=each, args=(stop,), daemon=True) for each in (gauge.run, gauge.listen)]
    for thread in threads:
        thread.start()
    try:
        yield gauge
    finally:
        stop.set()
        for thread in threads:
            thread.join(15)
