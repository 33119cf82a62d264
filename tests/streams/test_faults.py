"""Dead cameras beside living ones, and reconnects without end, in small; the benchmark has the figures at scale."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.ingest_faults import black_hole
from tests.streams.waiting import eventually, threads_named
from vision.core.clock import SystemClock
from vision.core.registry import Camera
from vision.sandbox.camera_replay import ReplayServer
from vision.streams.backoff import Backoff
from vision.streams.factory import open_source
from vision.streams.health import CameraState
from vision.streams.mailbox import Mailbox
from vision.streams.supervisor import Supervisor


@pytest.fixture
def replay(footage: Path) -> Iterator[ReplayServer]:
    with ReplayServer(footage) as server:
        yield server


@contextmanager
def supervised(cameras: list[Camera]) -> Iterator[Supervisor]:
    clock = SystemClock()
    backoff = Backoff(least_s=0.01, most_s=0.2, refused_s=0.5)
    supervisor = Supervisor(clock, lambda c, n: open_source(c, clock, session=n), Mailbox(), backoff=backoff)
    supervisor.apply(cameras)
    try:
        yield supervisor
    finally:
        supervisor.stop()  # or what one test left running would fail the next ones


@pytest.mark.slow
def test_dead_cameras_cost_the_living_no_look(replay: ReplayServer) -> None:
    impatient = (("open_timeout_s", "1"), ("read_timeout_s", "1"))
    clip = "small.mp4"
    with black_hole() as hole:
        dead = {
            "refused": "rtsp://127.0.0.1:1/x",
            "hole": hole,
            "silent": replay.url(clip, 900, silent=1),
            "mute": replay.url(clip, 901, mute=1),
            "password": replay.url(clip, 902, credentials="admin:wrong", login="admin:right"),
            "unknown": replay.url("none.mp4"),
        }
        cameras = [Camera(name, url, sample_s=0.0, options=impatient) for name, url in dead.items()]
        cameras += [Camera(f"well{n}", replay.url(clip, n), sample_s=0.0) for n in range(6)]  # patient as by default
        with supervised(cameras) as supervisor:
            wells = [f"well{n}" for n in range(6)]
            assert eventually(lambda: all(supervisor.health()[c].looks >= 12 for c in wells), within_s=120)
            health = supervisor.health()
            states = {name: health[name].state for name in dead}
            # Every 0.4 s one keyframe each; a starved machine skips some, but of no camera many more than of another.
            counts = [health[c].looks for c in wells]
            assert max(counts) <= 2 * min(counts)
            assert {health[c].reconnects for c in wells} == {0}
            assert states["password"] is states["unknown"] is CameraState.REFUSED
            assert {states[name] for name in ("refused", "silent", "mute", "hole")} == {CameraState.RECONNECTING}
            assert not any("wrong" in health[name].reason for name in dead)
    assert eventually(lambda: not threads_named("camera-"))


@pytest.mark.slow
def test_reconnecting_leaves_nothing_behind(replay: ReplayServer) -> None:
    cameras = [Camera(f"r{n}", replay.url("small.mp4", n, quit=0.1), sample_s=0.0) for n in range(8)]
    with supervised(cameras) as supervisor:

        def reconnects() -> int:
            return sum(health.reconnects for health in supervisor.health().values())

        assert eventually(lambda: reconnects() >= 20, within_s=120)
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        threads = threading.active_count()
        assert eventually(lambda: reconnects() >= 100, within_s=120)
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) <= files + 2 * len(cameras)
        assert threading.active_count() <= threads + 2
    assert eventually(lambda: not threads_named("camera-"))
