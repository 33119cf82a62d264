"""The patrol's caps and targets, in simulated time."""

import heapq
import random
from collections import Counter, deque
from collections.abc import Iterable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vision.core.registry import Camera, SourceKind
from vision.streams.patrol import Patrol, PatrolLimits, PatrolReport, gateway_of

HOUR_S = 3600.0


def city(count: int, per_gateway: int, priority: int = 2) -> list[Camera]:
    return [
        Camera(f"c{n}", f"rtsp://nvr/{n}", SourceKind.PATROL, gateway=f"g{n // per_gateway}", priority=priority)
        for n in range(count)
    ]


class Street:
    """Simulated cameras: visits take two to four seconds, dead ones eight; checks every cap at every event."""

    def __init__(self, patrol: Patrol, cameras: Iterable[Camera], dead: frozenset[str] = frozenset()) -> None:
        self.patrol, self.dead = patrol, dead
        self.cameras = {camera.id: camera for camera in cameras}
        self.now_s = 0.0
        self.visits: Counter[str] = Counter()
        self.rng = random.Random(1)
        self._ends: list[tuple[float, str]] = []
        self._open: Counter[str] = Counter()
        self._recent: deque[float] = deque()
        patrol.apply(self.cameras.values(), 0.0)

    def run(self, until_s: float, step_s: float = 1e-3) -> PatrolReport:
        """From event to event, or at least `step_s` on: how late the asking thread may be."""
        limits, patrol = self.patrol.limits, self.patrol
        while self.now_s < until_s:
            for camera_id in patrol.begin(self.now_s):
                gateway = gateway_of(self.cameras[camera_id])
                self._open[gateway] += 1
                assert self._open[gateway] <= limits.gateway_running
                assert len(self._ends) < limits.running
                took_s = 8.0 if camera_id in self.dead else self.rng.uniform(2, 4)
                heapq.heappush(self._ends, (self.now_s + took_s, camera_id))
                self._recent.append(self.now_s)
                while self._recent[0] < self.now_s - 10:
                    self._recent.popleft()
                assert len(self._recent) <= 10 * limits.opens_per_s + limits.burst + 1
            wake_s = self.now_s + patrol.wake_s(self.now_s)
            end_s = self._ends[0][0] if self._ends else wake_s
            self.now_s = max(self.now_s + step_s, min(wake_s, end_s))
            while self._ends and self._ends[0][0] <= self.now_s:
                _, camera_id = heapq.heappop(self._ends)
                self._open[gateway_of(self.cameras[camera_id])] -= 1
                ok = camera_id not in self.dead
                self.visits[camera_id] += ok
                patrol.ended(camera_id, self.now_s, ok=ok)
        return patrol.report(self.now_s)


@pytest.mark.slow
def test_a_citys_cameras_are_revisited_within_half_an_hour() -> None:
    dead = frozenset(f"c{n}" for n in range(0, 17_500, 20))
    street = Street(Patrol(), city(17_500, per_gateway=250), dead)
    report = street.run(6 * HOUR_S, step_s=0.25)
    assert report.dead == len(dead)
    assert report.within_target == 1.0
    assert report.worst_age_s <= 1800
    assert report.late_visits <= report.visits * 0.001


@given(
    count=st.integers(1, 60),
    per_gateway=st.integers(1, 30),
    running=st.integers(1, 10),
    gateway_running=st.integers(1, 5),
    dead_share=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_caps_hold_whatever_the_city(
    count: int, per_gateway: int, running: int, gateway_running: int, dead_share: float
) -> None:
    limits = PatrolLimits(running=running, gateway_running=gateway_running, opens_per_s=2.0, target_s={2: 60.0})
    dead = frozenset(f"c{n}" for n in range(int(count * dead_share)))
    street = Street(Patrol(limits), city(count, per_gateway), dead)
    street.run(1200)
    assert set(street.visits) | dead >= {f"c{n}" for n in range(count)}


def test_important_cameras_come_round_more_often() -> None:
    cameras = [*city(20, 5, priority=1), *(c for c in city(40, 5, priority=3) if int(c.id[1:]) >= 20)]
    street = Street(Patrol(), cameras)
    street.run(6 * HOUR_S)
    assert street.visits["c0"] >= 6 * street.visits["c39"] * 0.9
    assert street.visits["c39"] >= 6


def test_boost_until_relaxed() -> None:
    patrol = Patrol()
    street = Street(patrol, city(10, 5))
    street.run(HOUR_S)
    before = street.visits["c3"]
    patrol.boost("c3", "open incident", 120.0, street.now_s)
    street.run(2 * HOUR_S)
    boosted = street.visits["c3"] - before
    assert boosted >= 30
    patrol.relax("c3", "open incident")
    street.run(3 * HOUR_S)
    assert street.visits["c3"] - before - boosted <= 5


def test_recheck_goes_before_everyone_else() -> None:
    patrol = Patrol(PatrolLimits(running=1))
    patrol.apply(city(50, 50), 0.0)
    patrol.visit_soon("c42", 5000.0)
    assert patrol.begin(5000.0) == ["c42"]


def test_dead_camera_is_asked_less_and_less_and_comes_back() -> None:
    patrol = Patrol()
    street = Street(patrol, city(2, 2), frozenset({"c0"}))
    street.run(12 * HOUR_S)
    assert patrol.report(street.now_s).dead == 1
    assert 10 <= patrol.failures("c0") <= 40
    street.dead = frozenset()
    street.run(14 * HOUR_S)
    assert patrol.report(street.now_s).dead == 0
    assert street.visits["c0"] >= 2


def test_change_of_cameras_touches_only_those() -> None:
    patrol = Patrol(PatrolLimits(running=100, gateway_running=100, opens_per_s=1000, gateway_opens_per_s=1000))
    cameras = city(10, 10)
    patrol.apply(cameras, 0.0)
    begun: list[str] = []
    for second in range(1800):
        begun += patrol.begin(float(second))
    assert sorted(begun) == sorted(camera.id for camera in cameras)
    patrol.apply(cameras[1:], 1800.0)
    patrol.ended("c0", 1801.0, ok=True)
    assert patrol.report(1801.0).cameras == 9
    patrol.apply(cameras, 1802.0)
    assert patrol.running() == {"g0": 9}


def test_host_stands_in_for_a_gateway_that_was_not_named() -> None:
    assert gateway_of(Camera("a", "rtsp://admin:x@10.0.0.7:554/1")) == "10.0.0.7"
    assert gateway_of(Camera("a", "rtsp://10.0.0.7/1", gateway="wvp-1")) == "wvp-1"
