"""One way of reading cameras, alone in a process so that its CPU and memory can be told from everything else's.

usage: python -m benchmarks.ingest_client JOB.json → one JSON line: what it cost and what it got.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import structlog

from benchmarks.harness import cpu_seconds
from vision.core.clock import SystemClock
from vision.core.registry import Camera, SourceKind
from vision.streams.factory import open_source
from vision.streams.health import CameraState
from vision.streams.mailbox import Mailbox
from vision.streams.snapshot import SnapshotSource
from vision.streams.supervisor import Supervisor
from vision.streams.visits import Visitor


@dataclass(frozen=True, slots=True)
class Job:
    """What to read and how: `settle_s` passes before the `seconds` that are measured."""

    way: str
    urls: list[str]
    sample_s: float = 10.0
    seconds: float = 60.0
    settle_s: float = 5.0
    looks: int = 0
    options: dict[str, str] = field(default_factory=dict)
    marks_s: float = 0.0
    """Report CPU and memory every so many seconds on stderr: for long runs."""


@dataclass(slots=True)
class Cost:
    """What was used and handed out in the measured time.

    Attributes:
        first_s: median time to a camera's first picture.
        kbit_s: what came per camera between looks: far below the clip's rate, the server was starved.
        missed_ratio: looks missing of those that whole sampling intervals (less a second of jitter) should bring.
    """

    cpu_s: float
    wall_s: float
    rss_mb: float
    delivered: int
    first_s: float = 0.0
    live: int = 0
    corrupt: int = 0
    reconnects: int = 0
    threads: int = 0
    missed_ratio: float = 0.0
    kbit_s: float = 0.0


def rss_mb(pid: int | str = "self") -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def live(job: Job) -> Cost:
    """Our sources under the supervisor, the mailbox emptied as inference would."""
    clock, mailbox, stopping = SystemClock(), Mailbox(), threading.Event()
    options = tuple(job.options.items())
    before_mb = rss_mb()
    cameras = [Camera(f"c{n}", url, sample_s=job.sample_s, options=options) for n, url in enumerate(job.urls)]
    supervisor = Supervisor(clock, lambda camera, session: open_source(camera, clock, session=session), mailbox)

    def empty() -> None:
        while not stopping.is_set():
            mailbox.take(16, 0.5)

    threading.Thread(target=empty, daemon=True).start()
    begun_s = time.monotonic()
    supervisor.apply(cameras)
    first = _first_looks(supervisor, begun_s, job.settle_s)
    began, cpu_s, at_s = supervisor.health(), cpu_seconds(), time.monotonic()
    _pass(job, supervisor)
    ended, wall_s, cpu_s = supervisor.health(), time.monotonic() - at_s, cpu_seconds() - cpu_s
    memory_mb, threads = rss_mb() - before_mb, threading.active_count()
    stopping.set()
    supervisor.stop()
    due = int((wall_s - 1.0) / job.sample_s) if job.sample_s else 0
    return Cost(
        cpu_s,
        wall_s,
        memory_mb,
        sum(ended[c].looks - began[c].looks for c in ended),
        first,
        sum(h.state is CameraState.LIVE for h in ended.values()),
        sum(h.corrupt for h in ended.values()),
        sum(h.reconnects for h in ended.values()),
        threads,
        sum(max(0, due - (ended[c].looks - began[c].looks)) for c in ended) / max(1, due * len(ended)),
        sum(health.bitrate_kbit_s for health in ended.values()) / len(ended),
    )


def _first_looks(supervisor: Supervisor, begun_s: float, settle_s: float) -> float:
    """Wait `settle_s`; the median time until a camera's first look."""
    seen: dict[str, float] = {}
    while time.monotonic() - begun_s < settle_s:
        for camera_id, health in supervisor.health().items():
            if health.looks and camera_id not in seen:
                seen[camera_id] = time.monotonic() - begun_s
        time.sleep(0.05 if len(seen) < 20 else 0.5)
    return sorted(seen.values())[len(seen) // 2] if seen else float("nan")


def _pass(job: Job, supervisor: Supervisor) -> None:
    until_s = time.monotonic() + job.seconds
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(left_s, job.marks_s or left_s))
        if job.marks_s:
            looks = sum(health.looks for health in supervisor.health().values())
            passed_s = job.seconds - until_s + time.monotonic()
            mark = f"{passed_s:.0f} s: {looks} looks, {cpu_seconds():.1f} CPU s, {rss_mb():.0f} MB"
            print(mark, file=sys.stderr, flush=True)


def snapshots(job: Job) -> Cost:
    source = SnapshotSource(Camera("s", job.urls[0], SourceKind.SNAPSHOT), SystemClock())
    source.open()
    first_s = time.monotonic()
    source.look()
    first_s = time.monotonic() - first_s
    cpu_s, at_s = cpu_seconds(), time.monotonic()
    for _ in range(job.looks):
        source.look()
    cost = Cost(cpu_seconds() - cpu_s, time.monotonic() - at_s, rss_mb(), job.looks, first_s)
    source.close()
    return cost


