"""What is counted of a camera, by the clock that never jumps."""

from dataclasses import replace
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.streams.test_mailbox import look
from vision.streams.health import CameraState, HealthRecord, SourceFigures
from vision.testing import ManualClock


def looked_at(record: HealthRecord, clock: ManualClock, *gaps_s: float, key_interval_s: float = 2.0) -> None:
    for seq, gap_s in enumerate(gaps_s):
        clock.advance(gap_s)
        record.looked(look("a", seq), SourceFigures(key_interval_s=key_interval_s))


def test_looks_that_come_with_the_keyframes_are_not_missed(clock: ManualClock) -> None:
    record = HealthRecord("a", clock, every_s=10.0)
    looked_at(record, clock, 1, 10, 12, 8, 14, 6, 10)
    assert record.snapshot().missed == 0


def test_missed_looks_are_counted_also_while_the_camera_is_away(clock: ManualClock) -> None:
    record = HealthRecord("a", clock, every_s=10.0)
    looked_at(record, clock, 1, 10, 30)
    assert record.snapshot().missed == 2
    clock.advance(60)
    assert record.snapshot().missed == 7
    looked_at(record, clock, 0)
    assert record.snapshot().missed == 7
    assert record.snapshot().last_look_age_s == 0


def test_camera_that_never_gave_a_look_misses_all_of_them(clock: ManualClock) -> None:
    record = HealthRecord("a", clock, every_s=10.0)
    clock.advance(100)
    assert record.snapshot().missed == 9


def test_rare_keyframes_are_the_cameras_own_pace(clock: ManualClock) -> None:
    record = HealthRecord("a", clock, every_s=10.0)
    looked_at(record, clock, *[30.0] * 5, key_interval_s=30.0)
    assert record.snapshot().missed == 2  # before the first told how far apart its keyframes are


@given(gaps_s=st.lists(st.floats(0, 500), max_size=30))
def test_patrols_miss_nothing_and_no_count_goes_backwards(gaps_s: list[float]) -> None:
    clock = ManualClock()
    visited, live = HealthRecord("p", clock), HealthRecord("l", clock, every_s=10.0)
    before = 0
    for gap_s in gaps_s:
        looked_at(live, clock, gap_s)
        assert live.snapshot().missed >= before
        before = live.snapshot().missed
    assert visited.snapshot().missed == 0


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_wall_clock_that_jumps_changes_no_figure(clock: ManualClock, jump: timedelta) -> None:
    record = HealthRecord("a", clock, every_s=10.0)
    record.turn(CameraState.LIVE)
    looked_at(record, clock, 1, 10)
    clock.jump(jump)
    looked_at(record, clock, 10)
    health = record.snapshot()
    assert (health.missed, health.last_look_age_s, health.fps) == (0, 0.0, 3 / 60)
    assert replace(health, last_look_at=None).state is CameraState.LIVE
