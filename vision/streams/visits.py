"""Patrol visits carried out: open, look, always tear down; a bounded pool does what the scheduler says."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

import structlog

from vision.core.clock import Clock
from vision.core.errors import ConfigError, NotThereError, SourceError, SourceRefusedError
from vision.core.frames import Frame
from vision.core.registry import Camera, View
from vision.streams.health import CameraHealth, CameraState, HealthRecord, SourceFigures
from vision.streams.live import LiveSource
from vision.streams.mailbox import Mailbox
from vision.streams.patrol import Patrol, PatrolReport
from vision.streams.ring import PacketRing
from vision.streams.snapshot import SnapshotSource

_log = structlog.get_logger(__name__)

_VISIT_S = 20.0
"""A visit that has no usable keyframe by then has failed: longer than any sensible key interval."""
_OPEN_INCIDENT = "open incident"


class Steering(Protocol):
    """Turns a camera to one of its views."""

    def turn(self, camera: Camera, view: View) -> None:
        """Go there and wait until the picture stands still.

        Raises:
            SourceError: the camera did not get there; its view is unknown until it does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Carries out one camera's visit.

    Attributes:
        looks: usable pictures to take of each view.
        steering: for cameras whose views are PTZ presets; without it such a view cannot be visited.
    """

    clock: Clock
    look_px: int = 640
    looks: int = 1
    steering: Steering | None = None

    def visit(self, camera: Camera, session: int) -> Iterator[Frame]:
        """The looks of every view, one view after the other.

        Raises:
            SourceError: no usable picture; what was seen before it stays valid.
        """
        for view in camera.views:
            if view.preset is not None:
                if self.steering is None:
                    raise SourceRefusedError(f"{camera.id}: view {view.id} is a PTZ preset and nothing steers it")
                self.steering.turn(camera, view)
            yield from self._look(camera, view, session)

    def _look(self, camera: Camera, view: View, session: int) -> Iterator[Frame]:
        if camera.url.startswith("http"):
            still = SnapshotSource(camera, self.clock, view_id=view.id, session=session, look_px=self.look_px)
            with closing(still):
                still.open()
                for _ in range(self.looks):
                    yield still.look()
            return
        impatient = (*(pair for pair in camera.options if pair[0] != "no_keyframe_s"), ("no_keyframe_s", str(_VISIT_S)))
        source = LiveSource(
            replace(camera, sample_s=0.0, options=impatient),
            self.clock,
            view_id=view.id,
            session=session,
            look_px=self.look_px,
            ring=PacketRing(0.0, 0),
        )
        with closing(source):
            source.open()
            yield from islice(source.frames(), self.looks)


@dataclass(slots=True)
class _Visited:
    camera: Camera
    record: HealthRecord
    session: int = 0


@dataclass(slots=True)
class PatrolRunner:
    """Keeps the patrol going: asks the scheduler, runs the visits, puts their looks into the mailbox.

    Boosts and re-checks go to the scheduler through `boost` and `visit_soon` here, which lock it.
    """

    clock: Clock
    mailbox: Mailbox
    visitor: Visitor
    patrol: Patrol = field(default_factory=Patrol)
    crashes: int = 0
    _held: frozenset[str] = frozenset()
    _boosted: frozenset[str] = frozenset()
    _visited: dict[str, _Visited] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor | None = None
    _thread: threading.Thread | None = None

    def apply(self, cameras: Iterable[Camera]) -> None:
        """Patrol these (enabled) cameras; only those added, changed or removed are touched."""
        wanted = {camera.id: camera for camera in cameras if camera.enabled}
        with self._lock:
            for camera_id in [camera_id for camera_id in self._visited if camera_id not in wanted]:
                del self._visited[camera_id]
                self.mailbox.discard(camera_id)
            for camera in wanted.values():
                known = self._visited.get(camera.id)
                if known is None:
                    self._visited[camera.id] = _Visited(camera, HealthRecord(camera.id, self.clock))
                else:
                    known.camera = camera
            self._plan()
        self._wake.set()

    def hold(self, camera_ids: frozenset[str]) -> None:
        """Visit none of these, a person is turning them; those let go are visited as soon as the caps allow."""
        with self._lock:
            let_go, self._held = self._held - camera_ids, camera_ids
            self._plan()
            for camera_id in let_go:
                self.patrol.visit_soon(camera_id, self.clock.monotonic_s())
        self._wake.set()

    def _plan(self) -> None:
        going = [v.camera for key, v in self._visited.items() if key not in self._held]
        self.patrol.apply(going, self.clock.monotonic_s())
        self._hurry()

    def _hurry(self) -> None:
        """Boosts go with a camera's place in the patrol, so they are given again when it was planned anew."""
        for camera_id in self._boosted:
            self.patrol.boost(camera_id, _OPEN_INCIDENT, self.patrol.limits.boosted_s, self.clock.monotonic_s())

    def start(self) -> None:
        """Begin; the pool has as many threads as visits may run at once."""
        self._pool = ThreadPoolExecutor(self.patrol.limits.running, thread_name_prefix="visit")
        self._thread = threading.Thread(target=self._run, name="patrol", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; visits under way finish and tear down."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def boost(self, camera_ids: frozenset[str]) -> None:
        """Visit these, which have open incidents, more often; those not named any more go at their own pace."""
        with self._lock:
            for camera_id in self._boosted - camera_ids:
                self.patrol.relax(camera_id, _OPEN_INCIDENT)
            self._boosted = camera_ids
            self._hurry()
        self._wake.set()

    def visit_soon(self, camera_id: str) -> None:
        self._tell(lambda now_s: self.patrol.visit_soon(camera_id, now_s))

    def report(self) -> PatrolReport:
        with self._lock:
            return self.patrol.report(self.clock.monotonic_s())

    def health(self) -> dict[str, CameraHealth]:
        drops = self.mailbox.drops()
        with self._lock:
            visited = list(self._visited.values())
        return {v.camera.id: v.record.snapshot(drops=drops.get(v.camera.id, 0)) for v in visited}

    def _tell(self, what: Callable[[float], None]) -> None:
        with self._lock:
            what(self.clock.monotonic_s())
        self._wake.set()

    def _run(self) -> None:
        assert self._pool is not None
        while not self._stopping.is_set():
            self._wake.clear()
            with self._lock:
                now_s = self.clock.monotonic_s()
                for camera_id in self.patrol.begin(now_s):
                    self._pool.submit(self._visit, camera_id)
                wait_s = self.patrol.wake_s(now_s)
            # Never busier than the open rate needs, whatever wakes it.
            self.clock.sleep(min(max(wait_s, 0.02), 5.0), self._wake)

    def _visit(self, camera_id: str) -> None:
        """One visit on a pool thread; whatever happens, the scheduler hears of its end."""
        ok = False
        try:
            with self._lock:
                visited = self._visited.get(camera_id)
            if visited is not None and not self._stopping.is_set():
                ok = self._carry_out(visited)
        except Exception:  # noqa: BLE001 - a thread's top: the fault is this visit's alone, logged and counted
            with self._lock:
                self.crashes += 1
            _log.exception("visit_crashed", camera=camera_id)
        finally:
            with self._lock:
                self.patrol.ended(camera_id, self.clock.monotonic_s(), ok=ok)
            self._wake.set()

    def _carry_out(self, visited: _Visited) -> bool:
        camera, record = visited.camera, visited.record
        try:
            record.opened()
            for frame in self.visitor.visit(camera, visited.session):
                if camera.id in self._held:
                    break  # its other views would be turned to
                record.looked(frame, SourceFigures())
                record.turn(CameraState.LIVE)
                self.mailbox.put(frame)
                del frame
        except (SourceError, ConfigError, NotThereError) as error:
            record.failed()
            refused = isinstance(error, SourceRefusedError | ConfigError | NotThereError)
            if record.turn(CameraState.REFUSED if refused else CameraState.RECONNECTING, str(error)):
                _log.warning("visit_failed", camera=camera.id, reason=str(error))
            return False
        finally:
            visited.session += 1
        return True
