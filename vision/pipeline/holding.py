"""Which cameras are ours: their leases, renewed beside the ticks, and the tokens that our findings carry."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError

log = structlog.get_logger()

_EVERY_S = 1.0
_HANGS_S = 60.0  # without a step of the worker's: somebody else should have the cameras


class Leases(Protocol):
    """What a worker asks of storage.leases.CameraLeases."""

    def hold(self, camera_ids: Sequence[str]) -> dict[str, int]: ...

    def release(self, camera_ids: Sequence[str]) -> None: ...


class SignOfLife(Protocol):
    """What is asked of storage.board.Board."""

    def post_life(self, worker: str) -> None: ...

    def leave(self, worker: str) -> None: ...


@dataclass(slots=True)
class Holding:
    """One worker's leases and its sign of life.

    Attributes:
        fences: the cameras that are ours, and their leases' tokens; replaced whole, so it is read without a lock.
        failures: times that leases were not renewed for something that should not happen.
    """

    worker: str
    clock: Clock
    leases: Leases
    board: SignOfLife
    fences: Mapping[str, int] = field(default_factory=dict)
    failures: int = 0
    _stepped_s: float = 0.0
    _hangs: bool = False
    _left: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self) -> None:
        """The worker goes on; without it for a minute nothing is renewed."""
        self._stepped_s = self.clock.monotonic_s()

    def run(self, stop: threading.Event) -> None:
        """Renew until told to stop: ticks take longer than leases last on a slow Redis."""
        while not stop.is_set():
            try:
                self.renew()
            except StorageError as error:
                log.debug("leases_not_renewed", worker=self.worker, reason=str(error))
            except Exception:
                self.failures += 1
                log.exception("leases_failed", worker=self.worker, failures=self.failures)
            self.clock.sleep(_EVERY_S, stop)

    def renew(self) -> None:
        """Renew what is ours, unless the ticks hang; what another worker got is ours no more.

        Raises StorageError.
        """
        hangs = self.clock.monotonic_s() - self._stepped_s > _HANGS_S
        if hangs and not self._hangs:
            log.error("worker_hangs", worker=self.worker, cameras=len(self.fences), after_s=_HANGS_S)
        self._hangs = hangs
        with self._lock:
            if hangs or self._left:
                return
            self.board.post_life(self.worker)
            before = self.fences
            self.fences = self.leases.hold(list(before))
        if lost := before.keys() - self.fences.keys():
            log.warning("cameras_lost", worker=self.worker, cameras=sorted(lost)[:10], count=len(lost))

    def take(self, camera_ids: Sequence[str]) -> Mapping[str, int]:
        """Take or renew these and none else; those that are ours now. Raises StorageError."""
        with self._lock:
            self.fences = self.leases.hold(camera_ids)
            return self.fences

    def release(self, camera_ids: Sequence[str]) -> None:
        """Of cameras that `take` was not asked for any more. Raises StorageError."""
        with self._lock:  # or they might just be renewed
            self.leases.release(camera_ids)

    def leave(self, camera_ids: Sequence[str]) -> None:
        """For good: another worker need not wait for our leases to run out, and nothing is renewed afterwards."""
        try:
            with self._lock:
                self._left, self.fences = True, {}
                self.leases.release(camera_ids)
                self.board.leave(self.worker)
        except StorageError as error:
            log.warning("leases_not_released", worker=self.worker, reason=str(error))
