"""A high view through batcher, looks and analyser: what is too small for the whole picture is found in a tile."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from datetime import timedelta

import numpy as np
import pytest

from tests.pipeline.streets import NAMES
from vision.config.registry import CameraConfig
from vision.core.detections import Detections
from vision.core.errors import DetectorError
from vision.core.findings import Finding, FindingState, ViolationType
from vision.core.frames import Frame, Image, TimeSource
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.detectors.batcher import Batcher
from vision.detectors.change import ChangeDetector
from vision.pipeline.asked import Asked, Tilings, ask
from vision.pipeline.looks import Looks
from vision.pipeline.scene import SceneAnalyser
from vision.rules.settings import RuleSettings
from vision.streams.mailbox import Mailbox
from vision.testing import EPOCH

FAR = Zone("far", ZoneKind.BIKE_NO_PARKING, ((0.55, 0.1), (0.95, 0.1), (0.95, 0.4), (0.55, 0.4)), dwell_s=30)
LARGE, SMALL = (540, 960), (270, 480)
BIKE_PX = (700, 120, 760, 150)  # in the full picture: one sixteenth as wide


class ShortSighted:
    """Finds the white rectangle as a bicycle, if it is at least a tenth as wide as the picture it is shown."""

    names = NAMES
    version = "short-sighted"

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Detections:
        self.shown.append(image.shape[:2])
        rows, columns = np.nonzero(image[..., 0] > 250)
        if not len(rows) or np.ptp(columns) < 0.1 * image.shape[1]:
            return Detections.empty(NAMES)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(np.array([box], np.float32), np.array([0.8], np.float32), np.array([1], np.int32), self.names)

    def close(self) -> None:
        """Nothing to release."""


def frame(seconds: float) -> Frame:
    full = (np.indices(LARGE).sum(axis=0) // 24 % 5 * 40 + 30).astype(np.uint8)[..., None].repeat(3, axis=2)
    x1, y1, x2, y2 = BIKE_PX
    full[y1:y2, x1:x2] = 255
    at = EPOCH + timedelta(seconds=seconds)
    image = np.ascontiguousarray(full[::2, ::2])
    return Frame("roof", "main", 0, int(seconds), seconds, at, TimeSource.CAMERA, image, full)


def judged(tiles: int) -> tuple[list[Finding], ShortSighted]:
    view = View(zones=(FAR,), tiles=tiles)
    camera = Camera("roof", "rtsp://h/1", views=(view,))
    analyser = SceneAnalyser(camera, view, RuleSettings(), NAMES, "short-sighted", change=ChangeDetector([]))
    detector, mailbox = ShortSighted(), Mailbox()
    batcher = Batcher(detector, wait_s=0)
    findings: list[Finding] = []
    judged_one = threading.Event()

    def done(_analyser: object, _frame: Frame, found: list[Finding]) -> None:
        findings.extend(f for f in found if f.type is ViolationType.BIKE_MISPARKED)
        judged_one.set()

    looks = Looks(mailbox, batcher, lambda _camera, _view: analyser, done)
    looks.start()
    try:
        for second in range(0, 50, 10):
            judged_one.clear()
            mailbox.put(frame(second))
            assert judged_one.wait(20)
    finally:
        looks.stop()
        batcher.close()
    return findings, detector


def test_tiles_find_what_the_whole_picture_does_not() -> None:
    whole, detector = judged(tiles=0)
    assert {finding.state for finding in whole} == {FindingState.ABSENT}
    assert set(detector.shown) == {SMALL}
    tiled, detector = judged(tiles=4)
    assert tiled[-1].dwelled
    assert len(tiled[-1].objects) == 1
    assert tiled[-1].objects[0].box == pytest.approx((700 / 960, 120 / 540, 760 / 960, 150 / 540), abs=0.005)
    assert SMALL in detector.shown
    assert (480, 480) in detector.shown


def test_a_view_without_tiles_or_zones_is_looked_at_whole() -> None:
    tilings = Tilings()
    assert tilings.of(frame(0), View(zones=(FAR,))) is None
    assert tilings.of(frame(0), View(tiles=4)) is None
    masked = Zone("mask", ZoneKind.IGNORE, FAR.polygon)
    assert tilings.of(frame(0), View(zones=(masked,), tiles=4)) is None


def test_a_tiling_is_made_once_and_anew_for_redrawn_zones() -> None:
    tilings, view = Tilings(), View(zones=(FAR,), tiles=4)
    first = tilings.of(frame(0), view)
    assert first is not None
    assert tilings.of(frame(10), view) is first
    assert tilings.of(frame(10), View(zones=(FAR,), tiles=2)) is not first


def test_no_more_tiles_than_the_view_allows() -> None:
    everywhere = Zone("all", ZoneKind.PAVEMENT, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    for most in (1, 3, 12):
        tiling = Tilings().of(frame(0), View(zones=(everywhere,), tiles=most))
        assert tiling is not None
        assert 1 <= len(tiling.tiles) <= most


class Refusing:
    """Answers the first picture and drops the others, as a full queue does."""

    def __init__(self) -> None:
        self._answers: Iterator[bool] = iter([True] + [False] * 20)

    def submit(self, image: Image, camera_id: str) -> "Future[Detections]":
        answer: Future[Detections] = Future()
        if next(self._answers):
            answer.set_result(Detections.empty(NAMES))
        else:
            answer.cancel()
        return answer


def test_a_look_of_which_a_tile_was_dropped_is_no_look() -> None:
    asked: Asked = ask(Refusing(), frame(0), Tilings().of(frame(0), View(zones=(FAR,), tiles=4)))
    with pytest.raises(CancelledError):
        asked.result(1)


def test_a_closed_batcher_says_so() -> None:
    batcher = Batcher(ShortSighted())
    batcher.close()
    with pytest.raises(DetectorError, match="closed"):
        ask(batcher, frame(0), None)


@pytest.mark.parametrize(("said", "most"), [("auto", 4), ("off", 0), (False, 0), (2, 2)])
def test_the_setting_of_a_view(said: object, most: int) -> None:
    zones = {"far": {"kind": "pavement", "polygon": [[0, 0], [1, 0], [1, 1]]}}
    one = CameraConfig.model_validate({"url": "rtsp://h/1", "tiles": said, "zones": zones}).to_core("roof")
    assert one.views[0].tiles == most
    assert ("keep_full", "true") in one.options or not most
    views = {"left": {"zones": zones, "tiles": said}, "right": {"zones": zones}}
    many = CameraConfig.model_validate({"url": "rtsp://h/1", "views": views}).to_core("roof")
    assert [view.tiles for view in many.views] == [most, 0]


@pytest.mark.parametrize("said", ["many", 0, 13, 1.5])
def test_a_wrong_setting_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match="tiles"):
        CameraConfig.model_validate({"url": "rtsp://h/1", "tiles": said})
