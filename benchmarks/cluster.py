"""What happens to a city when parts of it die: unwatched cameras, lost findings and incidents, doubled cases.

One machine, every part a process of its own: real Redis, PostgreSQL and SeaweedFS, hubs as `vision hub` runs them,
workers with simulated cameras whose violations are known. Each row hurts one part in the midst of them.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable

from benchmarks import harness
from benchmarks.cluster_city import City, Outcome, Plan, city
from benchmarks.cluster_wires import Wires
from benchmarks.harness import Result, at_most
from tests.servers import seaweedfs

UNWATCHED_LIMIT_S = 15.0
_AWAY_S = 8.0  # how long a server stays dead before somebody starts it again
Fault = Callable[[City], None]


def no_fault(_city: City) -> None:
    """For comparison."""


def kill_worker(city: City) -> None:
    city.kill_worker("w1")


def kill_hub(city: City) -> None:
    """The only hub, and the assigner with it; started again as systemd would."""
    city.kill_hub(0)
    time.sleep(2)
    city.restart_hub(0)


def kill_hub_and_worker(city: City) -> None:
    """Nobody is there to see that the worker is gone until the hub is back."""
    city.kill_hub(0)
    city.kill_worker("w1")
    time.sleep(2)
    city.restart_hub(0)


def kill_one_of_two_hubs(city: City) -> None:
    """The one that began first, and so has the assigner's seat; nobody starts it again."""
    city.kill_hub(0)


def kill_assigner_then_worker(city: City) -> None:
    """The successor has to see that a worker is gone."""
    city.kill_hub(0)
    city.kill_worker("w1")


def pause_hub(city: City) -> None:
    """Longer than its lease: it wakes up with looks in hand that are another's by then."""
    city.pause_hub(0)
    time.sleep(12)
    city.wake_hub(0)


def kill_redis(city: City) -> None:
    city.redis.kill()
    time.sleep(_AWAY_S)
    city.redis.start()


def kill_redis_that_forgets(city: City) -> None:
    city.redis.kill()
    for path in (city.folder / "redis").glob("appendonlydir/*"):
        path.unlink()
    time.sleep(_AWAY_S)
    city.redis.start()


def kill_postgresql(city: City) -> None:
    city.postgresql.kill()
    time.sleep(_AWAY_S)
    city.postgresql.start()


def kill_blob_store(city: City) -> None:
    if city.seaweed is not None:
        city.seaweed.kill()
        time.sleep(_AWAY_S)
        city.seaweed.start()


FAULTS: dict[str, Fault] = {
    "nothing": no_fault,
    "worker_killed": kill_worker,
    "hub_killed": kill_hub,
    "hub_and_worker_killed": kill_hub_and_worker,
    "one_of_two_hubs_killed": kill_one_of_two_hubs,
    "assigner_and_worker_killed": kill_assigner_then_worker,
    "one_of_two_hubs_asleep_12_s": pause_hub,
    "redis_killed_aof": kill_redis,
    "redis_killed_empty": kill_redis_that_forgets,
    "postgresql_killed": kill_postgresql,
    "blob_store_killed": kill_blob_store,
}
TWO_HUBS = {"one_of_two_hubs_killed", "assigner_and_worker_killed", "one_of_two_hubs_asleep_12_s"}
QUICK = ("worker_killed", "redis_killed_aof")


def row(name: str, fault: Fault, plan: Plan, *, wires: Wires | None = None) -> Outcome:
    """One run of a fresh city with one fault."""
    with city(plan, s3=seaweedfs.binary() is not None, wires=wires) as town:
        for _ in range(plan.hubs):
            town.start_hub()
        town.begin(ahead_s=6.0)
        for n in range(1, plan.workers + 1):
            town.start_worker(f"w{n}")
        if not town.all_watched(30):
            raise RuntimeError(f"{name}: not every camera was looked at in time")
        town.at(plan.fault_at_s)
        fault(town)
        town.at(plan.watch_s)
        return town.outcome(town.drain())


def results(name: str, outcome: Outcome) -> list[Result]:
    return [
        at_most(f"{name}_unwatched_s", outcome.unwatched_s, "s", UNWATCHED_LIMIT_S),
        Result(f"{name}_findings_made", outcome.findings, ""),
        Result(f"{name}_findings_lost", outcome.findings_lost, ""),
        Result(f"{name}_findings_refused_stale", outcome.refused, ""),
        at_most(f"{name}_incidents_lost", outcome.incidents_lost + outcome.cases_lost, "", 0),
        at_most(f"{name}_cases_doubled", outcome.cases_doubled + outcome.incidents_doubled, "", 0),
    ]


def table(outcomes: dict[str, Outcome]) -> str:
    lines = [
        "| fault | unwatched, worst (s) | findings made | lost | stale | violations | lost | doubled | end (s) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, o in outcomes.items():
        lines.append(
            f"| {name} | {o.unwatched_s:.1f} | {o.findings} | {o.findings_lost} | {o.refused} | {o.violations} "
            f"| {o.incidents_lost + o.cases_lost} | {o.incidents_doubled + o.cases_doubled} | {o.drained_s:.0f} |"
        )
    return "\n".join(lines)


def run(args: argparse.Namespace) -> list[Result]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    names = args.rows or (QUICK if args.quick else tuple(FAULTS))
    outcomes: dict[str, Outcome] = {}
    for name in names:
        plan = Plan(hubs=2) if name in TWO_HUBS else Plan()
        outcomes[name] = row(name, FAULTS[name], plan)
        print(table({name: outcomes[name]}).splitlines()[-1], flush=True)
    print(table(outcomes))
    return [result for name, outcome in outcomes.items() for result in results(name, outcome)]


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", nargs="+", choices=sorted(FAULTS), help="only these faults")


def main(argv: list[str] | None = None) -> int:
    return harness.main("cluster", run, extend, argv)


if __name__ == "__main__":
    sys.exit(main())
