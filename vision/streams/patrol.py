"""When to visit which camera (轮巡): pure scheduling, driven by the times it is given.

Earliest deadline first (Liu and Layland, 1973) among the visits that are due, within caps on how many visits run
and how fast they open, in total and per gateway. A gateway that is asked for too much at once answers nobody.
"""

import heapq
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vision.core.registry import Camera

_EARLY_RATIO = 0.85
"""Visits fall due at this share of the target, so that waiting for a slot does not break it."""
_DEAD_FAILURES = 3
_NOWHERE = float("inf")
_TARGETS = {1: 600.0, 2: 1800.0, 3: 3600.0}


@dataclass(frozen=True, slots=True)
class PatrolLimits:
    """Caps that hold at every instant.

    Attributes:
        running, gateway_running: visits open at once, in total and on one gateway.
        opens_per_s, gateway_opens_per_s: how fast visits may begin.
        burst: opens that may be made up for at once after a late wake-up.
        target_s: revisit target by camera priority.
        boosted_s: revisit target of a camera with an open incident.
        retry_s, most_retry_s: first and longest wait after failed visits.
    """

    running: int = 48
    gateway_running: int = 4
    opens_per_s: float = 16.0
    gateway_opens_per_s: float = 2.0
    burst: float = 4.0
    target_s: Mapping[int, float] = field(default_factory=lambda: dict(_TARGETS))
    boosted_s: float = 300.0
    retry_s: float = 30.0
    most_retry_s: float = 3600.0


@dataclass(slots=True, eq=False)
class _Stop:
    """One camera's place in the patrol."""

    camera_id: str
    gateway: "_Gateway"
    target_s: float
    priority: int
    due_s: float = 0.0
    deadline_s: float = 0.0
    visited_s: float | None = None
    known_since_s: float = 0.0
    failures: int = 0
    running: bool = False
    boosts: dict[str, float] = field(default_factory=dict)
    ticket: int = 0
    """Number of its newest entry in the queues; older entries are void."""

    @property
    def every_s(self) -> float:
        return min(self.target_s, *self.boosts.values()) if self.boosts else self.target_s