def visits(job: Job) -> Cost:
    clock = SystemClock()
    visitor = Visitor(clock)
    cameras = [Camera(f"p{n}", url, SourceKind.PATROL) for n, url in enumerate(job.urls)]
    list(visitor.visit(cameras[0], 0))
    cpu_s, at_s, got = cpu_seconds(), time.monotonic(), 0
    for n in range(job.looks):
        got += len(list(visitor.visit(cameras[n % len(cameras)], n)))
    wall_s = time.monotonic() - at_s
    return Cost(cpu_seconds() - cpu_s, wall_s, rss_mb(), got, wall_s / max(1, job.looks))


def _threads(job: Job, read: Callable[[str, Callable[[], None], threading.Event], None]) -> Cost:
    """A reading function in one thread a camera; it calls back for every picture."""
    stopping, lock, counted = threading.Event(), threading.Lock(), [0]
    first: list[float] = []
    before_mb, begun_s = rss_mb(), time.monotonic()

    def reader(url: str) -> None:
        seen = False

        def picture() -> None:
            nonlocal seen
            with lock:
                counted[0] += 1
                if not seen:
                    first.append(time.monotonic() - begun_s)
                    seen = True

        read(url, picture, stopping)

    threads = [threading.Thread(target=reader, args=(url,), daemon=True) for url in job.urls]
    for thread in threads:
        thread.start()
    time.sleep(job.settle_s)
    cpu_s, at_s, before = cpu_seconds(), time.monotonic(), counted[0]
    time.sleep(job.seconds)
    wall_s, cpu_s, got = time.monotonic() - at_s, cpu_seconds() - cpu_s, counted[0] - before
    memory_mb = rss_mb() - before_mb
    stopping.set()
    median_s = sorted(first)[len(first) // 2] if first else float("nan")
    return Cost(cpu_s, wall_s, memory_mb, got, median_s, len(first), threads=threading.active_count())


def _opencv(url: str, picture: Callable[[], None], stopping: threading.Event) -> None:
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    import cv2

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    while not stopping.is_set() and capture.read()[0]:
        picture()


def _pyav_everything(url: str, picture: Callable[[], None], stopping: threading.Event) -> None:
    import av
    from av.video.reformatter import VideoReformatter

    scaler = VideoReformatter()
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=10) as container:
        container.streams.video[0].thread_type = "NONE"
        for frame in container.decode(video=0):
            if stopping.is_set():
                return
            scaler.reformat(frame, 640, 360, "bgr24", threads=1).to_ndarray()
            picture()


def _ultralytics(job: Job) -> Cost:
    """LoadStreams with its own reading threads; pictures are taken from its iterator."""
    logging.disable(logging.CRITICAL)
    from ultralytics.data.loaders import LoadStreams

    before_mb = rss_mb()
    listing = Path(job.options["folder"]) / "cameras.streams"
    listing.write_text("\n".join(job.urls))
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    begun_s = time.monotonic()
    with contextlib.redirect_stdout(sys.stderr):
        loader = iter(LoadStreams(str(listing), vid_stride=1))
        next(loader)
    first_s = time.monotonic() - begun_s
    stop_s, got = time.monotonic() + job.seconds, 0
    cpu_s, at_s = cpu_seconds(), time.monotonic()
    while time.monotonic() < stop_s:
        next(loader)
        got += len(job.urls)
    cost = Cost(cpu_seconds() - cpu_s, time.monotonic() - at_s, rss_mb() - before_mb, got, first_s, len(job.urls))
    loader.close()
    return cost


def _ffmpeg(job: Job, *, copy: bool) -> Cost:
    """One ffmpeg process a camera: 5 fps scaled to 720p, or only copying the stream."""
    scaled = ["-vf", "fps=5,scale=1280:720", "-pix_fmt", "bgr24", "-f", "rawvideo", os.devnull]
    output = ["-c", "copy", "-f", "null", "-"] if copy else scaled
    command = ["ffmpeg", "-nostdin", "-v", "quiet", "-y", "-threads", "1", "-rtsp_transport", "tcp"]
    processes = [subprocess.Popen([*command, "-i", url, *output], stdin=subprocess.DEVNULL) for url in job.urls]
    time.sleep(job.settle_s)
    pids = [process.pid for process in processes]
    cpu_s, at_s = sum(map(cpu_seconds, pids)), time.monotonic()
    time.sleep(job.seconds)
    wall_s, memory_mb = time.monotonic() - at_s, sum(map(rss_mb, pids))
    cost = Cost(sum(map(cpu_seconds, pids)) - cpu_s, wall_s, memory_mb, 0, live=len(pids))
    for process in processes:
        process.kill()
        process.wait()
    return cost


WAYS: dict[str, Callable[[Job], Cost]] = {
    "live": live,
    "snapshot": snapshots,
    "visit": visits,
    "opencv": partial(_threads, read=_opencv),
    "pyav_everything": partial(_threads, read=_pyav_everything),
    "ultralytics": _ultralytics,
    "ffmpeg_5fps_720p": partial(_ffmpeg, copy=False),
    "ffmpeg_copy": partial(_ffmpeg, copy=True),
}


def main() -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    job = Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    cost = WAYS[job.way](job)
    print(json.dumps(asdict(cost)), flush=True)
    os._exit(0)  # reading threads of the compared libraries don't all end by themselves


if __name__ == "__main__":
    main()
