import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from tests.pipeline.streets import GATE_DOCUMENT as GATE
from tests.pipeline.streets import NAMES, FakeBoard, FakeLeases, bicycle, frame
from tests.pipeline.streets import ZONE_DOCUMENT as ZONE
from vision.core.detections import Detections
from vision.core.errors import DetectorError, SourceError
from vision.core.findings import Finding, FindingState
from vision.core.frames import Image
from vision.core.registry import Camera, View
from vision.detectors.letterbox import check_image
from vision.pipeline.guarded import GuardedAnalyser
from vision.pipeline.parts import Parts
from vision.pipeline.scene import SceneAnalyser
from vision.pipeline.spool import Spool
from vision.pipeline.worker import Worker
from vision.rules.book import lacking
from vision.rules.settings import RuleSettings
from vision.storage.bus import MemoryBus
from vision.streams.mailbox import Mailbox
from vision.streams.patrol import PatrolReport
from vision.testing import ManualClock, MemoryBlobs


class State(StrEnum):
    LIVE = "live"
    RECONNECTING = "reconnecting"


@dataclass
class Health:
    state: State = State.LIVE


@dataclass
class FakeSupervisor:
    applied: list[list[Camera]] = field(default_factory=list)
    states: dict[str, Health] = field(default_factory=dict)
    visits: list[str] = field(default_factory=list)
    held: frozenset[str] = frozenset()
    boosts: list[frozenset[str]] = field(default_factory=list)

    def boost(self, camera_ids: frozenset[str]) -> None:
        self.boosts.append(camera_ids)

    def rounds(self) -> PatrolReport:
        return PatrolReport(3, 1, 0.5, 700.0, 0, 10, 2)

    def visit_soon(self, camera_id: str) -> None:
        self.visits.append(camera_id)

    def hold(self, camera_ids: frozenset[str]) -> None:
        self.held = camera_ids

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        raise SourceError("no ring")

    def apply(self, cameras: list[Camera]) -> None:
        self.applied.append(list(cameras))
        self.states = {camera.id: self.states.get(camera.id, Health()) for camera in cameras}

    def health(self) -> Mapping[str, Any]:
        return self.states

    def stop(self) -> None:
        self.states = {}


class Instant:
    """A batcher that answers at once."""

    def __init__(self, answer: Detections | DetectorError) -> None:
        self.answer = answer

    def submit(self, image: Image, camera_id: str) -> "Future[Detections]":
        check_image(image)
        future: Future[Detections] = Future()
        if isinstance(self.answer, DetectorError):
            future.set_exception(self.answer)
        else:
            future.set_result(self.answer)
        return future


@dataclass
class Rig:
    clock: ManualClock
    board: FakeBoard = field(default_factory=FakeBoard)
    leases: FakeLeases = field(default_factory=FakeLeases)
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    bus: MemoryBus = field(default_factory=MemoryBus)
    mailbox: Mailbox = field(default_factory=Mailbox)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    batcher: Instant = field(default_factory=lambda: Instant(bicycle()))

    def worker(self) -> Worker:
        def analyser(camera: Camera, view: View) -> GuardedAnalyser:
            return GuardedAnalyser(
                camera,
                view,
                lambda drawn: SceneAnalyser(camera, drawn, RuleSettings(), NAMES, "fake-1"),
                lacking(view, NAMES, "fake-1 (models.yaml)"),
            )

        spool = Spool(self.bus, self.clock)
        parts = Parts(
            self.clock, self.board, self.leases, self.blobs, spool, self.mailbox, self.supervisor, self.batcher, analyser
        )  # fmt: skip
        return Worker("w1", parts)

    def look(self, worker: Worker, *seconds: float) -> list[Finding]:
        """Hand in looks one by one, wait until each is judged, and return what was sent."""
        got: list[Finding] = []
        for number, at_s in enumerate(seconds):
            self.mailbox.put(frame(at_s, seq=number))
            for _ in range(100):
                rows = self.bus.read(wait_s=0.1, limit=10)
                if rows:
                    got += [f for _key, f in rows]
                    break
        return got


@pytest.fixture
def rig(clock: ManualClock) -> Rig:
    return Rig(clock)


