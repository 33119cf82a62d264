from datetime import timedelta

import numpy as np
import pytest

from tests.pipeline.streets import GATE, NAMES, VIEW
from vision.core.detections import Detections
from vision.core.findings import FindingState, Why
from vision.core.frames import Frame, Image, TimeSource
from vision.core.registry import View
from vision.pipeline.guarded import GuardedAnalyser
from vision.pipeline.scene import SceneAnalyser
from vision.rules.settings import RuleSettings
from vision.sandbox.camera_footage import street_pictures
from vision.testing import EPOCH


@pytest.fixture(scope="module")
def street() -> list[Image]:
    return [np.ascontiguousarray(picture) for picture in street_pictures(640, 360, 60)][::5]


def guarded(lacking: dict[str, Why] | None = None) -> GuardedAnalyser:
    def make(view: View) -> SceneAnalyser:
        return SceneAnalyser(GATE, view, RuleSettings(), NAMES, "fake-1")

    return GuardedAnalyser(GATE, VIEW, make, lacking)


def look(analyser: GuardedAnalyser, image: Image, n: int, box: tuple[float, float, float, float]) -> FindingState:
    frame = Frame("gate", "main", 0, n, n * 10.0, EPOCH + timedelta(seconds=n * 10), TimeSource.CAMERA, image)
    seen = Detections(np.array([box], np.float32), np.array([0.8], np.float32), np.array([1], np.int32), NAMES)
    return analyser.look(frame, seen)[0].state


def test_a_covered_lens_is_unknown_with_its_reason_and_the_dwell_goes_on_after_it(street: list[Image]) -> None:
    analyser = guarded()
    box = (200.0, 150.0, 300.0, 250.0)
    for n in range(4):
        look(analyser, street[n], n, box)
    grey = np.full_like(street[0], 40)
    rng = np.random.default_rng(1)
    states = [look(analyser, (grey + rng.integers(0, 3, grey.shape)).astype(np.uint8), n, box) for n in range(4, 7)]
    assert set(states) == {FindingState.UNKNOWN}
    assert analyser.trouble is not None
    after = [look(analyser, street[n], n, box) for n in range(7, 11)]
    assert after[-1] is FindingState.PRESENT
    assert analyser.trouble is None


def test_zones_follow_a_small_shift(street: list[Image]) -> None:
    analyser = guarded()
    box = (200.0, 150.0, 300.0, 250.0)
    for n in range(3):
        look(analyser, street[n], n, box)
    for n in range(3, 9):
        look(analyser, np.roll(street[n], 16, axis=1), n, (216.0, 150.0, 316.0, 250.0))
    (x, _y), *_rest = analyser.view.zones[0].polygon
    assert x == pytest.approx(VIEW.zones[0].polygon[0][0] + 16 / 640, abs=0.01)


def test_memory_passes_through(street: list[Image]) -> None:
    first, second = guarded(), guarded()
    for n in range(3):
        look(first, street[n], n, (200.0, 150.0, 300.0, 250.0))
    second.restore(first.to_record())
    assert second.to_record()["tracker"] == first.to_record()["tracker"]
    with pytest.raises((ValueError, KeyError, TypeError)):
        second.restore({"nothing": 1})


def test_a_zone_whose_class_the_model_lacks_is_unknown_and_not_absent(street: list[Image]) -> None:
    why = Why("不识别 garbage", "ours 3 (models.yaml) does not detect garbage")
    nowhere, inside = (0.0, 0.0, 5.0, 5.0), (200.0, 150.0, 300.0, 250.0)
    (zone,) = VIEW.zones
    able, unable = guarded(), guarded({zone.id: why})
    assert (able.trouble, unable.trouble) == (None, why)
    assert [look(one, street[0], 0, nowhere) for one in (able, unable)] == [FindingState.ABSENT, FindingState.UNKNOWN]
    assert [look(unable, street[n], n, inside) for n in (1, 2)][-1] is FindingState.PRESENT
