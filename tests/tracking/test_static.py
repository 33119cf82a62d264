from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.looks import BIKE, Sighting, at, detections, look, moved_by
from vision.testing import EPOCH
from vision.tracking.settings import TrackSettings
from vision.tracking.static import StaticTracker

SEEN: Sighting = ("bicycle", BIKE, 0.6)
PASSER_BY: Sighting = ("person", (0.38, 0.25, 0.50, 0.55), 0.9)


def test_one_look_is_not_standing_two_are() -> None:
    tracker = StaticTracker()
    assert [o.still for o in look(tracker, 0, SEEN)] == [False]
    (bike,) = look(tracker, 10, SEEN)
    assert (bike.still, bike.first_seen, bike.last_seen, bike.looks) == (True, at(0), at(10), 2)


def test_a_bike_hidden_for_a_while_keeps_its_dwell_and_its_presence() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    for s in range(10, 200, 10):
        (bike,) = look(tracker, s, PASSER_BY)
        assert bike.covered
    (bike,) = look(tracker, 200, SEEN)
    assert (bike.first_seen, bike.presence, bike.covered) == (at(0), 1.0, False)


def test_a_half_hidden_bike_is_the_same_bike() -> None:
    tracker = StaticTracker()
    for s in (0, 10, 20):
        look(tracker, s, SEEN)
    (bike,) = look(tracker, 30, ("bicycle", (0.40, 0.40, 0.455, 0.50), 0.3))
    assert bike.looks == 4


def test_a_score_dip_below_the_start_is_survived_and_below_the_floor_is_a_miss() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    (bike,) = look(tracker, 10, ("bicycle", BIKE, 0.21))
    assert (bike.looks, bike.presence) == (2, 1.0)
    (bike,) = look(tracker, 20, ("bicycle", BIKE, 0.1))
    assert bike.looks == 2
    assert bike.presence == pytest.approx(2 / 3)


def test_a_weak_sighting_begins_nothing() -> None:
    assert look(StaticTracker(), 0, ("bicycle", BIKE, 0.3)) == ()


def test_bicycle_and_motorcycle_taking_turns_are_one_object() -> None:
    tracker = StaticTracker()
    for s in range(0, 100, 10):
        objects = look(tracker, s, ("bicycle" if s % 30 else "motorcycle", BIKE, 0.6))
    assert [(o.name, o.looks) for o in objects] == [("bicycle", 10)]


def test_both_classes_on_one_bike_in_one_look_are_one_object() -> None:
    tracker = StaticTracker()
    for s in (0, 10):
        objects = look(tracker, s, SEEN, ("motorcycle", moved_by(BIKE, 0.004), 0.5))
    assert [(o.name, o.looks) for o in objects] == [("bicycle", 2)]


def test_bikes_in_a_dense_row_stay_apart() -> None:
    tracker = StaticTracker()
    row: list[Sighting] = [("bicycle", moved_by(BIKE, i * 0.05), 0.6) for i in range(5)]
    for s in (0, 10, 20):
        objects = look(tracker, s, *row)
    assert [o.looks for o in objects] == [3] * 5


def test_a_bike_taken_away_is_gone_after_looking_twice() -> None:
    tracker = StaticTracker()
    for s in range(0, 60, 10):
        look(tracker, s, SEEN)
    assert len(look(tracker, 60)) == 1
    assert [look(tracker, s) for s in (70, 80, 90)][-1] == ()


def test_another_bike_long_after_a_gap_is_another_bike() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    look(tracker, 10, SEEN)
    (bike,) = look(tracker, 10 + TrackSettings().gap_s + 1, SEEN)
    assert (bike.first_seen, bike.arrived) == (at(11 + TrackSettings().gap_s), False)


def test_a_patrol_visit_every_half_hour_keeps_the_dwell() -> None:
    tracker = StaticTracker()
    for minute in (0, 30, 60):
        (bike,) = look(tracker, minute * 60, SEEN)
    assert bike.stood(at(3600)) == timedelta(hours=1)


def test_what_comes_later_has_arrived() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    other: Sighting = ("garbage", (0.7, 0.7, 0.8, 0.8), 0.6)
    objects = look(tracker, 10, SEEN, other)
    assert [(o.name, o.arrived) for o in objects] == [("bicycle", False), ("garbage", True)]


