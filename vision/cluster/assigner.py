"""Gives every live worker its share of the cameras, again whenever a worker comes, goes or falls silent."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import structlog

from vision.cluster.shares import Load, spread
from vision.core.clock import Clock
from vision.core.errors import StorageError

log = structlog.get_logger()
_EVERY_S = 1.0
_GRACE_S = 10.0  # a worker tries an absent Redis again at least this often
_FORGET_S = 3600.0
_SEAT = "#assigner"
_REFERENCE_SAMPLE_S = 10.0


class Board(Protocol):
    """What an assigner asks of storage.board.Board."""

    def workers(self) -> dict[str, dict[str, Any]]: ...

    def forget_worker(self, worker: str) -> None: ...

    def registry(self) -> dict[str, Any] | None: ...

    def registry_version(self) -> int | None: ...

    def assign(self, shares: Mapping[str, Iterable[str]]) -> None: ...


class Seat(Protocol):
    """What an assigner asks of storage.leases.CameraLeases: several may run, one assigns."""

    def hold(self, camera_ids: list[str]) -> dict[str, int]: ...


class Assigner:
    """Loses nothing when it dies: workers go on with their shares, and its successor works out the same ones.

    Who is alive is the board's to say, by signs that expire there: so a successor knows at once, and machines whose
    clocks disagree do not matter. When the board itself was away all signs have expired, and those who lived before
    have a moment to show themselves again; when nobody at all is alive the shares stay as they are.
    """

    def __init__(
        self, board: Board, seat: Seat, clock: Clock, *, grace_s: float = _GRACE_S, forget_s: float = _FORGET_S
    ) -> None:
        """`forget_s`: how long a dead worker stays on the board, for operators to see."""
        self._board, self._seat, self._clock = board, seat, clock
        self._grace_s, self._forget_s = grace_s, forget_s
        self._lived: dict[str, float] = {}
        self._grace_until_s = float("-inf")
        self._dead_since_s: dict[str, float] = {}
        self._loads: list[Load] = []
        self._version: int | None = None
        self._given: dict[str, list[str]] | None = None
        self._token: int | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.once()
            except StorageError as error:
                log.warning("shares_not_assigned", reason=str(error))
                self._grace_until_s = self._clock.monotonic_s() + self._grace_s
            self._clock.sleep(_EVERY_S, stop)

    def once(self) -> dict[str, list[str]] | None:
        """Work out the shares and post them when they changed.

        Returns:
            None when another assigner has the seat, or nobody is there to look.

        Raises:
            StorageError: the board is away; shares stay as they are.
        """
        live = self._live()  # whoever waits for the seat knows already who is alive
        token = self._seat.hold([_SEAT]).get(_SEAT)
        if token != self._token:  # a seat newly taken, perhaps on a Redis that came back with nothing
            self._token, self._given = token, None
        if token is None or not live:
            return None
        self._follow_registry()
        shares = spread(self._loads, live)
        if shares != self._given:
            self._board.assign(shares)
            self._given = shares
            log.info("shares_assigned", workers={name: len(cameras) for name, cameras in shares.items()})
        self._forget()
        return shares

    def _live(self) -> dict[str, float]:
        """Capacities of the workers that live."""
        now_s = self._clock.monotonic_s()
        rows = self._board.workers()
        live = {name: float(row.get("capacity", 1.0)) for name, row in rows.items() if row["alive"]}
        for name in rows:
            if name in live:
                if self._dead_since_s.pop(name, None) is not None:
                    log.info("worker_returned", worker=name)
            elif name not in self._dead_since_s:
                self._dead_since_s[name] = now_s
                log.warning("worker_fell_silent", worker=name, said_last=rows[name]["at"])
        if now_s < self._grace_until_s:
            live = {**self._lived, **live}
        else:
            self._lived = live
        return live

    def _forget(self) -> None:
        now_s = self._clock.monotonic_s()
        for name, since_s in list(self._dead_since_s.items()):
            if now_s - since_s >= self._forget_s:
                self._board.forget_worker(name)
                del self._dead_since_s[name]
                log.info("worker_forgotten", worker=name)

    def _follow_registry(self) -> None:
        version = self._board.registry_version()
        if version == self._version:
            return
        cameras = (self._board.registry() or {}).get("cameras", {})
        self._loads = [_load(key, document) for key, document in cameras.items() if document.get("enabled", True)]
        self._version = version


def _load(camera_id: str, document: Mapping[str, Any]) -> Load:
    """A camera costs by how often it is looked at; one look every ten seconds is 1."""
    sample_s = float(document.get("sample_s", _REFERENCE_SAMPLE_S))
    return Load(camera_id, _REFERENCE_SAMPLE_S / sample_s, document.get("gateway"))
