"""How many findings a second the hub takes, how long one takes to be committed, and what a day costs in memory."""

import argparse
import gc
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select

from benchmarks import harness
from benchmarks.harness import Result, at_least, at_most
from benchmarks.hub_city import City, cameras, changes
from tests.servers import postgresql
from vision.core.clock import Clock, SystemClock
from vision.core.delivery import AnnouncementReceipt, CaseReceipt, Delivery, NoticeReceipt, Receipt
from vision.core.findings import Finding, ViolationType, Why
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.hub.contacts import Contacts
from vision.hub.incidents import IncidentService
from vision.hub.keep import Keeper
from vision.hub.replay import Plan, replay
from vision.hub.runtime import Hub
from vision.hub.surroundings import CitySurroundings
from vision.storage.bus import RedisBus
from vision.storage.database import Database
from vision.storage.tables import FindingSegmentRow, IncidentRow, OutboxRow
from vision.storage.valkey import EmbeddedValkey
from vision.testing import ManualClock

CITY = 17_500  # feeds of one district centre
EVERY_S = 10.0
TARGET_PER_S = 2500.0


def contacts() -> Contacts:
    """The bike operator is told."""
    return Contacts(notifiers={"bike_operator": frozenset()})


def service_of(database: Database, clock: Clock, count: int) -> IncidentService:
    """The hub's own parts, as `vision hub` puts them together."""
    city = cameras(count)
    around = CitySurroundings(lambda: city, contacts=contacts)
    around.refresh()
    return IncidentService(database, clock, around, route=lambda _type, _district: ["city"], keeper=Keeper())


def settle(database: Database, service: IncidentService) -> int:
    """A world that says yes at once: every waiting delivery is taken, in one transaction."""
    with database.transaction() as session:
        rows = session.scalars(
            select(OutboxRow).where(OutboxRow.status == DeliveryStatus.PENDING.value).order_by(OutboxRow.id).limit(500)
        ).all()
        for row in rows:
            row.status = DeliveryStatus.DELIVERED.value
            kind = DeliveryKind(row.kind)
            delivery = Delivery(
                row.id, row.incident_id, kind, row.target, row.idempotency_key, row.payload, row.created_at
            )
            service.settled(session, delivery, _yes(kind, row))
        return len(rows)


def _yes(kind: DeliveryKind, row: OutboxRow) -> Receipt:
    if kind is DeliveryKind.ANNOUNCE:
        return AnnouncementReceipt(row.target, row.id, "spoken", Why("", ""))
    if kind is DeliveryKind.NOTIFY:
        return NoticeReceipt(row.target)
    return CaseReceipt(row.target, f"C-{row.id}")


@contextmanager
def databases(which: str) -> Iterator[Database]:
    """A fresh, migrated database of the kind."""
    with tempfile.TemporaryDirectory() as folder:
        if which == "sqlite":
            database = Database(f"sqlite:///{folder}/hub.db")
            database.migrate()
            yield database
            database.close()
            return
        with postgresql.cluster() as url:
            database = Database(url)
            database.migrate()
            yield database
            database.close()


@contextmanager
def valkey() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedValkey(Path(folder))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


def capacity(which: str, rounds: int) -> list[Result]:
    """As fast as it goes: every site standing or empty is looked at again and again, without a bus in between."""
    with databases(which) as database:
        clock = ManualClock()
        service, city = service_of(database, clock, CITY), City(CITY, EVERY_S)
        city.stand(clock.now(), 0.05)
        _take(service, list(city.looks(clock.now())))
        settle(database, service)
        looks = []
        for _ in range(rounds):
            clock.advance(EVERY_S)
            looks.append((clock.now(), list(city.looks(clock.now()))))
        wall_s = cpu_s = 0.0
        changed = 0
        for _at, batch in looks:
            began, began_cpu = time.perf_counter(), time.process_time()
            changed += _take(service, batch)
            settle(database, service)
            wall_s += time.perf_counter() - began
            cpu_s += time.process_time() - began_cpu
        count = rounds * CITY
    prefix = "" if which == "sqlite" else f"{which}_"
    return [
        at_least(f"{prefix}take_findings_per_s", count / wall_s, "1/s", TARGET_PER_S),
        Result(f"{prefix}take_findings_per_cpu_s", count / cpu_s, "1/s"),
        Result(f"{prefix}take_changes_per_1000", 1000 * changed / count, ""),
    ]


