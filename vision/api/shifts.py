"""What each person has yet to see, kept with their account: a shift begins where the last one ended."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.storage.database import Database
from vision.storage.tables import ShiftRow

_ANOTHER_SHIFT = timedelta(hours=1)
_MOST_OPENED = 2000  # the oldest go first: what was opened that long ago in a shift has been judged


class Shifts:
    """A console that was closed for an hour, or a person who signed out, comes back to a new shift."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def go_on(self, actor: str, opened: Iterable[str] = (), *, all_seen: bool = False) -> ShiftRow:
        """The person's console is open, and they have opened these incidents; `all_seen`: nothing is new any more."""
        now = self._clock.now()
        with self._database.transaction() as session:
            row = self._row(session, actor)
            if now - row.seen_at > _ANOTHER_SHIFT:
                row.unread_since, row.opened = row.seen_at, []
            if all_seen:
                row.unread_since, row.opened = now, []
            fresh = dict.fromkeys([*row.opened, *opened])
            row.opened = list(fresh)[-_MOST_OPENED:]
            row.seen_at = now
            session.flush()
            session.expunge(row)
            return row

    def end(self, actor: str) -> None:
        """The person signed out: what comes from now on is new to them."""
        now = self._clock.now()
        with self._database.transaction() as session:
            row = self._row(session, actor)
            row.seen_at, row.unread_since, row.opened = now, now, []

    def _row(self, session: Session, actor: str) -> ShiftRow:
        row = session.get(ShiftRow, actor, with_for_update=True)
        if row is None:
            now = self._clock.now()
            row = ShiftRow(actor=actor, seen_at=now, unread_since=now, opened=[])
            session.add(row)
        return row
