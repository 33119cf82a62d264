"""What happens to a city when parts of it die: unwatched cameras, lost findings and incidents, doubled cases.

One machine, every part a process of its own: real Redis, PostgreSQL and SeaweedFS, hubs as `vision hub` runs them,
workers with simulated cameras whose violations are known. Each row hurts one part in the midst of them.
"""

import argparse
import signal
import sys
from contextlib import ExitStack

from benchmarks import cluster_wires, harness
from benchmarks.cluster_city import City, Outcome, city
from benchmarks.cluster_faults import FAULTS, QUICK, Fault, clock_of, needs, ray_workers, small_disks
from benchmarks.cluster_scale import CITY, SIZES, growth, load_rows, run_load
from benchmarks.harness import Result, at_most
from tests.servers import seaweedfs

UNWATCHED_LIMIT_S = 15.0


def row(name: str, fault: Fault) -> Outcome:
    """One run of a fresh city with one fault."""
    with ExitStack() as stack:
        wires = stack.enter_context(cluster_wires.wires()) if fault.behind_wires else None
        small = lambda folder: small_disks(folder, fault.small_mb)  # noqa: E731
        town = stack.enter_context(city(fault.plan, small, s3=seaweedfs.binary() is not None, wires=wires))
        for n in range(fault.plan.hubs):
            town.start_hub(prefix=_prefix(town, fault, f"h{n}"), extra=clock_of(fault, f"h{n}"))
        town.begin(ahead_s=50.0 if fault.on_ray else 8.0)
        if fault.on_ray:
            town.ray = stack.enter_context(ray_workers(town))
        else:
            for n in range(1, fault.plan.workers + 1):
                town.start_worker(f"w{n}", prefix=_prefix(town, fault, f"w{n}"), extra=clock_of(fault, f"w{n}"))
        if not town.all_watched(60) or town.second > fault.plan.fault_at_s:
            raise RuntimeError(f"{name}: not every camera was looked at in time: this machine is too busy")
        town.at(fault.plan.fault_at_s)
        fault.hurt(town)
        town.at(fault.plan.watch_s)
        return town.outcome(town.drain())


def _prefix(town: City, fault: Fault, process: str) -> tuple[str, ...]:
    return town.wires.prefix if town.wires is not None and process in fault.behind_wires else ()


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
        end = "–" if o.findings_lost else f"{o.drained_s:.0f}"  # what is lost was waited for in vain
        lines.append(
            f"| {name} | {o.unwatched_s:.1f} | {o.findings} | {o.findings_lost} | {o.refused} | {o.violations} "
            f"| {o.incidents_lost + o.cases_lost} | {o.incidents_doubled + o.cases_doubled} | {end} |"
        )
    return "\n".join(lines)


def run(args: argparse.Namespace) -> list[Result]:
    if args.growth:
        return growth(SIZES[:2] if args.quick else SIZES, 20.0 if args.quick else args.seconds)
    if args.city:
        return load_rows(run_load(CITY, args.seconds))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    names = args.rows or (QUICK if args.quick else tuple(FAULTS))
    outcomes: dict[str, Outcome] = {}
    for name in names:
        if lacks := needs(FAULTS[name]):
            print(f"| {name} | not tried: needs {lacks} |")
            continue
        outcomes[name] = row(name, FAULTS[name])
        print(table({name: outcomes[name]}).splitlines()[-1], flush=True)
    print(table(outcomes))
    return [result for name, outcome in outcomes.items() for result in results(name, outcome)]


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", nargs="+", choices=sorted(FAULTS), help="only these faults")
    parser.add_argument("--growth", action="store_true", help="instead: what a camera costs by the city's size")
    parser.add_argument("--city", action="store_true", help="instead: 17,500 cameras' findings, for --seconds")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each run of --growth and --city")


def main(argv: list[str] | None = None) -> int:
    return harness.main("cluster", run, extend, argv)


if __name__ == "__main__":
    sys.exit(main())
