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
_SILENT_S = 5.0
_SEAT = "#assigner"
_REFERENCE_SAMPLE_S = 10.0


class Board(Protocol):
    """What an assigner asks of storage.board.Board."""

    def workers(self) -> dict[str, dict[str, Any]]: ...

    def registry(self) -> dict[str, Any] | None: ...

    def registry_version(self) -> int | None: ...

    def assign(self, shares: Mapping[str, Iterable[str]]) -> None: ...


class Seat(Protocol):
    """What an assigner asks of storage.leases.CameraLeases: several may run, one assigns."""

    def hold(self, camera_ids: list[str]) -> dict[str, int]: ...


class Assigner:
    """Loses nothing when it dies: workers go on with their shares, and its successor works out the same ones.

    A worker is alive for as long as its health record changes by this process's own clock, so machines whose clocks
    disagree do not matter.
    """

    def __init__(self, board: Board, seat: Seat, clock: Clock, *, silent_s: float = _SILENT_S) -> None:
        self._board, self._seat, self._clock, self._silent_s = board, seat, clock, silent_s
        self._heard: dict[str, tuple[str, float]] = {}
        self._loads: list[Load] = []
        self._version: int | None = None
        self._given: dict[str, list[str]] | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.once()
            except StorageError as error:
                log.warning("shares_not_assigned", reason=str(error))
            self._clock.sleep(_EVERY_S, stop)

    def once(self) -> dict[str, list[str]] | None:
        """Work out the shares and post them when they changed; None when another assigner has the seat."""
        if not self._seat.hold([_SEAT]):
            self._given = None
            return None
        self._follow_registry()
        live = self._live()
        shares = spread(self._loads, live)
        if shares != self._given:
            self._board.assign(shares)
            self._given = shares
            log.info("shares_assigned", workers={name: len(cameras) for name, cameras in shares.items()})
        return shares

    def _live(self) -> dict[str, float]:
        """Capacities of the workers that were heard of lately."""
        now_s = self._clock.monotonic_s()
        rows = self._board.workers()
        for name, row in rows.items():
            if self._heard.get(name, ("", 0.0))[0] != row["at"]:
                self._heard[name] = (row["at"], now_s)
        self._heard = {name: heard for name, heard in self._heard.items() if name in rows}
        return {
            name: float(rows[name].get("capacity", 1.0))
            for name, (_at, heard_s) in self._heard.items()
            if now_s - heard_s <= self._silent_s
        }

    def _follow_registry(self) -> None:
        version = self._board.registry_version()
        if version == self._version:
            return
        cameras = (self._board.registry() or {}).get("cameras", {})
        self._loads = [
            Load(
                key, _REFERENCE_SAMPLE_S / float(document.get("sample_s", _REFERENCE_SAMPLE_S)), document.get("gateway")
            )
            for key, document in cameras.items()
            if document.get("enabled", True)
        ]
        self._version = version


def _load(camera_id: str, document: Mapping[str, Any]) -> Load:
    """A camera costs by how often it is looked at; one look every ten seconds is 1."""
    sample_s = float(document.get("sample_s", _REFERENCE_SAMPLE_S))
    return Load(camera_id, _REFERENCE_SAMPLE_S / sample_s, document.get("gateway"))
