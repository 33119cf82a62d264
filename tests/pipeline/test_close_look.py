from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from vision.core.detections import Detections
from vision.core.frames import Frame, Image, TimeSource
from vision.core.geometry import Box
from vision.core.scene import ChangeObject
from vision.pipeline.close_look import CloseLook
from vision.testing import EPOCH

NAMES = ("person", "garbage", "fire hydrant", "bicycle", "motorcycle")
PICTURE = np.zeros((360, 640, 3), np.uint8)
PICTURE[180:216, 320:352] = 255
BOX: Box = (0.5, 0.5, 0.55, 0.6)  # 32 × 36 pixels


def frame(seconds: float = 0, full: Image | None = None) -> Frame:
    at = EPOCH + timedelta(seconds=seconds)
    return Frame("gate", "main", 0, 0, seconds, at, TimeSource.CAMERA, PICTURE, full)


def change(key: int = 1, box: Box = BOX, began_s: float = 0, *, thin: bool = False) -> ChangeObject:
    return ChangeObject(key, box, 0.01, EPOCH + timedelta(seconds=began_s), EPOCH, 0.8, thin=thin)


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


class Says:
    """Answers with boxes of the bright thing in the picture: `told` by name, and bikes `also` as second opinions."""

    def __init__(self, told: dict[str, float], also: dict[str, float] | None = None) -> None:
        self.told, self.also, self.asked = told, also or {}, 0

    def __call__(self, image: Image) -> Detections:
        self.asked += 1
        return replace(self._boxes(image, self.told), also=self._boxes(image, self.also))

    @staticmethod
    def _boxes(image: Image, said: dict[str, float]) -> Detections:
        rows, columns = np.nonzero(image[..., 0])
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        ids = np.array([NAMES.index(name) for name in said], np.int32)
        return Detections(box.repeat(len(said), 0), np.array([*said.values()], np.float32), ids, NAMES)


def names(close: CloseLook, looks: int, *, of: ChangeObject | None = None, from_s: float = 0) -> list[list[str]]:
    """What each of so many looks, ten seconds apart, is told."""
    told = []
    for look in range(looks):
        named = close.name(frame(from_s + 10 * look), [of or change()]).named
        told.append([] if named is None else [named.class_name(row) for row in range(len(named))])
    return told


def test_a_bike_is_believed_when_several_unsure_looks_agree() -> None:
    close = CloseLook(Says({"fire hydrant": 0.8}, {"motorcycle": 0.2}))
    assert names(close, 5) == [[], [], ["motorcycle"], ["motorcycle"], ["motorcycle"]]


def test_one_unsure_look_makes_no_bike() -> None:
    detect = Says({"garbage": 0.6}, {"motorcycle": 0.3})
    close = CloseLook(detect)
    assert names(close, 1) == [[]]
    detect.also = {}
    assert names(close, 2, from_s=10) == [["garbage"]] * 2


def test_bikes_among_the_answers_count_once() -> None:
    """The same box told as what it is and as a second opinion is one look's evidence."""
    once = CloseLook(Says({}, {"bicycle": 0.3})).name(frame(), [change()]).named
    twice = CloseLook(Says({"bicycle": 0.3}, {"bicycle": 0.3})).name(frame(), [change()]).named
    assert once is twice is None


def test_a_bike_keeps_its_name_without_further_looks_and_grows_surer() -> None:
    detect = Says({}, {"bicycle": 0.5})
    close = CloseLook(detect)
    scores = [float(named.score[0]) for s in range(0, 200, 10) if (named := close.name(frame(s), [change()]).named)]
    assert len(scores) == 20
    assert detect.asked == 6
    assert scores == sorted(scores)
    assert scores[0] == pytest.approx(0.45)
    assert scores[-1] > 0.9


def test_what_may_be_a_bike_is_looked_at_longer() -> None:
    detect = Says({"garbage": 0.9}, {"bicycle": 0.1})
    names(close := CloseLook(detect), 20)
    assert detect.asked == 12
    assert names(close, 1, from_s=250) == [[]]


