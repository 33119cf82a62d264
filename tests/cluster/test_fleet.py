import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vision.cluster.fleet import Fleet, _WorkerActor
from vision.core.errors import NotThereError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("ignore")]


def work(folder: str, name: str, stop: threading.Event) -> None:
    """Stands for a worker: leaves a sign of each start, and of each kind end."""
    with (Path(folder) / name).open("a") as sign:
        sign.write(f"{os.getpid()}\n")
    stop.wait()
    with (Path(folder) / name).open("a") as sign:
        sign.write("ended\n")


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    ray = pytest.importorskip("ray") if not os.environ.get("CI") else __import__("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def fleets(ray_here: None) -> Iterator[Callable[..., Fleet]]:
    """Makes fleets and starts them; one that is dropped without `stop` is as one whose driver was killed."""
    made: list[Fleet] = []

    def started(folder: Path, names: Sequence[str], *, setup: str = "", cpus: float = 0.1) -> Fleet:
        folder.mkdir(exist_ok=True)
        made.append(Fleet(partial(work, str(folder)), names, city=str(folder), setup=setup, cpus=cpus))
        made[-1].start()
        return made[-1]

    yield started
    for fleet in made:
        fleet.stop()


def signs(folder: Path, name: str, count: int) -> list[str]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        lines = (folder / name).read_text().split() if (folder / name).exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.05)
    raise AssertionError(f"{name} left {lines}, waited for {count} signs")


# First, as no Ray runs here yet: `start` would take up one that does.
@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "ray://[::1]:{}"])
def test_where_nobody_listens_it_says_so_at_once(form: str) -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotThereError, match=f"no Ray cluster at .*{port}: "):
        Fleet(partial(work, ""), ["w1"], city="").start(form.format(port))


def test_an_address_that_is_no_host_name_says_so() -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("ray")
    with pytest.raises(NotThereError, match="not the name of a host"):
        Fleet(partial(work, ""), ["w1"], city="").start(f"{'a' * 300}:6380")


def test_ray_restarts_a_killed_worker_and_ends_the_others_kindly(tmp_path: Path, fleets: Callable[..., Fleet]) -> None:
    fleet = fleets(tmp_path, ["w1", "w2"])
    first = signs(tmp_path, "w1", 1)
    signs(tmp_path, "w2", 1)
    os.kill(int(first[0]), 9)
    assert signs(tmp_path, "w1", 2)[1] != first[0]
    assert len(signs(tmp_path, "w2", 1)) == 1, "the other was left alone"
    fleet.stop()
    assert signs(tmp_path, "w2", 2)[1] == "ended"


def test_fewer_workers_after_a_killed_fleet_end_the_surplus(tmp_path: Path, fleets: Callable[..., Fleet]) -> None:
    fleets(tmp_path, ["w1", "w2"])
    first = signs(tmp_path, "w1", 1)
    signs(tmp_path, "w2", 1)
    fleet = fleets(tmp_path, ["w1"])
    assert signs(tmp_path, "w2", 2)[1:] == ["ended"]
    assert fleet.pids() == {"w1": int(first[0])}, "taken up"
    assert len(fleet._listed()) == 1


@pytest.mark.parametrize("change", [{"setup": "another"}, {"cpus": 0.2}])
def test_workers_of_another_making_are_replaced_each_after_its_end(
    tmp_path: Path, fleets: Callable[..., Fleet], change: dict[str, Any]
) -> None:
    fleets(tmp_path, ["w1", "w2"])
    for name in ("w1", "w2"):
        signs(tmp_path, name, 1)
    fleet = fleets(tmp_path, ["w1", "w2", "w3"], **change)
    for name in ("w1", "w2"):
        old, ended, new = signs(tmp_path, name, 3)
        assert ended == "ended", "the leases of a name have one owner"
        assert new != old
    assert set(fleet.pids()) == {"w1", "w2", "w3"}
    assert len(fleet._listed()) == 3


def test_another_product_version_replaces_workers(
    tmp_path: Path, fleets: Callable[..., Fleet], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleets(tmp_path, ["w1"])
    signs(tmp_path, "w1", 1)
    monkeypatch.setattr("vision.cluster.fleet.__version__", "99")
    fleets(tmp_path, ["w1"])
    assert signs(tmp_path, "w1", 3)[1] == "ended"


def test_two_cities_on_one_ray_leave_each_other_alone(tmp_path: Path, fleets: Callable[..., Fleet]) -> None:
    here = fleets(tmp_path / "here", ["w1", "w2"])
    there = fleets(tmp_path / "there", ["w1"])
    pids = here.pids()
    assert pids.keys() == {"w1", "w2"}
    assert pids["w1"] != there.pids()["w1"]
    there.stop()
    assert here.pids() == pids
    assert signs(tmp_path / "here", "w1", 1) == [str(pids["w1"])]


def test_a_fleet_killed_between_end_and_kill_does_not_stop_the_next(
    tmp_path: Path, fleets: Callable[..., Fleet]
) -> None:
    import ray

    killed = fleets(tmp_path, ["w1"])
    signs(tmp_path, "w1", 1)
    ray.get(killed._actors["w1"].end.remote())
    fleet = fleets(tmp_path, ["w1"])
    first, ended, again = signs(tmp_path, "w1", 3)
    assert (ended, again) == ("ended", first), "the same process"
    assert fleet.states()["w1"]["runs"]


def test_a_worker_begun_while_it_still_ends_begins_after_its_end() -> None:
    told: list[str] = []
    may_end, again = threading.Event(), threading.Event()

    def run(_name: str, stop: threading.Event) -> None:
        told.append("began")
        if len(told) > 1:
            again.set()
        stop.wait()
        may_end.wait()
        told.append("ended")

    actor = _WorkerActor(run, "w1")
    ending = threading.Thread(target=actor.end)
    ending.start()
    while not actor._stop.is_set():
        time.sleep(0.001)
    actor.begin()
    actor.begin()
    assert told == ["began"]
    may_end.set()
    assert again.wait(60)
    assert told == ["began", "ended", "began"]
    assert actor.state()["runs"]
    actor.end()
    ending.join()