def test_looks_become_findings_with_evidence_once_the_bicycle_has_stood(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    findings = rig.look(worker, 0, 10, 20, 30, 40)
    worker.stop()
    assert [f.state for f in findings][1:] == [FindingState.PRESENT] * 4
    assert [f.dwelled for f in findings][-1] is True
    assert len(findings[1].evidence) == 2


def test_a_restarted_worker_remembers_what_stood(rig: Rig) -> None:
    first = rig.worker()
    first.start()
    first.tick()
    rig.look(first, 0, 10, 20)
    first.stop()
    rig.mailbox = Mailbox()
    second = rig.worker()
    second.start()
    second.tick()
    findings = rig.look(second, 30)
    second.stop()
    assert findings[0].dwelled, "the dwell goes on where the first worker left off"


def test_only_the_changed_camera_is_touched(rig: Rig) -> None:
    worker = rig.worker()
    rig.board.cameras = {"gate": GATE, "yard": {"url": "rtsp://h/2"}}
    worker.tick()
    gate = worker._cameras["gate"]
    rig.board.cameras = {"gate": GATE, "yard": {"url": "rtsp://h/3"}, "roof": {"url": "rtsp://h/4"}}
    worker.tick()
    assert worker._cameras["gate"] is gate, "an unchanged version is not read again"
    rig.board.version = 2
    worker.tick()
    assert worker._cameras["gate"] is gate
    assert worker._cameras["yard"].camera.url == "rtsp://h/3"
    rig.board.cameras, rig.board.version = {"gate": GATE}, 3
    worker.tick()
    assert set(worker._cameras) == set(rig.board.health) == {"gate"}


def test_a_camera_added_while_running_whose_zone_the_model_cannot_judge_says_so(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    pavement = {"kind": "pavement", "polygon": ZONE["polygon"]}
    rig.board.cameras, rig.board.version = {"gate": GATE, "yard": {"url": "rtsp://h/2", "zones": {"w": pavement}}}, 2
    worker.tick()
    assert rig.board.health["gate"]["view"] == "good"
    yard = rig.board.health["yard"]
    assert yard["view"] == "unusable"
    assert yard["reason"].endswith("pavement “w” wants garbage, which fake-1 (models.yaml) does not detect")


def test_a_camera_that_is_down_says_unknown_at_once_and_then_every_minute(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    worker.parts.spool.flush_once()
    rig.supervisor.states["gate"] = Health(State.RECONNECTING)
    for _second in range(70):
        worker.tick()
        rig.clock.advance(1)
    worker.parts.spool.flush_once()
    told = [f for _key, f in rig.bus.read(wait_s=0, limit=99)]
    assert [f.state for f in told] == [FindingState.UNKNOWN] * 2
    assert told[0].why.zh == "摄像机离线"


def test_a_board_that_is_away_leaves_the_cameras_running(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    rig.board.away = True
    worker.tick()
    assert set(worker._cameras) == {"gate"}
    rig.board.away = False
    worker.tick()
    assert rig.board.health["gate"] == {"state": "live", "view": "good"}


def test_somebody_watching_gets_the_current_picture(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    rig.board.wanted = {"gate"}
    worker.tick()
    rig.look(worker, 0)
    worker.stop()
    assert rig.board.looks["gate"].startswith(b"\xff\xd8")


def test_a_failing_detector_costs_the_look_and_not_the_worker(rig: Rig) -> None:
    rig.batcher.answer = DetectorError("out of memory")
    worker = rig.worker()
    worker.start()
    worker.tick()
    rig.mailbox.put(frame(0))
    done = threading.Event()
    for _ in range(100):
        if worker._looks.failed:
            break
        done.wait(0.05)
    rig.batcher.answer = bicycle()
    assert rig.look(worker, 10, 20)[-1].state is FindingState.PRESENT
    worker.stop()


def test_an_empty_picture_costs_its_look_and_no_other(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    rig.mailbox.put(replace(frame(0), image=np.zeros((0, 0, 3), np.uint8)))
    for _ in range(100):
        if worker._looks.failed:
            break
        threading.Event().wait(0.02)
    assert worker._looks.failed == 1
    assert rig.look(worker, 10, 20)
    assert worker._looks.alive()
    worker.stop()


def test_a_camera_that_another_worker_holds_is_left_alone(rig: Rig) -> None:
    rig.board.cameras = {"gate": GATE, "yard": {"url": "rtsp://h/2"}}
    rig.leases.others = {"yard"}
    worker = rig.worker()
    worker.tick()
    assert set(worker._cameras) == {"gate"}
    rig.leases.others = set()
    worker.tick()
    assert set(worker._cameras) == {"gate", "yard"}
    rig.board.shared = frozenset({"yard"})
    worker.tick()
    assert set(worker._cameras) == {"yard"}
    assert rig.leases.released == ["gate"]


def test_findings_carry_the_token_of_the_lease(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    assert rig.look(worker, 0)[0].fence == 7
    rig.leases.token = 9
    worker.tick()
    assert rig.look(worker, 10)[0].fence == 9
    worker.stop()


def test_a_recheck_asks_for_a_visit_once(rig: Rig) -> None:
    worker = rig.worker()
    rig.board.recheck = {"gate", "somebody-elses"}
    worker.tick()
    worker.tick()
    assert rig.supervisor.visits == ["gate"]
    assert rig.board.recheck == {"somebody-elses"}


def test_cameras_with_incidents_under_way_are_hurried_and_the_rounds_reported(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    rig.board.under_way = frozenset({"gate", "somebody-elses"})
    worker.tick()
    worker.tick()
    rig.board.under_way = frozenset()
    worker.tick()
    assert rig.supervisor.boosts == [frozenset({"gate"}), frozenset()]
    assert rig.board.patrol is not None
    assert rig.board.patrol["within_target"] == 0.5


def test_a_camera_that_a_person_turns_is_not_judged_and_says_unknown(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    assert [f.state for f in rig.look(worker, 0)] == [FindingState.ABSENT]
    rig.board.turned = {"gate", "another worker's"}
    worker.tick()
    assert rig.supervisor.held == {"gate"}
    (said,) = (finding for _key, finding in rig.bus.read(wait_s=1, limit=10))
    assert (said.state, said.why.en) == (FindingState.UNKNOWN, "an operator is turning the camera")
    assert rig.board.health["gate"]["view"] == "held"
    rig.mailbox.put(frame(10, seq=1))
    assert rig.bus.read(wait_s=0.3, limit=10) == [], "what it shows meanwhile is no look"
    rig.board.turned = set()
    worker.tick()
    assert rig.supervisor.held == frozenset()
    assert len(rig.look(worker, 20)) == 1
    worker.stop()


def test_a_new_view_is_judged_once_a_person_has_accepted_it(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    rig.look(worker, *range(0, 60, 10))
    assert rig.board.references.keys() == {"gate/main"}
    rig.board.references.clear()
    elsewhere = np.random.default_rng(5).integers(0, 255, (120, 160, 3), np.uint8)
    said = []
    for number in range(3):
        moved = np.clip(elsewhere.astype(int) + number, 0, 255).astype(np.uint8)
        rig.mailbox.put(replace(frame(60 + 10 * number, seq=10 + number), image=moved))
        said += [finding for _key, finding in rig.bus.read(wait_s=5, limit=10)]
    worker.tick()
    assert said[-1].state is FindingState.UNKNOWN
    assert rig.board.health["gate"]["view"] == "unusable"
    rig.board.accepted = {"gate/main"}
    worker.tick()
    assert rig.supervisor.visits == ["gate"]
    rig.mailbox.put(replace(frame(90, seq=20), image=elsewhere))
    assert rig.bus.read(wait_s=5, limit=10)
    worker.tick()
    assert rig.board.health["gate"]["view"] == "good"
    worker.stop()  # a reference is shown after the look's findings went out
    assert rig.board.references.keys() == {"gate/main"}, "the new picture is the reference"


def test_looks_get_rarer_while_the_hubs_are_behind(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = rig.worker()
    monkeypatch.setattr(rig.bus, "waiting", lambda: 240_000)
    worker.tick()
    assert rig.board.load["looks_share"] == 0.25
    assert rig.board.load["findings_behind"] == 240_000
    monkeypatch.setattr(rig.bus, "waiting", lambda: 10)
    worker.tick()
    assert rig.board.load["looks_share"] == 1
    monkeypatch.setattr(rig.bus, "oldest_s", lambda: 60.0)
    worker.tick()
    assert rig.board.load["looks_share"] == 0.5, "a small city's hub is late by time, not by number"


def test_leases_are_renewed_beside_the_ticks_and_findings_carry_the_newest_token(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    rig.leases.token = 9
    worker._holding.renew()
    assert rig.board.alive == ["w1"]
    assert [finding.fence for finding in rig.look(worker, 0)] == [9]
    worker.stop()


def test_leases_are_renewed_while_new_cameras_memories_are_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by another thread: a lock that is held meanwhile would never be given."""
    renewed: list[list[str]] = []
    worker = rig.worker()

    def memory(_key: str) -> None:
        thread = threading.Thread(target=worker._holding.renew)
        thread.start()
        thread.join(5)
        renewed.append([] if thread.is_alive() else list(worker._holding.fences))

    monkeypatch.setattr(rig.board, "memory", memory)
    worker.tick()
    assert renewed == [["gate"]], "also those of cameras that are only being taken over"


def test_a_camera_that_another_worker_got_meanwhile_is_not_judged(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    assert worker._analyser("gate", "main") is not None
    rig.leases.others = {"gate"}
    worker._holding.renew()
    assert worker._analyser("gate", "main") is None
    worker.tick()
    assert set(worker._cameras) == set()


def test_a_worker_whose_ticks_hang_lets_others_have_its_cameras(rig: Rig) -> None:
    worker = rig.worker()
    worker.tick()
    worker._holding.renew()
    rig.clock.advance(61)
    for _turn in range(3):
        worker._holding.renew()
    assert rig.board.alive == ["w1"]
    worker.tick()
    worker._holding.renew()
    assert rig.board.alive == ["w1", "w1"]


def test_nothing_is_renewed_once_a_worker_has_left(rig: Rig) -> None:
    worker = rig.worker()
    worker.start()
    worker.tick()
    worker.stop()
    worker._holding.renew()
    assert rig.leases.released == ["gate"]
    assert (rig.board.left, rig.board.alive) == ("w1", [])


def test_whatever_fails_when_leases_are_renewed_is_counted_and_tried_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, stop = rig.worker(), threading.Event()
    worker.tick()
    turns: list[None] = []

    def hold(_cameras: object) -> dict[str, int]:
        turns.append(None)
        if len(turns) == 2:
            stop.set()
        raise RuntimeError("should not happen")

    monkeypatch.setattr(rig.leases, "hold", hold)
    worker._holding.run(stop)
    assert worker._holding.failures == 2
    assert worker._holding.fences == {"gate": 7}, "what was ours is ours until somebody says otherwise"
