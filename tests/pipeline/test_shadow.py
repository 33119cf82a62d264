"""A second model is compared on a share of the looks, and never stands in their way."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.streets import frame
from tests.pipeline.test_models import FakeBatcher
from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError
from vision.hub.models import shadows
from vision.pipeline.models import Model
from vision.pipeline.shadow import Shadow, compare

IMAGE = frame(0).image
NAMES = ("bicycle", "garbage")


def boxes(*rows: tuple[str, float, float], names: tuple[str, ...] = NAMES) -> Detections:
    """Boxes of 100 px by class, left edge and score."""
    return Detections(
        np.array([[x, 0, x + 100, 100] for _, x, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in rows], np.float32),
        np.array([names.index(name) for name, _, _ in rows], np.int32),
        names,
    )


def test_what_both_see_is_told_from_what_one_sees_alone() -> None:
    first = boxes(("bicycle", 0, 0.9), ("bicycle", 300, 0.8), ("garbage", 600, 0.7))
    second = boxes(("bicycle", 10, 0.6), ("garbage", 0, 0.9), ("garbage", 600, 0.2))
    assert compare(first, second) == {
        ("bicycle", "both"): 1,
        ("bicycle", "first"): 1,
        ("garbage", "first"): 1,  # the shadow's is too faint to count
        ("garbage", "shadow"): 1,
    }


def test_a_class_that_one_model_does_not_know_is_left_out() -> None:
    assert compare(boxes(("garbage", 0, 0.9)), boxes(("bicycle", 0, 0.9), names=("bicycle",))) == {
        ("bicycle", "shadow"): 1
    }


@given(st.lists(st.floats(0, 500), max_size=6), st.lists(st.floats(0, 500), max_size=6))
def test_every_box_is_counted_once(ours: list[float], theirs: list[float]) -> None:
    seen = compare(boxes(*(("bicycle", x, 0.9) for x in ours)), boxes(*(("bicycle", x, 0.9) for x in theirs)))
    assert seen["bicycle", "both"] + seen["bicycle", "first"] == len(ours)
    assert seen["bicycle", "both"] + seen["bicycle", "shadow"] == len(theirs)


class Side:
    """A first model and a shadow that answer when they are told to."""

    def __init__(self, load: Callable[[str], Model] | None = None, share: float = 1.0, draw: float = 0.0) -> None:
        self.first, self.second = FakeBatcher(), FakeBatcher()
        self.shadow = Shadow(
            Looking(self.first),
            load or (lambda name: Model(name, NAMES, f"{name} 2.0", self.second)),
            "new",
            share,
            draw=lambda: draw,
        )

    def counts(self) -> tuple[int, int, int]:
        record = self.shadow.record()
        return record["compared"], record["passed"], record["failed"]


class Looking:
    def __init__(self, batcher: FakeBatcher) -> None:
        self._batcher = batcher

    def submit(self, image: Any, camera_id: str = "") -> "Future[Detections]":
        return self._batcher.submit(image, camera_id)


def test_a_look_is_answered_by_the_first_model_and_compared_with_the_shadows() -> None:
    side = Side()
    answer = side.shadow.submit(IMAGE, "gate")
    seen = boxes(("bicycle", 0, 0.9))
    answer.set_result(seen)
    assert answer.result(timeout=0) is seen
    assert side.counts() == (0, 0, 0)
    side.second.waiting[0].set_result(boxes(("garbage", 0, 0.9)))
    assert side.counts() == (1, 0, 0)
    assert side.shadow.record()["classes"] == {
        "bicycle": {"both": 0, "first": 1, "shadow": 0},
        "garbage": {"both": 0, "first": 0, "shadow": 1},
    }


def test_only_the_share_goes_to_the_shadow() -> None:
    side = Side(share=0.05, draw=0.05)
    side.shadow.submit(IMAGE, "gate")
    assert not side.second.waiting


def test_a_slow_shadow_lets_looks_pass() -> None:
    side = Side()
    for _ in range(10):
        side.shadow.submit(IMAGE, "gate").set_result(boxes())
    assert len(side.second.waiting) == 4
    assert side.counts() == (0, 6, 0)


def test_a_failing_shadow_is_counted_and_the_looks_go_on() -> None:
    side = Side()
    side.shadow.submit(IMAGE, "gate").set_result(boxes())
    side.second.waiting[0].set_exception(DetectorError("out of memory"))
    side.second.close()
    side.shadow.submit(IMAGE, "gate").set_result(boxes())
    assert side.counts() == (0, 0, 2)


def test_a_shadow_that_cannot_be_loaded_says_why() -> None:
    def load(name: str) -> Model:
        raise ModelFileError("new.xml: the file is damaged")

    side = Side(load)
    side.shadow.submit(IMAGE, "gate").set_result(boxes())
    assert side.shadow.record()["reason"] == "new.xml: the file is damaged"
    side.shadow.close()


def test_workers_figures_are_added_up() -> None:
    one = {"model": "new", "compared": 2, "passed": 1, "failed": 0, "reason": ""}
    rows = shadows(
        {
            "w1": {**one, "classes": {"bicycle": {"both": 3, "first": 1, "shadow": 0}}},
            "w2": {**one, "reason": "no memory", "classes": {"bicycle": {"both": 1, "first": 0, "shadow": 2}}},
        }
    )
    assert rows == [
        {
            "model": "new",
            "compared": 4,
            "passed": 2,
            "failed": 0,
            "classes": {"bicycle": {"both": 4, "first": 1, "shadow": 2}},
            "trouble": {"w2": "no memory"},
        }
    ]
