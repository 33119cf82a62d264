"""The only place that reconnects: one thread per camera, each alone with its failures."""

import random
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol, runtime_checkable

import structlog

from vision.core.clock import Clock
from vision.core.errors import ConfigError, NotThereError, SourceError, SourceRefusedError
from vision.core.frames import Image
from vision.core.ports import FrameSource
from vision.core.registry import Camera
from vision.streams.backoff import Backoff
from vision.streams.health import CameraHealth, CameraState, HealthRecord, Measured, SourceFigures
from vision.streams.mailbox import Mailbox

_log = structlog.get_logger(__name__)

OpenSource = Callable[[Camera, int], FrameSource]
"""Makes a source for a camera and a session number; opening it is the supervisor's part."""

_GRACE_S = 3.0


@runtime_checkable
class KeepsClips(Protocol):
    """A source with an evidence ring."""

    def clip(self, begin: datetime, end: datetime) -> bytes: ...


@runtime_checkable
class Glances(Protocol):
    """A source that can show its newest picture without taking a look."""

    def glance(self, longest_px: int) -> Image | None: ...


class _Runner:
    """One camera's thread: open, hand on looks, on failure wait and open again."""

    def __init__(self, camera: Camera, supervisor: "Supervisor", first_session: int) -> None:
        self.camera = camera
        self.record = HealthRecord(camera.id, supervisor.clock, camera.sample_s)
        self.session = first_session
        self._supervisor = supervisor
        self._stopping = threading.Event()
        self.source: FrameSource | None = None
        self._rng = random.Random(camera.id)
        self.thread = threading.Thread(target=self._run, name=f"camera-{camera.id}", daemon=True)

    def stop(self) -> None:
        """Ask it to end; `thread` says when it has."""
        self._stopping.set()
        source = self.source
        if source is not None:
            source.close()

    def _run(self) -> None:
        log = _log.bind(camera=self.camera.id)
        try:
            while not self._stopping.is_set():
                self._attempt(log)
        except Exception as error:  # a thread's top: the fault is this camera's alone
            self._supervisor.count_crash()
            self.record.turn(CameraState.STOPPED, f"internal fault: {type(error).__name__}")
            log.exception("camera_thread_crashed")
            return
        self.record.turn(CameraState.STOPPED)

    def _attempt(self, log: structlog.typing.FilteringBoundLogger) -> None:
        """One session from open to loss, and the wait after it."""
        record, supervisor = self.record, self._supervisor
        try:
            self._session(log)
        except (SourceError, ConfigError, NotThereError) as error:
            if self._stopping.is_set():
                return
            failures = record.failed()
            # A wrong option or missing hardware is as hopeless to ask again as a wrong password.
            refused = not isinstance(error, SourceError) or isinstance(error, SourceRefusedError)
            wait_s = supervisor.backoff.wait_s(failures, self._rng, refused=refused)
            state = CameraState.REFUSED if refused else CameraState.RECONNECTING
            if record.turn(state, str(error), next_try_s=wait_s):
                log.warning("source_refused" if refused else "source_lost", reason=str(error), failures=failures)
            supervisor.clock.sleep(wait_s, self._stopping)
        else:
            self._stopping.set()

    def _session(self, log: structlog.typing.FilteringBoundLogger) -> None:
        source = self._supervisor.open_source(self.camera, self.session)
        self.source = source
        try:
            if self._stopping.is_set():
                return
            source.open()
            self.record.opened()
            self.session += 1
            for frame in source.frames():
                if self._stopping.is_set():
                    return
                self.record.looked(frame, source.figures() if isinstance(source, Measured) else SourceFigures())
                if self.record.turn(CameraState.LIVE):
                    log.info("source_connected", session=frame.session, time_source=frame.time_source)
                self._supervisor.mailbox.put(frame)
                del frame  # or this thread would hold 0.7 MB until the next look
        finally:
            self.source = None
            source.close()


class Supervisor:
    """Keeps the given cameras' looks coming into the mailbox."""

    def __init__(
        self, clock: Clock, open_source: OpenSource, mailbox: Mailbox, *, backoff: Backoff | None = None
    ) -> None:
        self.clock, self.open_source, self.mailbox = clock, open_source, mailbox
        self.backoff = backoff or Backoff()
        self.crashes = 0
        self._runners: dict[str, _Runner] = {}
        self._lock = threading.Lock()

    def apply(self, cameras: Iterable[Camera]) -> None:
        """Make these (enabled) cameras the watched ones: only those added, changed or removed are touched."""
        wanted = {camera.id: camera for camera in cameras if camera.enabled}
        with self._lock:
            gone = [r for r in self._runners.values() if _stream(wanted.get(r.camera.id)) != _stream(r.camera)]
            for runner in gone:
                del self._runners[runner.camera.id]
                runner.stop()
            for runner in self._runners.values():
                runner.camera = wanted[runner.camera.id]
            sessions = {runner.camera.id: runner.session + 1 for runner in gone}
            for camera in wanted.values():
                if camera.id not in self._runners:
                    runner = _Runner(camera, self, sessions.get(camera.id, 0))
                    self._runners[camera.id] = runner
                    runner.thread.start()
        for runner in gone:
            self.mailbox.discard(runner.camera.id)
            _log.info("camera_changed" if runner.camera.id in wanted else "camera_removed", camera=runner.camera.id)

    def health(self) -> dict[str, CameraHealth]:
        """Each watched camera's state, by id."""
        drops = self.mailbox.drops()
        with self._lock:
            runners = list(self._runners.values())
        return {r.camera.id: r.record.snapshot(drops=drops.get(r.camera.id, 0)) for r in runners}

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        """An MP4 of what a live camera sent between two scene times; from any thread.

        For a post-roll, call when `end` has passed. The MP4 begins at the keyframe before `begin`.

        Raises:
            SourceError: the camera is not live, keeps no ring, or holds nothing of that time.
        """
        with self._lock:
            runner = self._runners.get(camera_id)
        source = runner.source if runner else None
        if not isinstance(source, KeepsClips):
            raise SourceError(f"{camera_id} holds no evidence ring now")
        return source.clip(begin, end)

    def glance(self, camera_id: str, longest_px: int) -> Image | None:
        """The camera's newest picture, whatever its next look; None when it is not kept open or nothing new came.

        Raises:
            NotThereError: the device that decodes is not on this machine.
        """
        with self._lock:
            runner = self._runners.get(camera_id)
        source = runner.source if runner else None
        return source.glance(longest_px) if isinstance(source, Glances) else None

    def stop(self, wait_s: float = _GRACE_S) -> None:
        """End every thread; those still in a read after `wait_s` end by themselves when it times out."""
        with self._lock:
            runners, self._runners = list(self._runners.values()), {}
        for runner in runners:
            runner.stop()
        deadline_s = self.clock.monotonic_s() + wait_s
        for runner in runners:
            with suppress(RuntimeError):
                runner.thread.join(max(0.0, deadline_s - self.clock.monotonic_s()))

    def count_crash(self) -> None:
        with self._lock:
            self.crashes += 1


def _stream(camera: Camera | None) -> Camera | None:
    """What of a camera its connection depends on: newly drawn zones or another name are no reason to reopen it."""
    if camera is None:
        return None
    view = camera.views[0]
    bare = replace(view, name="", zones=(), calibration=())
    return replace(camera, name="", place="", district="", position=None, views=(bare,))
