"""What is done to a city, one row of the fault table each."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import redis

from benchmarks.cluster_city import City, Plan
from benchmarks.cluster_street import work

_AWAY_S = 8.0  # how long a server stays dead before somebody starts it again
_CUT_S = 20.0
_LIBFAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row.

    Attributes:
        hurt: what is done in the midst of the violations.
        small_mb: parts of the city on a file system of this size (`pg`, `redis`, `s3`).
        behind_wires: processes that run behind cables which can be pulled.
        clocks: hours by which a process's clock is wrong.
    """

    hurt: Callable[[City], None]
    plan: Plan = field(default_factory=Plan)
    small_mb: Mapping[str, int] = field(default_factory=dict)
    behind_wires: tuple[str, ...] = ()
    clocks: Mapping[str, int] = field(default_factory=dict)
    on_ray: bool = False


def nothing(_city: City) -> None:
    """For comparison."""


def kill_worker(city: City) -> None:
    city.kill_worker("w1")


def kill_assigner(city: City) -> None:
    """The worker that gives out the shares, and another with it."""
    seat = redis.Redis.from_url(city.redis.url).get("{streetward}:lease:#assigner")
    assert isinstance(seat, bytes)
    first = seat.decode().partition("\n")[0].removeprefix("assigner-")
    city.kill_worker(first)
    city.kill_worker(next(name for name in city.workers if name != first))


def kill_hub(city: City) -> None:
    """The only hub; started again as systemd would."""
    city.kill_hub(0)
    time.sleep(2)
    city.restart_hub(0)


def kill_hub_and_worker(city: City) -> None:
    city.kill_worker("w1")
    kill_hub(city)


def kill_first_hub(city: City) -> None:
    """One of two; nobody starts it again."""
    city.kill_hub(0)


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


def fill(part: str, city: City) -> None:
    """Until nothing more goes on that part's file system, for a while."""
    filler = city.folder / part / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
    except OSError:
        time.sleep(_AWAY_S)
    filler.unlink()


def cut(which: str, city: City) -> None:
    """Pull a cable, and plug it in again later."""
    assert city.wires is not None
    city.wires.pull(which)
    time.sleep(_CUT_S)
    city.wires.plug(which)


def kill_ray_node(city: City) -> None:
    """A machine with two of the workers: its raylet and all that it runs, by SIGKILL."""
    cluster, node = city.ray
    cluster.remove_node(node, allow_graceful=False)


_TWO = Plan(hubs=2)
FAULTS: dict[str, Fault] = {
    "nothing": Fault(nothing),
    "worker_killed": Fault(kill_worker),
    "assigner_and_worker_killed": Fault(kill_assigner, Plan(workers=4)),
    "ray_node_killed": Fault(kill_ray_node, on_ray=True),
    "hub_killed": Fault(kill_hub),
    "hub_and_worker_killed": Fault(kill_hub_and_worker),
    "one_of_two_hubs_killed": Fault(kill_first_hub, _TWO),
    "one_of_two_hubs_asleep_12_s": Fault(pause_hub, _TWO),
    "redis_killed_aof": Fault(kill_redis),
    "redis_killed_empty": Fault(kill_redis_that_forgets),
    "postgresql_killed": Fault(kill_postgresql),
    "blob_store_killed": Fault(kill_blob_store),
    "worker_cut_from_redis": Fault(partial(cut, "r"), behind_wires=("w1",)),
    "hub_cut_from_postgresql": Fault(partial(cut, "d"), _TWO, behind_wires=("h0",)),
    "redis_disk_full": Fault(partial(fill, "redis"), small_mb={"redis": 24}),
    "postgresql_disk_full": Fault(partial(fill, "pg"), small_mb={"pg": 140}),
    "blob_store_disk_full": Fault(partial(fill, "s3"), small_mb={"s3": 160}),
    "worker_clock_1_h_ahead_then_killed": Fault(kill_worker, clocks={"w1": 1}),
    "worker_clock_1_h_behind_then_killed": Fault(kill_worker, clocks={"w1": -1}),
    "hub_clock_1_h_ahead_then_killed": Fault(kill_first_hub, _TWO, clocks={"h0": 1}),
}
QUICK = ("assigner_and_worker_killed",)


def needs(fault: Fault) -> str:
    """What this machine lacks for the row; empty when it has all."""
    if fault.clocks and not Path(_LIBFAKETIME).exists():
        return "Debian's faketime"
    if (fault.small_mb or fault.behind_wires) and os.geteuid() != 0:
        return "root"
    return ""


def clock_of(fault: Fault, process: str) -> dict[str, str]:
    """The environment of a process whose clock is wrong; its monotonic clock stays the machine's."""
    hours = fault.clocks.get(process)
    if hours is None:
        return {}
    return {"LD_PRELOAD": _LIBFAKETIME, "FAKETIME": f"{hours:+d}h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@contextmanager
def small_disks(folder: Path, sizes: Mapping[str, int]) -> Iterator[None]:
    """File systems of their own, in memory, under parts of the folder."""
    mounted: list[Path] = []
    try:
        for part, megabytes in sizes.items():
            place = folder / part
            place.mkdir(parents=True, exist_ok=True)
            options = f"size={megabytes}m,mode=755"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
            mounted.append(place)
        yield
    finally:
        for place in mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)


@contextmanager
def ray_workers(city: City) -> Iterator[Any]:
    """The workers as Ray actors on two nodes beside the head; yields the cluster and the node to lose."""
    import ray
    from ray.cluster_utils import Cluster

    from vision.cluster.fleet import Fleet

    os.environ.update(city.environment())
    (city.folder / "setup.json").write_text(city.setup("").to_json())
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
        names = [f"w{n}" for n in range(1, city.plan.workers + 1)]
        fleet = Fleet(partial(work, str(city.folder)), names, city=str(city.folder), cpus=1.0)
        fleet.start(cluster.address)
        city.stop_others = fleet.stop
        try:
            yield cluster, nodes[0]
        finally:
            fleet.stop()
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
