"""Faults with figures: half of the cameras dead, and thousands of reconnects."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import Result, at_least, at_most, cpu_seconds
from benchmarks.ingest_client import Cost, Job, rss_mb
from vision.core.clock import SystemClock
from vision.core.registry import Camera
from vision.streams.backoff import Backoff
from vision.streams.factory import open_source
from vision.streams.mailbox import Mailbox
from vision.streams.supervisor import Supervisor

Measure = Callable[[Job], Cost]


@contextmanager
def black_hole() -> Iterator[str]:
    """An address that takes connections' first packets and says nothing: a listener whose queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        try:
            yield f"rtsp://127.0.0.1:{address[1]}/hole"
        finally:
            for filler in fillers:
                filler.close()


def half_dead(measure: Measure, living: list[str], base: str, clip: str, seconds: float) -> list[Result]:
    """The living alone, then with as many dead ones beside them: refused, black-holed, silent, wrong password, 404."""
    each = len(living) // 5
    with socket.socket() as unheard, black_hole() as hole:
        unheard.bind(("127.0.0.1", 0))  # bound but not listening: refused at once
        refused = f"rtsp://127.0.0.1:{unheard.getsockname()[1]}/none"
        kinds = [
            refused,
            hole,
            f"{base}{clip}/900?silent=1",
            f"{base.replace('://', '://admin:wrong@')}{clip}/901?login=admin:right",
            f"{base}no-such-clip.mp4/1",
        ]
        dead = [url for url in kinds for _ in range(each)]
        alone = measure(Job("live", living, 2.0, seconds, 15.0))
        among = measure(
            Job("live", [url for pair in zip(living, dead, strict=False) for url in pair], 2.0, seconds, 15.0)
        )
    tail = f"[{len(living)} living, {len(dead)} dead]"
    looks_ratio = (among.delivered / among.wall_s) / (alone.delivered / alone.wall_s)
    return [
        at_least(f"looks_ratio_to_living_alone{tail}", looks_ratio, "", 0.99),
        at_most(
            f"cpu_ratio_to_living_alone{tail}", (among.cpu_s / among.wall_s) / (alone.cpu_s / alone.wall_s), "", 1.5
        ),
        at_most(f"memory_ratio_to_living_alone{tail}", among.rss_mb / alone.rss_mb, "", 1.3),
        Result(f"live_cameras{tail}", among.live, f"of {len(living)}", "", among.live == len(living)),
    ]


def reconnects(url: str, cameras: int, wanted: int) -> list[Result]:
    """Cameras that hang up soon after their first picture: what is left of threads, descriptors and memory."""
    clock, mailbox = SystemClock(), Mailbox()
    backoff = Backoff(least_s=0.01, most_s=0.05, refused_s=0.05)
    supervisor = Supervisor(clock, lambda camera, n: open_source(camera, clock, session=n), mailbox, backoff=backoff)
    threads_before = _entries("/proc/self/task")
    supervisor.apply([Camera(f"r{n}", f"{url}/{n}?quit=0.2", sample_s=0.0) for n in range(cameras)])

    def count() -> int:
        mailbox.take(1000, 0.0)
        return sum(health.reconnects for health in supervisor.health().values())

    _wait(lambda: count() >= wanted // 10)
    marks = [(count(), rss_mb(), _entries("/proc/self/fd"), cpu_seconds())]
    _wait(lambda: count() >= wanted)
    marks.append((count(), rss_mb(), _entries("/proc/self/fd"), cpu_seconds()))
    supervisor.stop()
    time.sleep(1.0)
    left = _entries("/proc/self/task") - threads_before - len(os.sched_getaffinity(0))
    (first, mb, files, cpu_s), (last, mb_after, files_after, cpu_after_s) = marks
    tail = f"[{last} reconnects]"
    return [
        at_most(f"memory_growth_mb{tail}", mb_after - mb, "MB", 5.0),
        at_most(f"descriptors_grown{tail}", files_after - files, "", cameras),
        at_most(f"threads_left{tail}", max(0, left), "", 0),
        Result(f"cpu_s_per_reconnect{tail}", (cpu_after_s - cpu_s) / max(1, last - first), "CPU s"),
    ]


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


def _wait(done: Callable[[], bool], limit_s: float = 600.0) -> None:
    until_s = time.monotonic() + limit_s
    while not done() and time.monotonic() < until_s:
        time.sleep(0.2)


def small_clip(cache: Path) -> str:
    """A small clip with a keyframe each 0.2 s, so that a reconnect costs little time."""
    from vision.sandbox.camera_footage import street_clip

    name = "small_320x240.mp4"
    if not (cache / name).exists():
        street_clip(cache, width=320, height=240, seconds=4, kbit_s=300, gop_s=0.2).rename(cache / name)
    return name
