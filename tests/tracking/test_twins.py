import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.looks import BIKE, look, moved_by
from vision.core.geometry import Box
from vision.tracking.static import StaticTracker
from vision.tracking.twins import twins


def one_thing(first: tuple[str, Box], second: tuple[str, Box]) -> bool:
    return bool(twins(np.array([first[1], second[1]]), [first[0], second[0]])[0, 1])


def test_a_bin_told_as_full_and_as_just_a_bin_is_one_bin() -> None:
    bin_, shifted = (0.3, 0.3, 0.4, 0.5), (0.31, 0.28, 0.41, 0.5)
    assert one_thing(("garbage_bin", bin_), ("overflow", shifted))
    assert not one_thing(("garbage_bin", bin_), ("overflow", moved_by(bin_, 0.06)))
    assert not one_thing(("garbage_bin", bin_), ("garbage", shifted))


def test_two_boxes_on_one_bike_are_one_bike_of_whatever_class() -> None:
    assert one_thing(("bicycle", BIKE), ("motorcycle", moved_by(BIKE, 0.02)))
    front_half: Box = (0.40, 0.41, 0.46, 0.50)
    assert one_thing(("bicycle", BIKE), ("bicycle", front_half))


def test_a_tiny_bike_within_a_large_one_stands_far_behind_it() -> None:
    assert not one_thing(("motorcycle", (0.0, 0.1, 0.6, 1.0)), ("motorcycle", (0.53, 0.66, 0.6, 0.78)))


def test_bikes_that_stand_one_behind_the_other_are_two_though_they_overlap() -> None:
    assert not one_thing(("bicycle", BIKE), ("bicycle", moved_by(BIKE, 0.0, -0.02)))
    assert not one_thing(("motorcycle", BIKE), ("motorcycle", moved_by(BIKE, 0.05)))


def test_other_classes_are_left_alone() -> None:
    assert not one_thing(("chair", BIKE), ("bicycle", BIKE))
    assert one_thing(("chair", BIKE), ("bench", BIKE))


@given(st.floats(0, 0.3), st.floats(0, 0.3), st.sampled_from(["bicycle", "garbage_bin", "chair"]))
def test_being_one_thing_does_not_depend_on_the_order(dx: float, dy: float, name: str) -> None:
    there = moved_by(BIKE, dx, dy)
    assert one_thing((name, BIKE), (name, there)) == one_thing((name, there), (name, BIKE))


def test_a_bike_boxed_now_whole_and_now_in_part_stands_there_once() -> None:
    tracker = StaticTracker()
    wheel: Box = (0.40, 0.46, 0.44, 0.50)
    for s in range(0, 80, 10):
        objects = look(tracker, s, ("bicycle", BIKE if s % 30 else wheel, 0.6))
    assert [(o.name, o.still) for o in objects] == [("bicycle", True)]


def test_a_row_of_bikes_is_counted_bike_by_bike() -> None:
    tracker = StaticTracker()
    row = [("bicycle", moved_by(BIKE, 0.05 * k), 0.6) for k in range(5)]
    look(tracker, 0, *row)
    assert len(look(tracker, 10, *row)) == 5