@dataclass(slots=True, eq=False)
class _Gateway:
    name: str
    running: int = 0
    opens_from_s: float = 0.0
    place_s: float = _NOWHERE
    """Deadline at which it stands in line to open; entries at other places are void."""
    ready: list[tuple[float, int, _Stop]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PatrolReport:
    """How well the targets are met now.

    Attributes:
        cameras, dead: how many there are, and how many of them failed their last visits.
        within_target: share of the living whose last good visit is no older than its target.
        worst_age_s: oldest last visit among the living (since they joined, where there was none).
        late_visits, visits: since the start.
    """

    cameras: int
    dead: int
    within_target: float
    worst_age_s: float
    running: int
    visits: int
    late_visits: int


class Patrol:
    """Says which visits to begin; is told how they ended. Not thread-safe: one thread asks and tells."""

    def __init__(self, limits: PatrolLimits | None = None, *, seed: int = 0) -> None:
        self.limits = limits or PatrolLimits()
        self._rng = random.Random(seed)
        self._stops: dict[str, _Stop] = {}
        self._gateways: dict[str, _Gateway] = {}
        self._visiting: dict[str, _Gateway] = {}
        self._waiting: list[tuple[float, int, _Stop]] = []
        self._paused: list[tuple[float, int, _Gateway]] = []
        self._open: list[tuple[float, int, _Gateway]] = []
        self._tickets = 0
        self._opens_from_s = 0.0
        self._visits = self._late = 0

    def apply(self, cameras: Iterable[Camera], now_s: float) -> None:
        """Patrol these (enabled) cameras. New ones are spread over their whole interval, the others left alone."""
        wanted = {camera.id: camera for camera in cameras if camera.enabled}
        for camera_id in [camera_id for camera_id in self._stops if camera_id not in wanted]:
            self._stops.pop(camera_id).ticket = -1
        for camera in wanted.values():
            target_s = self.limits.target_s.get(camera.priority, max(self.limits.target_s.values()))
            gateway = self._gateway(gateway_of(camera))
            known = self._stops.get(camera.id)
            if known is not None and known.gateway is gateway:
                known.target_s, known.priority = target_s, camera.priority
                continue
            if known is not None:
                known.ticket = -1
            stop = _Stop(camera.id, gateway, target_s, camera.priority, known_since_s=now_s)
            self._stops[camera.id] = stop
            self._plan(stop, now_s + self._rng.uniform(0, target_s * _EARLY_RATIO), now_s + target_s)

    def boost(self, camera_id: str, reason: str, every_s: float, now_s: float) -> None:
        """Visit at least every `every_s` until `relax`: an open incident, a re-check that is due."""
        stop = self._stops.get(camera_id)
        if stop is None:
            return
        stop.boosts[reason] = every_s
        if not stop.running and not stop.failures:  # a camera that fails is asked again at its back-off's pace
            begun_s = now_s if stop.visited_s is None else stop.visited_s
            due_s = max(now_s, begun_s + every_s * _EARLY_RATIO)
            if due_s < stop.due_s:
                self._plan(stop, due_s, min(stop.deadline_s, due_s))

    def visit_soon(self, camera_id: str, now_s: float) -> None:
        """One visit before all others, as soon as the caps allow."""
        stop = self._stops.get(camera_id)
        if stop is not None and not stop.running:
            self._plan(stop, now_s, float("-inf"))

    def relax(self, camera_id: str, reason: str) -> None:
        """Take a boost back; the camera's next visits come at its own pace."""
        stop = self._stops.get(camera_id)
        if stop is not None:
            stop.boosts.pop(reason, None)

    def begin(self, now_s: float) -> list[str]:
        """Cameras to visit now, most urgent first. Each must be answered with `ended`."""
        limits = self.limits
        self._release(now_s)
        chosen: list[str] = []
        while self._open and len(self._visiting) < limits.running and self._opens_from_s <= now_s:
            place_s, _, gateway = heapq.heappop(self._open)
            if place_s != gateway.place_s:
                continue
            gateway.place_s = _NOWHERE
            stop = self._urgent(gateway)
            if stop is None or gateway.running >= limits.gateway_running:
                continue
            if stop.deadline_s > place_s:
                self._list(gateway)  # what this place in line was for has been planned anew
                continue
            if gateway.opens_from_s > now_s:
                self._pause(gateway)
                continue
            heapq.heappop(gateway.ready)
            if stop.camera_id in self._visiting:
                self._plan(stop, now_s + limits.retry_s, stop.deadline_s)  # put back while its old visit runs
                self._list(gateway)
                continue
            self._start(stop, now_s)
            self._list(gateway)
            chosen.append(stop.camera_id)
        return chosen

    def ended(self, camera_id: str, now_s: float, *, ok: bool) -> None:
        """A visit is over and its connection torn down."""
        gateway = self._visiting.pop(camera_id)
        gateway.running -= 1
        self._list(gateway)
        stop = self._stops.get(camera_id)
        if stop is None or not stop.running:
            return  # removed, or removed and put back, while it was being visited
        stop.running = False
        if ok:
            if stop.visited_s is not None and stop.failures == 0:
                self._visits += 1
                self._late += now_s - stop.visited_s > stop.every_s
            stop.visited_s, stop.failures = now_s, 0
            every_s = stop.every_s
            self._plan(stop, now_s + every_s * _EARLY_RATIO * self._rng.uniform(0.95, 1.0), now_s + every_s)
            return
        stop.failures += 1
        limits = self.limits
        wait_s = min(limits.most_retry_s, limits.retry_s * 2.0 ** min(stop.failures - 1, 20))
        due_s = now_s + wait_s * self._rng.uniform(0.5, 1.0)
        self._plan(stop, due_s, due_s + stop.target_s)

    def wake_s(self, now_s: float) -> float:
        """Seconds until `begin` could have something new; an ended visit may make it sooner."""
        if self._open and len(self._visiting) < self.limits.running:
            return max(0.0, self._opens_from_s - now_s)
        heads = [queue[0][0] for queue in (self._waiting, self._paused) if queue]
        return max(0.0, min(heads) - now_s) if heads else 60.0

    def running(self) -> dict[str, int]:
        """Visits open now, by gateway."""
        return {gateway.name: gateway.running for gateway in self._gateways.values() if gateway.running}

    def failures(self, camera_id: str) -> int:
        """Failed visits in a row."""
        return self._stops[camera_id].failures

    def report(self, now_s: float) -> PatrolReport:
        living = [stop for stop in self._stops.values() if stop.failures < _DEAD_FAILURES]
        ages = [(now_s - (s.known_since_s if s.visited_s is None else s.visited_s), s.target_s) for s in living]
        within = sum(age_s <= target_s for age_s, target_s in ages)
        return PatrolReport(
            cameras=len(self._stops),
            dead=len(self._stops) - len(living),
            within_target=within / len(living) if living else 1.0,
            worst_age_s=max((age_s for age_s, _ in ages), default=0.0),
            running=len(self._visiting),
            visits=self._visits,
            late_visits=self._late,
        )

    def _gateway(self, name: str) -> _Gateway:
        return self._gateways.setdefault(name, _Gateway(name))

    def _plan(self, stop: _Stop, due_s: float, deadline_s: float) -> None:
        self._tickets += 1
        stop.due_s, stop.deadline_s, stop.ticket = due_s, deadline_s, self._tickets
        heapq.heappush(self._waiting, (due_s, self._tickets, stop))

    def _release(self, now_s: float) -> None:
        """Move what has fallen due to its gateway's queue, and gateways whose pause is over back in line."""
        while self._waiting and self._waiting[0][0] <= now_s:
            _, ticket, stop = heapq.heappop(self._waiting)
            if ticket == stop.ticket:
                heapq.heappush(stop.gateway.ready, (stop.deadline_s, ticket, stop))
                self._list(stop.gateway)
        while self._paused and self._paused[0][0] <= now_s:
            self._list(heapq.heappop(self._paused)[2])

    def _urgent(self, gateway: _Gateway) -> _Stop | None:
        """The gateway's most urgent visit; void entries are thrown away."""
        while gateway.ready and gateway.ready[0][1] != gateway.ready[0][2].ticket:
            heapq.heappop(gateway.ready)
        return gateway.ready[0][2] if gateway.ready else None

    def _list(self, gateway: _Gateway) -> None:
        """Put a gateway that has something to open and room for it in line, at its most urgent visit's place."""
        if gateway.running >= self.limits.gateway_running:
            return
        stop = self._urgent(gateway)
        if stop is not None and stop.deadline_s < gateway.place_s:
            self._tickets += 1
            gateway.place_s = stop.deadline_s
            heapq.heappush(self._open, (stop.deadline_s, self._tickets, gateway))

    def _pause(self, gateway: _Gateway) -> None:
        self._tickets += 1
        heapq.heappush(self._paused, (gateway.opens_from_s, self._tickets, gateway))

    def _start(self, stop: _Stop, now_s: float) -> None:
        limits, gateway = self.limits, stop.gateway
        stop.running, stop.ticket = True, 0
        gateway.running += 1
        self._visiting[stop.camera_id] = gateway
        self._opens_from_s = max(self._opens_from_s, now_s - limits.burst / limits.opens_per_s) + 1 / limits.opens_per_s
        gateway.opens_from_s = max(gateway.opens_from_s, now_s) + 1 / limits.gateway_opens_per_s


def gateway_of(camera: Camera) -> str:
    """What the caps are per: the named gateway, else the host that serves the stream."""
    return camera.gateway or urlsplit(camera.url).hostname or camera.id