def test_a_bike_that_made_way_for_something_else_loses_its_name_after_a_series_of_looks() -> None:
    detect = Says({}, {"bicycle": 0.6})
    close = CloseLook(detect)
    names(close, 6)
    detect.told, detect.also = {"garbage": 0.7}, {}
    carton = change(began_s=60)
    assert names(close, 8, of=carton, from_s=60)[-1] == []
    assert detect.asked == 12


def test_what_is_known_is_kept_while_somebody_hides_the_thing() -> None:
    detect = Says({}, {"bicycle": 0.3})
    close = CloseLook(detect)
    names(close, 1)
    assert close.name(frame(10), [], hidden=[1]).named is None
    assert names(close, 1, from_s=20) == [["bicycle"]]
    close.name(frame(30), [])
    assert names(close, 1, from_s=40) == [[]]


def test_what_is_pushed_about_is_no_bike() -> None:
    """A pram passes for a bike in every look, but never where it was."""
    close = CloseLook(Says({}, {"bicycle": 0.5}))
    told = []
    for look in range(6):
        picture = np.zeros_like(PICTURE)
        left = 300 + 24 * (look % 3)
        picture[180:216, left : left + 30] = 255
        place = change(1, (left / 640, 0.5, (left + 30) / 640, 0.6))
        told.append(close.name(replace(frame(10 * look), image=picture), [place]).named)
    bikes = [(look, named.xyxy[0, 0]) for look, named in enumerate(told) if named is not None]
    assert len({left for _, left in bikes}) == 3
    assert all(named is None or named.score[0] < 0.5 for named in told)


def test_a_name_does_not_stay_behind_when_the_change_is_elsewhere() -> None:
    close = CloseLook(Says({}, {"bicycle": 0.5}))
    assert names(close, 6)[-1] == ["bicycle"]
    assert close.name(frame(60), [change(1, (0.6, 0.5, 0.65, 0.6))]).named is None


def test_a_thin_change_is_a_bike_or_nothing() -> None:
    thin = change(thin=True)
    assert names(CloseLook(Says({"garbage": 0.9})), 3, of=thin) == [[]] * 3
    assert names(CloseLook(Says({}, {"bicycle": 0.5})), 2, of=thin) == [["bicycle"]] * 2


def test_a_bike_from_the_front_that_also_passes_for_a_person_is_a_bike() -> None:
    closely = CloseLook(Says({"person": 0.3}, {"bicycle": 0.5})).name(frame(), [change()])
    assert not closely.behind
    assert closely.named is not None


def test_a_bike_with_somebody_at_it_is_no_evidence() -> None:
    def detect(image: Image) -> Detections:
        seen = Says({}, {"bicycle": 0.6})(image)
        assert seen.also is not None
        _, y1, x2, y2 = seen.also.xyxy[0]
        beside = np.array([[x2 - 8, y1 - 30, x2 + 20, y2]], np.float32)
        return Detections(beside, np.array([0.7], np.float32), np.zeros(1, np.int32), NAMES, seen.also)

    assert names(CloseLook(detect), 6) == [[]] * 6


def test_a_person_surer_than_the_bike_is_a_person() -> None:
    closely = CloseLook(Says({"person": 0.6}, {"bicycle": 0.5})).name(frame(), [change()])
    assert closely.behind == {1}
    assert closely.named is None


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
    for s in range(0, 60, 10):
        close.name(frame(s, np.zeros((1080, 1920, 3), np.uint8)), [change()])
    assert [shape[0] for shape in seen.shapes] == [270, 432, 324, 432, 270, 594]


def test_what_nobody_puts_down_is_not_what_it_is() -> None:
    assert CloseLook(Seen("fire hydrant")).name(frame(), [change()]).named is None


def test_what_does_not_fit_the_change_does_not_name_it() -> None:
    assert CloseLook(Seen("garbage", side_px=8)).name(frame(), [change()]).named is None


def test_tries_are_few_and_come_again_later() -> None:
    seen = Seen("garbage")
    close = CloseLook(seen)
    for s in range(0, 200, 10):
        close.name(frame(s), [change()])
    assert len(seen.shapes) == 6
    close.name(frame(400), [change()])
    assert len(seen.shapes) == 7


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
