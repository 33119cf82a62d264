"""A worker of simulated cameras: the real leases, spool, bus, evidence and health around a street that is known.

`python -m benchmarks.cluster_street '{"name": …}'` runs one; it notes every look and every finding in a file that
outlives it, so that what it made can be counted against what the hub took.
"""

import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from vision.app.worker import assigning
from vision.core.clock import SteeredClock, SystemClock
from vision.core.detections import Detections
from vision.core.errors import SourceError
from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.frames import Frame, Image, TimeSource
from vision.core.registry import Camera, View
from vision.detectors.batcher import Batcher
from vision.pipeline.parts import Parts
from vision.pipeline.spool import Spool
from vision.pipeline.worker import Worker
from vision.storage.blobs import ObjectBlobs
from vision.storage.board import Board
from vision.storage.bus import RedisBus
from vision.storage.common_time import common_time
from vision.storage.late_blobs import LateBlobs
from vision.storage.leases import CameraLeases
from vision.streams.health import CameraHealth, CameraState
from vision.streams.mailbox import Mailbox

_STANDING = Why("有物品停留。", "Something has been left standing.")
_QUIET = Why("区域内无目标。", "Nothing stands in the zone.")
_PICTURE = np.zeros((48, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Street:
    """What happens in front of the cameras: each zone has one violation, at a time drawn from its name.

    Attributes:
        begins_s: CLOCK_MONOTONIC of the run's begin: the same for every process of the machine, whatever its clock.
        from_s, until_s: violations begin within this stretch of the run.
    """

    begins_s: float
    cameras: int
    zones: int
    from_s: float
    until_s: float
    lasts_s: float
    sample_s: float = 1.0
    dwell_s: float = 3.0

    def ids(self) -> list[str]:
        return [f"c{n:04d}" for n in range(self.cameras)]

    def violations(self) -> set[tuple[str, str]]:
        return {(camera, f"z{n}") for camera in self.ids() for n in range(self.zones)}

    def stands(self, camera_id: str, zone_id: str, now_s: float) -> bool:
        digest = hashlib.blake2b(f"{camera_id}/{zone_id}".encode(), digest_size=4).digest()
        begins_s = self.from_s + (self.until_s - self.from_s) * int.from_bytes(digest) / 2**32
        return begins_s <= now_s - self.begins_s < begins_s + self.lasts_s


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a worker's process is told; `detector_s` as in benchmarks.cluster_city.City."""

    name: str
    redis: str
    evidence: str
    notes: str
    street: Street
    detector_s: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Setup":
        values = json.loads(text)
        return cls(**{**values, "street": Street(**values["street"])})


class Notes:
    """One line a thing, written at once: it has to survive the process's death."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, kind: str, what: str, now_s: float) -> None:
        self._file.write(f"{kind} {what} {now_s:.3f}\n".encode())


class NotedSpool(Spool):
    """The product's, and a note of every finding that was given to it."""

    notes: Notes
    monotonic: SystemClock

    def put(self, findings: Sequence[Finding]) -> None:
        now_s = self.monotonic.monotonic_s()
        for finding in findings:
            self.notes.write("F", finding.id, now_s)
        super().put(findings)


@dataclass(slots=True)
class Analyser:
    """Sees what stands, and remembers since when, as the real one does."""

    camera: Camera
    view: View
    street: Street
    notes: Notes
    since: dict[str, datetime] = field(default_factory=dict)

    @property
    def trouble(self) -> Why | None:
        return None

    @property
    def parked(self) -> Mapping[str, tuple[int, datetime]]:
        return {}

    def look(self, frame: Frame, detections: Detections) -> list[Finding]:
        assert not len(detections), "what stands is known, nothing is detected"
        now_s = SystemClock().monotonic_s()
        findings = [self._finding(zone.id, frame.captured_at, now_s) for zone in self.view.zones]
        self.notes.write("L", f"{self.camera.id}/{findings[0].id}", now_s)
        return findings

    def _finding(self, zone_id: str, at: datetime, now_s: float) -> Finding:
        stands = self.street.stands(self.camera.id, zone_id, now_s)
        since = self.since.setdefault(zone_id, at) if stands else at
        if not stands:
            self.since.pop(zone_id, None)
        return Finding(
            self.camera.id,
            self.view.id,
            zone_id,
            ViolationType.GARBAGE,
            Subtype.EXPOSED_GARBAGE,
            FindingState.PRESENT if stands else FindingState.ABSENT,
            at,
            since,
            self.street.dwell_s,
            _STANDING if stands else _QUIET,
            (FindingObject("bag", (0.45, 0.5, 0.52, 0.6), 0.9, since, at),) if stands else (),
            0.9 if stands else 0.0,
        )

    def take_reference(self) -> Image | None:
        return None

    def accept(self) -> None:
        """There is no reference to renew."""

    def blind(self, at: datetime, why: Why) -> list[Finding]:
        state = FindingState.UNKNOWN
        now_s = SystemClock().monotonic_s()
        return [replace(self._finding(z.id, at, now_s), state=state, why=why, objects=()) for z in self.view.zones]

    def to_record(self) -> dict[str, Any]:
        return {zone: at.isoformat() for zone, at in self.since.items()}

    def restore(self, record: dict[str, Any]) -> None:
        self.since = {zone: datetime.fromisoformat(at) for zone, at in record.items()}


class Watch:
    """One thread that looks at every camera it was given, in turn, once a sampling interval."""

    def __init__(self, clock: SteeredClock, mailbox: Mailbox, street: Street) -> None:
        self._clock, self._mailbox, self._street = clock, mailbox, street
        self._cameras: dict[str, Camera] = {}
        self._seq = 0
        self._stopping = threading.Event()
        threading.Thread(target=self._turn, daemon=True).start()

    def apply(self, cameras: list[Camera]) -> None:
        self._cameras = {camera.id: camera for camera in cameras}

    def visit_soon(self, camera_id: str) -> None:
        """Every camera is looked at soon anyway."""

    def hold(self, camera_ids: frozenset[str]) -> None:
        """Nobody turns a simulated camera."""

    def boost(self, camera_ids: frozenset[str]) -> None:
        """Every camera is looked at as often as it can be."""

    def rounds(self) -> Any:
        return None

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        raise SourceError(f"{camera_id} keeps no ring from {begin} to {end}")

    def health(self) -> Mapping[str, CameraHealth]:
        now = self._clock.now()
        return {key: CameraHealth(key, CameraState.LIVE, "", now) for key in self._cameras}

    def stop(self) -> None:
        self._stopping.set()

    def _turn(self) -> None:
        while not self._stopping.is_set():
            cameras = list(self._cameras.values())
            for camera in cameras:
                self._seq += 1
                now, now_s = self._clock.now(), self._clock.monotonic_s()
                view = camera.views[0].id
                self._mailbox.put(Frame(camera.id, view, 0, self._seq, now_s, now, TimeSource.ARRIVAL, _PICTURE))
                self._clock.sleep(self._street.sample_s / len(cameras), self._stopping)
            if not cameras:
                self._clock.sleep(0.1, self._stopping)


class Nothing:
    """A detector's batcher that sees nothing, at once: what stands is known."""

    def submit(self, image: Image, camera_id: str) -> "Future[Detections]":
        answer: Future[Detections] = Future()
        answer.set_result(Detections.empty((camera_id,)) if image.size else Detections.empty(()))
        return answer


class TimedDetector:
    """Sees nothing, after as many seconds a batch as a file says at that moment."""

    names: tuple[str, ...] = ("bag",)
    version = "timed"

    def __init__(self, seconds: Path) -> None:
        self._seconds, self._clock = seconds, SystemClock()

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        self._clock.sleep(float(self._seconds.read_text()), threading.Event())
        return [Detections.empty(self.names) for _ in images]

    def close(self) -> None:
        """There is nothing to free."""


@contextlib.contextmanager
def made(setup: Setup) -> Iterator[Worker]:
    """A worker as `vision worker` puts it together, but for cameras, detector and rules."""
    folder = Path(setup.notes)
    notes = Notes(folder / f"worker-{setup.name}-{os.getpid()}")
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.callback(ended.set)
        bus, board = RedisBus(setup.redis), Board(setup.redis)
        leases = CameraLeases(setup.redis, setup.name)
        for each in (bus, board, leases):
            stack.callback(each.close)
        clock, mailbox = stack.enter_context(common_time(board)), Mailbox()
        stack.enter_context(assigning(setup.redis, setup.name, board, clock))
        blobs = LateBlobs(ObjectBlobs(setup.evidence), clock)
        stack.callback(blobs.close)
        spool = NotedSpool(bus, clock)
        spool.notes, spool.monotonic = notes, SystemClock()
        parts = Parts(
            clock=clock,
            board=board,
            leases=leases,
            blobs=blobs,
            spool=spool,
            mailbox=mailbox,
            watch=Watch(clock, mailbox, setup.street),
            batcher=_batcher(setup, stack, clock),
            evidence_waiting=blobs.waiting,
            make_analyser=lambda camera, view: Analyser(camera, view, setup.street, notes),
        )
        if isinstance(parts.batcher, Batcher):
            threading.Thread(target=_note_queues, args=(notes, mailbox, parts.batcher, ended), daemon=True).start()
        yield Worker(setup.name, parts)


def _batcher(setup: Setup, stack: contextlib.ExitStack, clock: SteeredClock) -> Batcher | Nothing:
    if not setup.detector_s:
        return Nothing()
    batcher = Batcher(TimedDetector(Path(setup.detector_s)), 4, clock=clock)
    stack.callback(batcher.close)
    return batcher


def _note_queues(notes: Notes, mailbox: Mailbox, batcher: Batcher, stop: threading.Event) -> None:
    """Once a second, how many pictures wait where."""
    clock = SystemClock()
    while not stop.is_set():
        notes.write("Q", f"mailbox={mailbox.waiting()}", clock.monotonic_s())
        notes.write("Q", f"batcher={batcher.waiting}", clock.monotonic_s())
        clock.sleep(1.0, stop)


def work(folder: str, name: str, stop: threading.Event) -> None:
    """For a Ray actor: the set-up lies in a file."""
    setup = Setup.from_json((Path(folder) / "setup.json").read_text())
    with made(replace(setup, name=name)) as worker:
        worker.run(stop)


def run() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with made(Setup.from_json(sys.argv[1])) as worker:
        worker.run(stop)


if __name__ == "__main__":
    run()
