"""`vision doctor`: what works on this machine and what does not, one sentence each."""

import ctypes
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from vision.config.schema import CityConfig
from vision.core.clock import SystemClock
from vision.core.errors import StreetwardError
from vision.core.registry import Camera, redact_url

_LOW_DISK_GB = 5.0
_CLOCK_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)


class Verdict(StrEnum):
    WORKS = "works"
    CARE = "care"  # works, but somebody should know
    FAILS = "fails"


class Part(StrEnum):
    """Which of the product's processes shall run on this machine."""

    ALL = "all"
    HUB = "hub"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    verdict: Verdict
    sentence: str


def examine(city: CityConfig, part: Part = Part.ALL) -> Iterator[Check]:
    """Every check in turn that concerns `part`; none raises, and cameras come last because they take longest."""
    checks = _CHECKS if part is Part.ALL else {**_CHECKS, "redis": _shared_redis}
    for what, check in checks.items():
        if what not in _NOT_FOR[part]:
            yield _guarded(what, partial(check, city))
    if part is Part.HUB:
        return
    for camera_id, config in city.cameras.items():
        camera = config.to_core(camera_id)
        yield _guarded(f"camera {camera_id}", partial(_camera, camera))


def _guarded(what: str, check: Callable[[], tuple[Verdict, str]]) -> Check:
    try:
        verdict, sentence = check()
    except (StreetwardError, OSError, ImportError) as error:
        verdict, sentence = Verdict.FAILS, str(error)
    return Check(what, verdict, redact_url(" ".join(sentence.split())))


def _python(_city: CityConfig) -> tuple[Verdict, str]:
    return Verdict.WORKS, f"Python {sys.version.split()[0]}"


def _model(city: CityConfig) -> tuple[Verdict, str]:
    from vision.app.worker import detector_of

    detector = detector_of(city)
    sentence = f"{detector.version} loaded, {len(detector.names)} classes"
    detector.close()
    return Verdict.WORKS, sentence


def _gpu(city: CityConfig) -> tuple[Verdict, str]:
    if city.detection.device == "cpu":
        return Verdict.WORKS, "not asked for (detection.device is cpu)"
    try:
        import torch
    except ImportError:
        return Verdict.CARE, "detection runs on the CPU: the extra gpu is not installed"
    if not torch.cuda.is_available():
        return Verdict.CARE, "detection runs on the CPU: torch sees no CUDA GPU"
    return Verdict.WORKS, torch.cuda.get_device_name(0)


def _codecs(_city: CityConfig) -> tuple[Verdict, str]:
    from vision.streams.codecs import decoders

    have = decoders()
    missing = [name for name in ("h264", "hevc", "mjpeg") if name not in have]
    if missing:
        return Verdict.FAILS, f"FFmpeg lacks decoders for {', '.join(missing)}"
    return Verdict.WORKS, "H.264, H.265 and MJPEG can be decoded"


def _port(city: CityConfig) -> tuple[Verdict, str]:
    from vision.processes import require_port

    require_port(city.server.host, city.server.port)
    return Verdict.WORKS, f"{city.server.host}:{city.server.port} is free"


def _disk(city: CityConfig) -> tuple[Verdict, str]:
    folder = city.data
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    verdict = Verdict.WORKS if free_gb >= _LOW_DISK_GB else Verdict.CARE
    return verdict, f"{free_gb:.1f} GB free for {city.data}"


def _clock(_city: CityConfig) -> tuple[Verdict, str]:
    if sys.platform != "linux":
        return Verdict.CARE, "whether the clock is synchronised is not known on this system"
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    if state == _CLOCK_UNSYNCHRONISED:
        return Verdict.CARE, "the kernel says that the clock is not synchronised by NTP: evidence times depend on it"
    return Verdict.WORKS, "the clock is synchronised"


def _redis(city: CityConfig) -> tuple[Verdict, str]:
    if city.redis is None:
        from vision.storage.valkey import binary

        return Verdict.WORKS, f"embedded Valkey ({binary().name})"
    from vision.storage.board import Board

    board = Board(city.redis)
    board.registry_version()
    board.close()
    return Verdict.WORKS, f"{redact_url(city.redis)} answers"


def _shared_redis(city: CityConfig) -> tuple[Verdict, str]:
    """Where hub and workers run apart they meet on a Redis; only `vision up` brings one."""
    if city.redis is None:
        return Verdict.FAILS, "a hub or a worker of its own needs `redis:` in the configuration"
    return _redis(city)


def _database(city: CityConfig) -> tuple[Verdict, str]:
    from vision.storage.database import Database

    if city.database is None:
        return Verdict.WORKS, f"SQLite in {city.data}"
    database = Database(city.database)
    with database.reading() as session:
        session.connection()
    database.close()
    return Verdict.WORKS, f"{redact_url(city.database)} answers"


def _evidence(city: CityConfig) -> tuple[Verdict, str]:
    """Write, read and take away a small file in S3; a folder is left alone, it belongs to whom the service runs as."""
    if city.evidence_url.startswith("file://"):
        return Verdict.WORKS, f"kept in {city.evidence_url.removeprefix('file://')}"
    from vision.storage.blobs import ObjectBlobs

    blobs, key, said = ObjectBlobs(city.evidence_url), f"doctor/{uuid.uuid4().hex}", b"vision doctor"
    blobs.put(key, said, media_type="text/plain")
    heard = blobs.get(key)
    blobs.delete(key)
    if heard != said:
        return Verdict.FAILS, f"{redact_url(city.evidence_url)} gives back something else than what was written"
    return Verdict.WORKS, f"{redact_url(city.evidence_url)} can be written and read"


def _camera(camera: Camera) -> tuple[Verdict, str]:
    """Open it and wait for a first picture."""
    if not camera.enabled:
        return Verdict.WORKS, "switched off"
    from vision.streams.factory import open_source

    clock = SystemClock()
    began_s = clock.monotonic_s()
    source = open_source(camera, clock)
    try:
        source.open()
        frame = next(iter(source.frames()), None)
    finally:
        source.close()
    if frame is None:
        return Verdict.FAILS, f"{camera.safe_url} ended without a picture"
    height, width = frame.best.shape[:2]
    took_s = clock.monotonic_s() - began_s
    return Verdict.WORKS, f"first picture after {took_s:.1f} s, {width}×{height}, time from {frame.time_source.value}"


_CHECKS: dict[str, Callable[[CityConfig], tuple[Verdict, str]]] = {
    "python": _python,
    "model": _model,
    "gpu": _gpu,
    "codecs": _codecs,
    "port": _port,
    "disk": _disk,
    "clock": _clock,
    "redis": _redis,
    "database": _database,
    "evidence": _evidence,
}
_NOT_FOR: dict[Part, frozenset[str]] = {
    Part.ALL: frozenset(),
    Part.HUB: frozenset({"model", "gpu", "codecs"}),
    Part.WORKER: frozenset({"port", "disk", "database"}),
}
