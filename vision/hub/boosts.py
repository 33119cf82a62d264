"""Tells the workers which cameras have incidents under way, so that patrols see them more often."""

import threading
from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import select

from vision.core.clock import Clock
from vision.core.incidents import IncidentStatus
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, WitnessRow

_EVERY_S = 5.0
_REPEAT_S = 60.0
_UNDER_WAY = tuple(status.value for status in IncidentStatus if not status.final)


class Board(Protocol):
    """What is asked of storage.board.Board."""

    def boost(self, camera_ids: Iterable[str]) -> None: ...


class Boosts:
    """A chore for `hub.runtime.Hub`.

    Suspicions count as well: seen again within minutes, they become incidents or lapse.
    """

    def __init__(self, database: Database, board: Board, clock: Clock) -> None:
        self._database, self._board, self._clock = database, board, clock
        self._posted: frozenset[str] | None = None
        self._posted_at_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; raises StorageError, and is begun again by the hub."""
        while not stop.is_set():
            self.once()
            self._clock.sleep(_EVERY_S, stop)

    def once(self) -> None:
        """Post what changed; now and then what did not, for a Redis that forgot."""
        with self._database.reading() as session:
            own = select(IncidentRow.camera_id).where(IncidentRow.status.in_(_UNDER_WAY))
            others = (
                select(WitnessRow.camera_id)
                .join(IncidentRow, IncidentRow.id == WitnessRow.incident_id)
                .where(IncidentRow.status.in_(_UNDER_WAY))
            )
            cameras = frozenset(session.scalars(own.union(others)))
        now_s = self._clock.monotonic_s()
        if cameras != self._posted or now_s - self._posted_at_s >= _REPEAT_S:
            self._board.boost(cameras)
            self._posted, self._posted_at_s = cameras, now_s
