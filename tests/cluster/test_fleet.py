import os
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from vision.cluster.fleet import Fleet
from vision.core.errors import NotThereError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


def work(folder: str, name: str, stop: threading.Event) -> None:
    """Stands for a worker: leaves a sign of each start, and of a kind end."""
    with (Path(folder) / name).open("a") as sign:
        sign.write(f"{os.getpid()}\n")
    stop.wait()
    (Path(folder) / f"{name}.ended").touch()


@pytest.fixture
def ray_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ray = pytest.importorskip("ray") if not os.environ.get("CI") else __import__("ray")
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, namespace="streetward", configure_logging=False, log_to_driver=False)
    yield
    ray.shutdown()


def until_starts(folder: Path, name: str, count: int) -> list[str]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        lines = (folder / name).read_text().split() if (folder / name).exists() else []
        if len(lines) >= count:
            return lines
        time.sleep(0.1)
    raise AssertionError(f"{name} started {len(lines)} times, waited for {count}")


@pytest.mark.filterwarnings("ignore")
def test_ray_restarts_a_killed_worker_and_ends_the_others_kindly(tmp_path: Path, ray_here: None) -> None:
    fleet = Fleet(partial(work, str(tmp_path)), ["w1", "w2"], cpus=0.5)
    fleet.start()
    first = until_starts(tmp_path, "w1", 1)
    until_starts(tmp_path, "w2", 1)
    os.kill(int(first[0]), 9)
    assert until_starts(tmp_path, "w1", 2)[1] != first[0]
    assert len(until_starts(tmp_path, "w2", 1)) == 1, "the other was left alone"
    fleet.stop()
    assert (tmp_path / "w2.ended").exists()


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "ray://[::1]:{}"])
def test_where_nobody_listens_it_says_so_at_once(form: str) -> None:
    if not os.environ.get("CI"):
        pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotThereError, match=f"no Ray cluster at .*{port}: "):
        Fleet(partial(work, ""), ["w1"]).start(form.format(port))
