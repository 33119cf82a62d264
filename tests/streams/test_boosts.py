"""Open incidents hurry a patrol, whatever else happens to the camera's place in it."""

from dataclasses import replace

import pytest

from vision.core.registry import Camera, SourceKind
from vision.streams.mailbox import Mailbox
from vision.streams.patrol import Patrol, PatrolLimits
from vision.streams.visits import PatrolRunner, Visitor
from vision.testing import ManualClock

CAMERAS = [Camera(name, f"rtsp://{name}", SourceKind.PATROL, gateway=name) for name in ("a", "b")]


@pytest.fixture
def runner(clock: ManualClock) -> PatrolRunner:
    runner = PatrolRunner(clock, Mailbox(), Visitor(clock), Patrol(PatrolLimits(boosted_s=100.0)))
    runner.apply(CAMERAS)
    return runner


def rounds(runner: PatrolRunner, clock: ManualClock, minutes: float, *, ok: bool = True) -> dict[str, int]:
    """Visits of each camera in so many minutes."""
    counts = dict.fromkeys(("a", "b"), 0)
    for _ in range(round(minutes * 12)):
        clock.advance(5.0)
        for camera_id in runner.patrol.begin(clock.monotonic_s()):
            counts[camera_id] += 1
            runner.patrol.ended(camera_id, clock.monotonic_s(), ok=ok)
    return counts


def test_boosted_until_no_longer_named(runner: PatrolRunner, clock: ManualClock) -> None:
    rounds(runner, clock, 60)
    runner.boost(frozenset({"a", "not ours"}))
    hurried = rounds(runner, clock, 60)
    assert hurried["a"] >= 36
    assert hurried["b"] <= 3
    runner.boost(frozenset({"b"}))
    after = rounds(runner, clock, 60)
    assert after["a"] <= 4
    assert after["b"] >= 36


def test_boost_outlives_a_change_of_the_camera_and_being_held(runner: PatrolRunner, clock: ManualClock) -> None:
    runner.boost(frozenset({"a"}))
    runner.apply([replace(CAMERAS[0], gateway="other"), CAMERAS[1]])
    assert rounds(runner, clock, 60)["a"] >= 30
    runner.hold(frozenset({"a"}))
    assert rounds(runner, clock, 60)["a"] == 0
    runner.hold(frozenset())
    assert rounds(runner, clock, 60)["a"] >= 36


def test_dead_camera_is_not_hammered_for_its_incident(runner: PatrolRunner, clock: ManualClock) -> None:
    rounds(runner, clock, 240, ok=False)
    runner.boost(frozenset({"a"}))
    runner.apply(CAMERAS)
    assert rounds(runner, clock, 60, ok=False)["a"] <= 2