def test_a_look_out_of_order_changes_nothing() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    before = look(tracker, 10, SEEN)
    assert look(tracker, 5) == before == look(tracker, 10)


def test_a_thing_with_somebody_at_it_says_so() -> None:
    tracker = StaticTracker()
    cleaner: Sighting = ("person", (0.45, 0.2, 0.55, 0.52), 0.9)
    for s in (0, 10, 20, 30):
        objects = look(tracker, s, ("garbage", BIKE, 0.6), *([cleaner] if s else []))
    assert objects[0].attended == pytest.approx(0.75)


@settings(deadline=None)
@given(
    step=st.floats(0.16, 3.0),
    interval_s=st.floats(0.04, 60.0),
    angle=st.sampled_from([(1.0, 0.0), (0.0, 1.0), (0.8, 0.6), (-0.6, 0.8)]),
    looks=st.integers(3, 40),
)
def test_what_moves_never_stands(step: float, interval_s: float, angle: tuple[float, float], looks: int) -> None:
    """At least 0.16 of its size a second, or a look where looks are rarer: whatever the rate, never still."""
    tracker = StaticTracker()
    side = 0.1
    for i in range(looks):
        along = i * step * side * min(1.0, interval_s) if interval_s < 1 else i * step * side
        box = moved_by((0.4, 0.4, 0.4 + side, 0.4 + side), along * angle[0] * 2, along * angle[1] * 2)
        objects = look(tracker, i * interval_s, ("motorcycle", box, 0.7))
        assert not any(o.still for o in objects if o.last_seen == at(i * interval_s))


@settings(deadline=None)
@given(st.lists(st.floats(0.2, 300.0), min_size=2, max_size=30), st.data())
def test_dwell_is_scene_time_whatever_the_intervals(gaps: list[float], data: st.DataObject) -> None:
    tracker, now = StaticTracker(), 0.0
    look(tracker, now, SEEN)
    for gap in gaps:
        now += gap
        jitter = data.draw(st.floats(-0.008, 0.008))
        (bike,) = look(tracker, now, ("bicycle", moved_by(BIKE, jitter, -jitter), 0.5))
    assert bike.stood(at(now)) == at(now) - EPOCH
    assert bike.still == (now >= TrackSettings().settle_s)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["seen", "covered", "missed", "other"]), max_size=25), st.integers(0, 25))
def test_a_restart_in_between_changes_nothing(script: list[str], cut: int) -> None:
    views: dict[str, list[Sighting]] = {
        "seen": [SEEN],
        "covered": [PASSER_BY],
        "missed": [],
        "other": [("chair", (0.1, 0.1, 0.2, 0.2), 0.8)],
    }
    whole, parted = StaticTracker(), StaticTracker()
    for i, what in enumerate(script):
        if i == cut:
            parted = StaticTracker.from_record(parted.to_record())
        assert look(whole, i * 10, *views[what]) == look(parted, i * 10, *views[what])


def test_its_memory_is_bounded() -> None:
    few = TrackSettings(most_places=20)
    tracker = StaticTracker(few)
    for s in range(30):
        crowd: list[Sighting] = [("chair", (x / 50, s / 61, x / 50 + 0.01, s / 61 + 0.01), 0.9) for x in range(40)]
        assert len(tracker.update(at(s * 10), detections(*crowd), (1000, 1000))) <= 20
    assert all(len(place["recent"]) <= few.memory for place in tracker.to_record()["places"])


def test_no_detections_at_all_is_a_look_too() -> None:
    assert look(StaticTracker(), 0) == ()


def test_a_glimpse_where_a_thing_is_known_to_stand_makes_it_no_less_sure() -> None:
    tracker = StaticTracker()
    look(tracker, 0, SEEN)
    for s in range(10, 100, 10):
        (bike,) = tracker.update(at(s), detections(("bicycle", BIKE, 0.22)), (1000, 1000), [BIKE])
    assert bike.score == pytest.approx(0.6)
    assert (bike.looks, bike.presence) == (10, 1.0)
    for s in range(100, 190, 10):
        (bike,) = look(tracker, s, ("bicycle", BIKE, 0.22))
    assert bike.score == pytest.approx(0.22)
