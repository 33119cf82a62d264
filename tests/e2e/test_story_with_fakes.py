"""The whole way in one process with fakes and a fake clock: what breaks is mended, and one case is filed."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from tests.databases import new_database
from tests.pipeline.streets import NAMES, FakeBoard, FakeLeases, bicycle, frame
from vision.cases.handler import CaseHandler
from vision.cases.outbox import Dispatcher
from vision.config.registry import CameraConfig
from vision.core.codes import standard
from vision.core.detections import Detections
from vision.core.errors import SourceTimeoutError
from vision.core.findings import Finding, ViolationType
from vision.core.frames import Frame, Image
from vision.core.incidents import CaseStatus, DeliveryKind, IncidentStatus
from vision.core.ports import FrameSource
from vision.core.registry import Camera, View
from vision.hub.incidents import IncidentService
from vision.hub.runtime import Hub
from vision.hub.surroundings import CitySurroundings
from vision.incidents.ladder import DEFAULT_LADDERS, Action, Rung
from vision.pipeline.guarded import GuardedAnalyser
from vision.pipeline.parts import Parts
from vision.pipeline.scene import SceneAnalyser
from vision.pipeline.spool import Spool
from vision.pipeline.worker import Worker
from vision.rules.settings import RuleSettings
from vision.storage.bus import MemoryBus
from vision.storage.tables import CaseRow, IncidentRow, LogRow
from vision.streams.mailbox import Mailbox
from vision.streams.supervisor import Supervisor
from vision.streams.visits import PatrolRunner, Visitor
from vision.streams.watch import Watch
from vision.testing import FlakyCasePlatform, ManualClock, MemoryBlobs, Trouble

GATE = {
    "url": "rtsp://u:hunter2@h/1",
    "place": "Metro exit",
    "zones": {
        "walk": {"kind": "bike_no_parking", "dwell_s": 60, "polygon": [[0, 0.2], [1, 0.2], [1, 1], [0, 1]]},
    },
}
PATIENCE_S = 5.0


class Street:
    """One camera whose looks are judged one at a time, so that the mailbox never drops one; it breaks twice."""

    def __init__(self, clock: ManualClock, looks: int, breaks_after: set[int]) -> None:
        self.clock, self.looks, self.breaks_after = clock, looks, breaks_after
        self.at, self.opened = 0, 0
        self.judged = threading.Semaphore(0)
        self.ended = threading.Event()

    def open(self) -> None:
        self.opened += 1

    def frames(self) -> Iterator[Frame]:
        while self.at < self.looks:
            if self.at in self.breaks_after:
                self.breaks_after.discard(self.at)
                raise SourceTimeoutError("the camera went silent")
            self.at += 1
            yield frame(self.at * 10, seq=self.at)
            self.clock.advance(10)
            self.judged.acquire(timeout=PATIENCE_S)
        self.ended.set()

    def close(self) -> None:
        """Nothing to release."""


class Judge:
    """A detector that sees the bicycle at once."""

    def submit(self, image: Image, camera_id: str) -> "Future[Detections]":
        answer: Future[Detections] = Future()
        answer.set_result(bicycle())
        return answer


class CountingBus(MemoryBus):
    """Lets the street go on once its look's findings have arrived."""

    def __init__(self, street: Street) -> None:
        super().__init__()
        self.street = street

    def publish(self, findings: Sequence[Finding]) -> None:
        super().publish(findings)
        self.street.judged.release()


def test_a_camera_breaks_twice_a_platform_fails_twice_and_one_case_is_filed(tmp_path: Path, clock: ManualClock) -> None:
    street = Street(clock, looks=12, breaks_after={3, 7})
    bus, mailbox, blobs = CountingBus(street), Mailbox(), MemoryBlobs()
    camera = CameraConfig.model_validate(GATE).to_core("gate")

    def source(_camera: Camera, _session: int) -> FrameSource:
        return street

    def analyser(of: Camera, view: View) -> GuardedAnalyser:
        return GuardedAnalyser(of, view, lambda drawn: SceneAnalyser(of, drawn, RuleSettings(), NAMES, "fake-1"))

    board = FakeBoard(cameras={"gate": GATE})
    watch = Watch(Supervisor(clock, source, mailbox), PatrolRunner(clock, mailbox, Visitor(clock)))
    worker = Worker(
        "w1", Parts(clock, board, FakeLeases(), blobs, Spool(bus, clock), mailbox, watch, Judge(), analyser)
    )

    database = new_database(tmp_path / "hub.db")
    ladder = replace(DEFAULT_LADDERS[ViolationType.BIKE_MISPARKED], rungs=(Rung(Action.FILE, 0.0, ""),))
    around = CitySurroundings(lambda: [camera], {ViolationType.BIKE_MISPARKED: ladder})
    around.refresh()
    service = IncidentService(database, clock, around, route=lambda _type, _district: ["city"])
    platform = FlakyCasePlatform(troubles=[Trouble.REFUSE_NOW, Trouble.LOSE_ANSWER])
    cases = CaseHandler(database, clock, {"city": platform}, standard())
    dispatcher = Dispatcher(database, clock, {DeliveryKind.FILE: cases}, settled=service.settled)
    hub = Hub(bus, service, clock)

    worker.start()
    worker.tick()
    assert street.ended.wait(PATIENCE_S)
    worker.stop()
    while hub.take_once(wait_s=0):
        service.fire_timers()
    for _minute in range(60):
        service.fire_timers()
        dispatcher.run_once()
        clock.advance(60)

    assert street.opened == 3, "opened again after each break"
    with database.reading() as session:
        incident = session.scalars(select(IncidentRow)).one()
        case = session.scalars(select(CaseRow)).one()
        causes = [row.to_status for row in session.scalars(select(LogRow).order_by(LogRow.seq))]
    assert incident.status == IncidentStatus.FILED
    assert case.status == CaseStatus.FILED
    assert len(platform.cases) == 1, "the lost answer was asked for, not sent again"
    assert causes[0] == IncidentStatus.SUSPECTED