def _take(service: IncidentService, batch: list[Finding]) -> int:
    return sum(service.take(batch[start : start + 1000]) for start in range(0, len(batch), 1000))


def _publish(url: str, seconds: float, rate_per_s: float, begun: Any) -> None:
    """In a process of its own, as a worker would: looks spread evenly over time, each stamped when it is published."""
    bus, clock, city = RedisBus(url), SystemClock(), City(CITY, EVERY_S)
    city.stand(clock.now(), 0.05)
    rounds = city.looks(clock.now())
    group = 50
    begun.set()
    began, sent = clock.monotonic_s(), 0
    while clock.monotonic_s() - began < seconds:
        ahead_s = sent / rate_per_s - (clock.monotonic_s() - began)
        if rate_per_s > 0 and ahead_s > 0:
            time.sleep(ahead_s)
        now = clock.now()
        batch: list[Finding] = []
        while len(batch) < group:
            finding = next(rounds, None)
            if finding is None:
                rounds = city.looks(now)
                continue
            batch.append(_restamped(finding, now))
        bus.publish(batch)
        sent += group
    bus.close()


def _restamped(finding: Finding, now: datetime) -> Finding:
    from dataclasses import replace

    since = finding.at if finding.since == finding.at else finding.since
    return replace(finding, at=now, since=now if since == finding.at else since)


class _Watched(IncidentService):
    """Notes how old each finding is when its transaction has been committed."""

    ages: list[float]
    changed: list[float]
    first_at: float = 0.0
    last_at: float = 0.0

    def take(self, findings: Any, guard: Any = lambda _session: None) -> int:
        self.first_at = self.first_at or time.perf_counter()
        count = super().take(findings, guard)
        self.last_at, now = time.perf_counter(), datetime.now(UTC)
        ages = [(now - finding.at).total_seconds() for finding in findings]
        self.ages += ages
        if count:
            self.changed += ages
        return count


def sustained(which: str, seconds: float) -> list[Result]:
    """The whole way: a publishing process, Valkey, the hub's own threads, and the outbox settled beside them."""
    with databases(which) as database, valkey() as url:
        clock, city = SystemClock(), cameras(CITY)
        around = CitySurroundings(lambda: city, contacts=contacts)
        around.refresh()
        service = _Watched(database, clock, around, route=lambda _type, _district: ["city"], keeper=Keeper())
        service.ages, service.changed = [], []

        def outbox(stop: threading.Event) -> None:
            while not stop.is_set():
                if not settle(database, service):
                    stop.wait(0.2)

        standing = City(CITY, EVERY_S)
        standing.stand(clock.now(), 0.05)
        _take(service, list(standing.looks(clock.now())))
        while settle(database, service):
            pass
        service.ages, service.changed, service.first_at = [], [], 0.0
        bus = RedisBus(url)
        hub = Hub(bus, service, clock, {"outbox": outbox})
        context = multiprocessing.get_context("spawn")
        begun = context.Event()
        worker = context.Process(target=_publish, args=(url, seconds, TARGET_PER_S, begun))
        worker.start()
        begun.wait(60)
        hub.start()
        cpu, began = time.process_time(), time.perf_counter()
        worker.join()
        while bus.waiting() and time.perf_counter() - began < seconds + 30:
            time.sleep(0.05)
        cpu_s = time.process_time() - cpu
        took_s = service.last_at - service.first_at
        hub.stop()
        bus.close()
        prefix = "" if which == "sqlite" else f"{which}_"
        with database.reading() as session:
            incidents = session.scalar(select(func.count()).select_from(IncidentRow)) or 0
        warm = service.changed
        return [
            at_least(f"{prefix}findings_per_s", hub.taken / took_s, "1/s", TARGET_PER_S * 0.98),
            at_most(f"{prefix}finding_to_commit_p99_s", _quantile(warm, 0.99), "s", 1.0),
            Result(f"{prefix}finding_to_commit_p50_s", _quantile(warm, 0.5), "s"),
            at_most(f"{prefix}hub_cores_at_2500_per_s", cpu_s / hub.taken * TARGET_PER_S, "cores", 1.0),
            Result(f"{prefix}changed_share", len(service.changed) / max(1, len(service.ages)), ""),
            Result(f"{prefix}incidents_in_record", incidents, ""),
        ]


