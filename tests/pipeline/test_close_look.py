from datetime import timedelta

import numpy as np

from vision.core.detections import Detections
from vision.core.frames import Frame, Image, TimeSource
from vision.core.geometry import Box
from vision.core.scene import ChangeObject
from vision.pipeline.close_look import CloseLook
from vision.testing import EPOCH

NAMES = ("person", "garbage", "fire hydrant")
PICTURE = np.zeros((360, 640, 3), np.uint8)
BOX: Box = (0.5, 0.5, 0.55, 0.6)  # 32 × 36 pixels


def frame(seconds: float = 0, full: Image | None = None) -> Frame:
    at = EPOCH + timedelta(seconds=seconds)
    return Frame("gate", "main", 0, 0, seconds, at, TimeSource.CAMERA, PICTURE, full)


def change(key: int = 1, box: Box = BOX) -> ChangeObject:
    return ChangeObject(key, box, 0.01, EPOCH, EPOCH, 0.8)


class Seen:
    """Answers every cut-out with one box in its middle, and keeps the sizes it was shown."""

    def __init__(self, name: str, side_px: float = 34, score: float = 0.6) -> None:
        self.name, self.side_px, self.score = name, side_px, score
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, image: Image) -> Detections:
        self.shapes.append(image.shape)
        x, y, half = image.shape[1] / 2, image.shape[0] / 2, self.side_px / 2
        return Detections(
            np.array([[x - half, y - half, x + half, y + half]], np.float32),
            np.array([self.score], np.float32),
            np.array([NAMES.index(self.name)], np.int32),
            NAMES,
        )


def test_a_thing_is_named_in_the_look_s_own_pixels() -> None:
    closely = CloseLook(Seen("garbage")).name(frame(), [change()])
    named = closely.named
    assert not closely.people | closely.behind
    assert named is not None
    assert named.class_name(0) == "garbage"
    assert np.allclose(named.xyxy[0], [319, 181, 353, 215], atol=3)


def test_the_sharpest_picture_is_cut() -> None:
    seen = Seen("garbage", side_px=102)
    named = CloseLook(seen).name(frame(full=np.zeros((1080, 1920, 3), np.uint8)), [change()]).named
    assert seen.shapes == [(270, 270, 3)]
    assert named is not None
    assert np.allclose(named.xyxy[0], [319, 181, 353, 215], atol=3)


def test_a_person_is_no_change_and_is_looked_at_until_gone() -> None:
    seen = Seen("person")
    close = CloseLook(seen)
    closely = [close.name(frame(s), [change()]) for s in range(0, 200, 10)]
    assert all(one.named is None and one.behind == {1} for one in closely)
    assert [bool(one.people) for one in closely] == [False, False] + [True] * 18
    assert len(seen.shapes) == 20


def test_who_walks_before_a_thing_hides_it_for_that_look_and_its_dwell_goes_on() -> None:
    umbrella, passer_by = Seen("garbage"), Seen("person")
    answers = iter([umbrella, passer_by, umbrella, passer_by, umbrella, umbrella])

    def detect(image: Image) -> Detections:
        return next(answers)(image)

    close = CloseLook(detect)
    closely = [close.name(frame(s), [change()]) for s in range(0, 60, 10)]
    assert [bool(one.behind) for one in closely] == [False, True, False, True, False, False]
    assert not any(one.people for one in closely)


def test_each_try_looks_from_another_distance() -> None:
    seen = Seen("garbage", side_px=8)
    close = CloseLook(seen)
    for s in range(0, 40, 10):
        close.name(frame(s, np.zeros((1080, 1920, 3), np.uint8)), [change()])
    assert [shape[0] for shape in seen.shapes] == [270, 173, 432, 270]


def test_what_nobody_puts_down_is_not_what_it_is() -> None:
    assert CloseLook(Seen("fire hydrant")).name(frame(), [change()]).named is None


def test_what_does_not_fit_the_change_does_not_name_it() -> None:
    assert CloseLook(Seen("garbage", side_px=8)).name(frame(), [change()]).named is None


def test_tries_are_few_and_come_again_later() -> None:
    seen = Seen("garbage")
    close = CloseLook(seen)
    for s in range(0, 200, 10):
        close.name(frame(s), [change()])
    assert len(seen.shapes) == 4
    close.name(frame(400), [change()])
    assert len(seen.shapes) == 5


def test_a_busy_look_looks_at_two_and_at_the_others_next_time() -> None:
    seen = Seen("garbage")
    close = CloseLook(seen)
    many = [change(key, (0.1 * key, 0.5, 0.1 * key + 0.05, 0.6)) for key in range(1, 6)]
    close.name(frame(), many)
    assert len(seen.shapes) == 2


def test_at_the_edge_the_cut_out_stays_in_the_picture() -> None:
    seen = Seen("garbage")
    CloseLook(seen).name(frame(), [change(1, (0.97, 0.95, 1.0, 1.0))])
    assert seen.shapes == [(96, 96, 3)]
