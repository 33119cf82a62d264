"""`vision bench ingest`: what a camera costs to read, by our sources and by the usual ways, side by side.

Servers and each reader are processes of their own, so that client and server CPU are told apart.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import structlog

from benchmarks import harness, ingest_faults
from benchmarks.harness import Result, at_most, cpu_seconds
from benchmarks.ingest_client import Cost, Job
from vision.core.registry import Camera, SourceKind
from vision.sandbox.camera_footage import street_clip
from vision.streams.patrol import Patrol

ROOT = Path(__file__).resolve().parent.parent
MAIN, SUB, MAIN_H265 = "main_1080p_4000k.mp4", "sub_704x576_512k.mp4", "main_1080p_4000k_h265.mp4"
GOP_S = 2.0
_OURS = frozenset({"live", "snapshot", "visit"})
PARTS = ("live", "kinds", "compare", "servers", "looks", "patrol", "faults", "long")


@dataclass(frozen=True, slots=True)
class Server:
    """A running RTSP server: how to name its cameras, and its process."""

    name: str
    base: str
    form: str
    pid: int

    def urls(self, clip: str, count: int) -> list[str]:
        return [self.base + self.form.format(clip=clip, n=n) for n in range(count)]


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=ROOT / "var" / "bench", help="where the generated clips are kept")
    parser.add_argument("--cameras", default="", help="numbers of live cameras, e.g. 1,10,50,100")
    parser.add_argument("--seconds", type=float, default=0.0, help="measured time of each way")
    parser.add_argument("--only", default="", help="some of " + ",".join(PARTS))
    parser.add_argument("--long-minutes", type=float, default=0.0, help="also run the largest number for so long")


def run(args: argparse.Namespace) -> list[Result]:
    """Every part, or those asked for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder = footage(args.cache, quick=args.quick)
    counts = [int(n) for n in args.cameras.split(",") if n] or ([4] if args.quick else [1, 10, 50, 100])
    seconds = args.seconds or (6.0 if args.quick else 30.0)
    parts = (
        set(args.only.split(",")) if args.only else {"live", "compare", "kinds", "servers", "looks", "patrol", "faults"}
    )
    if args.quick and not args.only:
        parts -= {"servers", "faults"}
    results: list[Result] = []
    with ExitStack() as stack:
        replay = stack.enter_context(_replay(folder))
        if "live" in parts:
            named = max(count for count in counts if count <= max(10, counts[0]))
            for count in counts:
                results += _live(replay, count, seconds, named=count == named, quick=args.quick)
        if "kinds" in parts:
            results += _live_kinds(replay, min(10, counts[-1]), seconds, quick=args.quick)
        if "compare" in parts:
            results += _compare(replay, seconds, quick=args.quick)
        if "servers" in parts:
            results += _other_servers(folder, seconds, counts, stack)
        if "looks" in parts:
            results += _looks(replay, folder, 6 if args.quick else 60, stack)
        if "faults" in parts:
            small = ingest_faults.small_clip(folder)
            living, share = (20, 10) if args.quick else (100, 1)
            urls = replay.urls(small, living)
            results += ingest_faults.half_dead(measure, urls, replay.base, small, 10.0 if args.quick else 40.0)
            results += ingest_faults.reconnects(replay.base + small, 20, 2000 // share)
    if "patrol" in parts:
        results += _patrol(days=0.05 if args.quick else 7)
    if args.long_minutes:
        with _replay(folder) as replay:
            results += _long(replay, counts[-1], args.long_minutes)
    return results


def footage(cache: Path, *, quick: bool) -> Path:
    """The generated clips: H.264 1080p at 4 Mbit/s and 704×576 at 512 kbit/s, H.265 1080p; a keyframe every 2 s."""
    made: list[tuple[str, dict[str, Any]]] = [
        (MAIN, {"seconds": 12.0}),
        (SUB, {"seconds": 12.0, "width": 704, "height": 576, "kbit_s": 512}),
    ]
    if not quick:
        made.append((MAIN_H265, {"seconds": 12.0, "codec": "libx265"}))
    for name, how in made:
        if not (cache / name).exists():
            print(f"making {name} …", flush=True)
            street_clip(cache, gop_s=GOP_S, **how).rename(cache / name)
    return cache


def measure(job: Job) -> Cost:
    """Carry out a job in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "job.json"
        options = job.options | ({"folder": scratch} if job.way == "ultralytics" else {})
        path.write_text(json.dumps(asdict(replace(job, options=options))), encoding="utf-8")
        command = [sys.executable, "-m", "benchmarks.ingest_client", str(path)]
        limit_s = job.seconds + job.settle_s + 300
        # FFmpeg in the other libraries has a line for every picture of a group that they join in the middle.
        told = None if job.way in _OURS else subprocess.DEVNULL
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, text=True, timeout=limit_s, check=True
        )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _live(server: Server, count: int, seconds: float, *, named: bool, quick: bool) -> list[Result]:
    """Our live source at one look per 10 s; `named` rows carry the names and targets that issues speak of."""
    settle_s = 6.0 if quick else 18.0  # until the evidence ring is full
    before_s = cpu_seconds(server.pid)
    cost = measure(Job("live", server.urls(MAIN, count), 10.0, seconds, settle_s))
    server_cpu_s = cpu_seconds(server.pid) - before_s
    per_minute = 60 / cost.wall_s / count
    tail = f"[n={count}]"
    rows = [
        at_most(f"live_cpu_s_per_camera_minute{tail}", cost.cpu_s * per_minute, "CPU s", 0.5),
        at_most(f"rss_mb_per_live_camera{tail}", cost.rss_mb / count, "MB", 8.0),
        at_most(f"looks_missed_ratio{tail}", cost.missed_ratio, "", 0.01),
        at_most(f"time_to_first_look_s{tail}", cost.first_s, "s", 2.0),
        Result(f"stream_kbit_s_per_camera{tail}", cost.kbit_s, "of 4,050"),
        Result(f"live_cameras_live{tail}", cost.live, f"of {count}", f"= {count}", cost.live == count),
        Result(f"server_cpu_s_per_camera_minute{tail}", server_cpu_s * 60 / (seconds + settle_s) / count, "CPU s"),
    ]
    if named:
        rows += [replace(row, name=row.name.removesuffix(tail)) for row in rows[:1] + rows[2:3]]
    if count >= 50:
        rows.append(replace(rows[1], name="rss_mb_per_live_camera"))
    return rows


def _live_kinds(server: Server, count: int, seconds: float, *, quick: bool) -> list[Result]:
    """Every keyframe, the sub-stream, H.265, and FFmpeg's demuxer in place of our client."""
    wanted: list[tuple[str, str, float, dict[str, str], float | None]] = [
        ("live_cpu_s_per_camera_minute_every_keyframe", MAIN, 0.0, {}, 1.0),
        ("live_cpu_s_per_camera_minute_sub", SUB, 10.0, {}, 0.1),
        ("live_cpu_s_per_camera_minute_sub_every_keyframe", SUB, 0.0, {}, 0.1),
        ("live_cpu_s_per_camera_minute_full_kept", MAIN, 10.0, {"keep_full": "true"}, None),
        ("ffmpeg_demuxer_cpu_s_per_camera_minute", MAIN, 10.0, {"transport": "ffmpeg"}, None),
    ]
    if quick:
        wanted = wanted[:2]
    else:
        wanted.append(("live_cpu_s_per_camera_minute_h265", MAIN_H265, 10.0, {}, 0.5))
        wanted.append(("live_cpu_s_per_camera_minute_h265_every_keyframe", MAIN_H265, 0.0, {}, 1.0))
    rows = []
    for name, clip, sample_s, options, limit in wanted:
        cost = measure(Job("live", server.urls(clip, count), sample_s, seconds, 4.0, options=options))
        rows.append(_row(name, cost.cpu_s * 60 / cost.wall_s / count, "CPU s", limit))
    return rows


def _compare(server: Server, seconds: float, *, quick: bool) -> list[Result]:
    """The usual ways, one camera each; every stream, the main one under its way's own name."""
    rows = _usual_ways(server.urls(MAIN, 1), "", seconds, quick=quick)
    if not quick:
        rows += _usual_ways(server.urls(MAIN_H265, 1), "[h265]", min(seconds, 10.0), quick=False)
        rows += _usual_ways(server.urls(SUB, 1), "[sub]", min(seconds, 10.0), quick=False)
    return rows


def _usual_ways(urls: list[str], tail: str, seconds: float, *, quick: bool) -> list[Result]:
    ways = ["opencv", "pyav_everything"]
    if which("ffmpeg") and not quick:
        ways += ["ffmpeg_5fps_720p", "ffmpeg_copy"]
    if find_spec("ultralytics") and not quick:
        ways.append("ultralytics")
    rows = []
    for way in ways:
        cost = measure(Job(way, urls, 0.0, min(seconds, 30.0), 3.0 if quick else 6.0))
        rows.append(Result(f"{way}_cpu_s_per_camera_minute{tail}", cost.cpu_s * 60 / cost.wall_s, "CPU s"))
        rows.append(Result(f"{way}_rss_mb_per_camera{tail}", cost.rss_mb, "MB"))
        if cost.delivered:
            rows.append(Result(f"{way}_frames_per_expected{tail}", cost.delivered / cost.wall_s / 25, "of 25 a second"))
            rows.append(Result(f"{way}_time_to_first_s{tail}", cost.first_s, "s"))
    return rows


def _other_servers(folder: Path, seconds: float, counts: list[int], stack: ExitStack) -> list[Result]:
    """Our source against the two servers that we did not write.

    `aio-rtsp-toolkit` sends packet by packet from Python, so that ten cameras are what a core of it serves.
    """
    rows = []
    for make, most in ((_aio, 10), (_gstreamer, max(counts))):
        try:
            server = stack.enter_context(make(folder))
        except (OSError, RuntimeError) as error:
            print(f"left out: {error}")
            continue
        few = min(10, max(counts))
        wanted = [(MAIN, count) for count in counts if count <= most] + [(MAIN_H265, few), (SUB, few)]
        for clip, count in wanted:
            rows += _served(server, clip, count, min(seconds, 20.0))
    return rows


def _served(server: Server, clip: str, count: int, seconds: float) -> list[Result]:
    """Every keyframe of up to ten cameras, one look per 10 s of more: so that reader and server fit on two cores."""
    settle_s, often = 4.0 + count / 10, count <= 10
    before_s = cpu_seconds(server.pid)
    cost = measure(Job("live", server.urls(clip, count), 0.0 if often else 10.0, seconds, settle_s))
    served_s = cpu_seconds(server.pid) - before_s
    stream = {MAIN: "h264", MAIN_H265: "h265", SUB: "sub"}[clip]
    tail, per_minute = f"[{server.name}, {stream}, n={count}]", 60 / cost.wall_s / count
    name = "live_cpu_s_per_camera_minute" + ("_every_keyframe" if often else "")
    limit = {"h264": 1.0 if often else 0.5, "h265": 1.0, "sub": 0.1}[stream]
    due = cost.wall_s / (GOP_S if often else 10.0) * count
    return [
        at_most(f"{name}{tail}", cost.cpu_s * per_minute, "CPU s", limit),
        Result(f"looks_per_expected{tail}", cost.delivered / due, ""),
        at_most(f"time_to_first_look_s{tail}", cost.first_s, "s", 2.0),
        Result(f"server_cpu_s_per_camera_minute{tail}", served_s * 60 / (seconds + settle_s) / count, "CPU s"),
    ]


def _looks(server: Server, folder: Path, looks: int, stack: ExitStack) -> list[Result]:
    """A snapshot, and a patrol visit."""
    url = stack.enter_context(_still_camera(folder))
    still = measure(Job("snapshot", [url], looks=looks))
    visit = measure(Job("visit", server.urls(MAIN, 10), looks=looks))
    return [
        at_most("snapshot_cpu_s_per_look", still.cpu_s / still.delivered, "CPU s", 0.05),
        at_most("patrol_cpu_s_per_visit", visit.cpu_s / looks, "CPU s", 0.05),
        Result("patrol_visit_s", visit.wall_s / looks, "s"),
        Result("patrol_visits_with_a_look", visit.delivered / looks, "", "= 1", visit.delivered == looks),
    ]


def _patrol(days: float) -> list[Result]:
    """17,500 simulated cameras, 5 % of them dead, 250 a gateway, revisited within 30 minutes; caps watched."""
    import heapq
    import random

    patrol, rng = Patrol(), random.Random(1)
    cameras = [Camera(f"c{n}", "rtsp://h/", SourceKind.PATROL, gateway=f"g{n // 250}") for n in range(17_500)]
    gateway = {camera.id: camera.gateway or "" for camera in cameras}
    patrol.apply(cameras, 0.0)
    limits, ends, open_now = patrol.limits, list[tuple[float, str]](), dict.fromkeys(gateway.values(), 0)
    now_s, worst_s, breaches, cpu_s, checked_s = 0.0, 0.0, 0, cpu_seconds(), 3600.0
    while now_s < days * 86_400:
        for camera_id in patrol.begin(now_s):
            open_now[gateway[camera_id]] += 1
            heapq.heappush(ends, (now_s + rng.uniform(2, 4), camera_id))
            breaches += open_now[gateway[camera_id]] > limits.gateway_running or len(ends) > limits.running
        now_s += 0.25
        while ends and ends[0][0] <= now_s:
            camera_id = heapq.heappop(ends)[1]
            open_now[gateway[camera_id]] -= 1
            patrol.ended(camera_id, now_s, ok=int(camera_id[1:]) % 20 != 0)
        if now_s >= checked_s:
            checked_s += 3600.0
            worst_s = max(worst_s, patrol.report(now_s).worst_age_s)
    report = patrol.report(now_s)
    late = report.late_visits / max(1, report.visits)
    each_us = (cpu_seconds() - cpu_s) / max(1, report.visits) * 1e6
    tail = f"[17,500 cameras, {days:g} days]"
    return [
        at_most(f"patrol_worst_age_s{tail}", worst_s, "s", 1800.0),
        at_most(f"patrol_late_visits_ratio{tail}", late, "", 0.01),
        Result(f"patrol_cap_breaches{tail}", breaches, "", "= 0", breaches == 0),
        Result(f"patrol_scheduling_us_per_visit{tail}", each_us, "CPU µs"),
    ]


def _long(server: Server, count: int, minutes: float) -> list[Result]:
    """Many cameras for long: what is missed, and whether memory stays."""
    before_s = cpu_seconds(server.pid)
    job = Job("live", server.urls(MAIN, count), 10.0, minutes * 60, 20.0, marks_s=60.0)
    cost = measure(job)
    served_s = cpu_seconds(server.pid) - before_s
    tail = f"[n={count}, {minutes:g} min]"
    return [
        at_most(f"looks_missed_ratio{tail}", cost.missed_ratio, "", 0.01),
        at_most(f"live_cpu_s_per_camera_minute{tail}", cost.cpu_s * 60 / cost.wall_s / count, "CPU s", 0.5),
        at_most(f"rss_mb_per_live_camera{tail}", cost.rss_mb / count, "MB", 8.0),
        Result(f"cores_used_by_reader{tail}", cost.cpu_s / cost.wall_s, "cores"),
        Result(f"cores_used_by_server{tail}", served_s / (cost.wall_s + 20), "cores"),
        Result(f"stream_kbit_s_per_camera{tail}", cost.kbit_s, "of 4,050"),
        Result(f"reconnects{tail}", cost.reconnects, ""),
        Result(f"corrupt{tail}", cost.corrupt, ""),
    ]


def _row(name: str, value: float, unit: str, limit: float | None) -> Result:
    return Result(name, value, unit) if limit is None else at_most(name, value, unit, limit)


@contextmanager
def _process(command: list[str], name: str, form: str) -> Iterator[Server]:
    """A server process that prints `port N` or its first URL."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            if "://" in line:
                base = line.rsplit("/", 2)[0] + "/"
            elif line.startswith("port "):
                base = f"rtsp://127.0.0.1:{line.split()[1]}/"
            else:
                raise RuntimeError(f"{name} did not start")
            time.sleep(0.5)
            yield Server(name, base, form, process.pid)
        finally:
            process.kill()


def _replay(folder: Path) -> AbstractContextManager[Server]:
    command = [sys.executable, "-m", "vision.sandbox.camera_replay", str(folder)]
    return _process(command, "replay", "{clip}/{n}")


def _aio(folder: Path) -> AbstractContextManager[Server]:
    command = [sys.executable, "-m", "vision.sandbox.cameras", "--footage", str(folder), "--port", "0"]
    return _process(command, "aio-rtsp-toolkit", "{clip}/play_count_0")


def _gstreamer(folder: Path) -> AbstractContextManager[Server]:
    """GStreamer's plays a clip once for each client, so it gets clips that last."""
    script, lasting = ROOT / "tests" / "servers" / "gst_rtsp_server.py", folder / "lasting"
    for name in (MAIN, MAIN_H265, SUB):
        if not (lasting / name).exists():
            lasting.mkdir(exist_ok=True)
            _repeat(folder / name, lasting / name, times=6)
    return _process(["/usr/bin/python3", str(script), str(lasting)], "gstreamer", "{clip}")


def _repeat(clip: Path, target: Path, *, times: int) -> None:
    """The clip over and over, its packets copied."""
    import av

    half_made = target.with_suffix(".part.mp4")
    with av.open(str(half_made), "w") as container:
        made = None
        for n in range(times):
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                made = made or container.add_stream_from_template(video)
                for packet in source.demux(video):
                    if packet.size and packet.dts is not None and packet.pts is not None and video.duration:
                        packet.pts, packet.dts = packet.pts + n * video.duration, packet.dts + n * video.duration
                        packet.stream = made
                        container.mux(packet)
    half_made.replace(target)


@contextmanager
def _still_camera(folder: Path) -> Iterator[str]:
    """An HTTP server with one 1080p JPEG, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ingest", "--serve-jpeg", str(folder / MAIN)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().split()[1]}/snapshot.jpg"
        finally:
            process.kill()


def _serve_jpeg(clip: Path) -> None:
    import av
    import cv2

    with av.open(str(clip)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
    body = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("port", server.server_port, flush=True)
    server.serve_forever()


def main(argv: list[str] | None = None) -> int:
    return harness.main("ingest", run, extend, argv)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve-jpeg"]:
        _serve_jpeg(Path(sys.argv[2]))
    sys.exit(main())