def _quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def day(hours: int, sites: int = 2000) -> list[Result]:
    """Memory over a simulated day with the whole city's incidents, on fewer sites that change the more often."""
    every_s = 60.0
    with databases("sqlite") as database:
        clock = ManualClock()
        service = service_of(database, clock, sites)
        rates = [rate * CITY / sites for rate in (0.05, 0.2)]
        city = City(sites, every_s, starts_per_hour=rates[0], blinks_per_hour=rates[1])
        _take(service, list(city.looks(clock.now())))
        memory_mb = [_settled_rss_mb()]
        for _hour in range(hours):
            for _ in range(int(3600 / every_s)):
                clock.advance(every_s)
                _take(service, list(city.looks(clock.now())))
                while service.fire_timers(limit=1000):
                    pass
                while settle(database, service):
                    pass
            memory_mb.append(_settled_rss_mb())
        with database.reading() as session:
            incidents = session.scalar(select(func.count()).select_from(IncidentRow)) or 0
            kept = session.execute(
                select(func.sum(FindingSegmentRow.runs), func.sum(func.length(FindingSegmentRow.body)))
            ).one()
    warm = hours // 4  # caches fill in the first quarter
    grown_mb = (memory_mb[-1] - memory_mb[warm]) * 24 / (hours - warm)
    long_enough = hours >= 12
    return [
        Result("memory_mb_at_start", memory_mb[0], "MB"),
        *(Result(f"memory_mb_after_{hour}_h", memory_mb[hour], "MB") for hour in range(6, hours + 1, 6)),
        *([at_most("memory_growth_mb_per_day", grown_mb, "MB", 20.0)] if long_enough else []),
        Result("memory_mb", memory_mb[-1], "MB"),
        Result("day_incidents", incidents * 24 / hours, ""),
        Result("day_watched_at_end", service.watched(), ""),
        Result("day_kept_runs", float(kept[0] or 0) * 24 / hours, ""),
        Result("kept_bytes_per_run", float(kept[1] or 0) / max(1.0, float(kept[0] or 0)), "B"),
    ]


def _settled_rss_mb() -> float:
    gc.collect()
    return _rss_mb()


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def week(sites: int, days: int) -> list[Result]:
    """Replay of a week of one district: twenty times the incidents that a district of this size files by video."""
    begin = datetime(2026, 7, 1, tzinfo=UTC)
    with databases("sqlite") as database:
        keeper = Keeper()
        written = begin
        for finding in changes(sites, begin, days * 24.0, starts_per_hour=0.003, blinks_per_hour=0.2):
            keeper.note(finding, "d0")
            if finding.at - written >= timedelta(minutes=5):
                written = finding.at
                with database.transaction() as session:
                    session.add_all(keeper.rows(written))
                keeper.flushed()
        around = CitySurroundings(lambda: list(cameras(sites)))
        around.refresh()
        plan = Plan(begin, begin + timedelta(days=days), dwell_s={ViolationType.GARBAGE: 300.0})
        began, began_cpu = time.perf_counter(), time.process_time()
        report = replay(database, around, plan)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    return [
        at_most("replay_week_s", took_s * 7 / days, "s", 60.0),
        Result("replay_week_cpu_s", cpu_s * 7 / days, "s"),
        Result("replay_runs", report.runs, ""),
        Result("replay_incidents", len(report.after), ""),
    ]


def run(args: argparse.Namespace) -> list[Result]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    kinds = ["sqlite"] + (["postgresql"] if postgresql.available() else [])
    results: list[Result] = []
    for which in kinds:
        results += capacity(which, 3 if args.quick else 20)
        results += sustained(which, 5 if args.quick else 60)
    results += day(1, 500) if args.quick else day(24)
    results += week(2000 if args.quick else CITY, 7)
    return results


def main(argv: list[str] | None = None) -> int:
    return harness.main("hub", run, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
