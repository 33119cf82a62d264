"""Divides the city's work among the hubs that run: every share has one owner, and a late one is found out by its token.

A lease with a fencing token (Kleppmann, "How to do distributed locking", 2016), kept in the very database that it
guards: a transaction that writes for a share holds the share's row and sees whether its token is still the newest.
All times are the database's own.
"""

import math
from collections.abc import Collection
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.storage.database import Database

log = structlog.get_logger()
LEASE_S = 8.0
_SEEN = text("INSERT INTO hubs (name, seen_at) VALUES (:me, now()) ON CONFLICT (name) DO UPDATE SET seen_at = now()")
_FORGOTTEN = text("DELETE FROM hubs WHERE seen_at < now() - interval '1 day'")
_LIVE = text("SELECT count(*) FROM hubs WHERE seen_at > now() - make_interval(secs => :lease)")
_MADE = text("INSERT INTO hub_shares (share, token) SELECT generate_series(0, :last), 0 ON CONFLICT DO NOTHING")
_RENEWED = text(
    "UPDATE hub_shares SET until = now() + make_interval(secs => :lease) WHERE owner = :me RETURNING share, token"
)
_RELEASED = text("UPDATE hub_shares SET owner = NULL, until = NULL WHERE owner = :me AND share = ANY(:shares)")
# SKIP LOCKED: a row that a late owner's transaction still holds is taken at a later turn, when it has ended.
_TAKEN = text(
    "UPDATE hub_shares SET owner = :me, token = token + 1, until = now() + make_interval(secs => :lease) "
    "WHERE share IN (SELECT share FROM hub_shares WHERE share <= :last AND (owner IS NULL OR until < now()) "
    "ORDER BY share LIMIT :room FOR UPDATE SKIP LOCKED) RETURNING share, token"
)
_LEFT = text("DELETE FROM hubs WHERE name = :me")
# KEY SHARE does not stand in the way of the owner's own renewal, but of whoever would take the share over.
_HELD = text(
    "SELECT share, token FROM hub_shares WHERE owner = :me AND share = ANY(:shares) ORDER BY share FOR KEY SHARE"
)


class OwnershipLostError(StorageError):
    """Another hub owns the share by now; what was read of it is the other's to write."""


class Ownership:
    """This hub's shares. `turn` keeps them; `require` guards a transaction."""

    def __init__(self, database: Database, clock: Clock, name: str, shares: int, *, lease_s: float = LEASE_S) -> None:
        """`name`: unique among the hubs that run. Shares are numbered from 0."""
        self._database, self._clock, self._name, self._lease_s = database, clock, name, lease_s
        self._last = shares - 1
        self._tokens: dict[int, int] = {}
        self._good_until_s = float("-inf")

    @property
    def owned(self) -> frozenset[int]:
        """As of the last turn; empty when the lease has run out meanwhile."""
        return frozenset(self._tokens) if self._clock.monotonic_s() < self._good_until_s else frozenset()

    def turn(self) -> frozenset[int]:
        """Renew, give up what is more than our part, take what is free; several times within a lease.

        Raises:
            StorageError: the database is away; what was owned stays owned until the lease runs out.
        """
        asked_s = self._clock.monotonic_s()
        mine: dict[str, Any] = {"me": self._name, "lease": self._lease_s}
        with self._database.transaction() as session:
            session.execute(_MADE, {"last": self._last})
            session.execute(_SEEN, mine)
            session.execute(_FORGOTTEN)
            live = session.scalar(_LIVE, mine) or 1
            tokens = {row.share: row.token for row in session.execute(_RENEWED, mine)}
            part = math.ceil((self._last + 1) / live)
            surplus = sorted(tokens)[part:]
            if surplus:
                session.execute(_RELEASED, {**mine, "shares": surplus})
                tokens = {share: token for share, token in tokens.items() if share not in surplus}
            elif len(tokens) < part:
                taken = session.execute(_TAKEN, {**mine, "last": self._last, "room": part - len(tokens)})
                tokens.update({row.share: row.token for row in taken})
        if tokens.keys() != self._tokens.keys():
            log.info("shares_owned", hub=self._name, shares=sorted(tokens), hubs=live)
        self._tokens, self._good_until_s = tokens, asked_s + self._lease_s
        return frozenset(tokens)

    def require(self, session: Session, shares: Collection[int]) -> None:
        """Hold the shares until the transaction ends; raises OwnershipLostError when one is no longer ours."""
        wanted = sorted(shares)
        rows = session.execute(_HELD, {"me": self._name, "shares": wanted}).all()
        held = {row.share: row.token for row in rows}
        lost = [share for share in wanted if share not in held or held[share] != self._tokens.get(share)]
        if lost:
            raise OwnershipLostError(f"hub {self._name} no longer owns shares {lost}")

    def leave(self) -> None:
        """Give everything back, so that the others need not wait for the lease to run out."""
        mine = {"me": self._name, "shares": sorted(self._tokens)}
        with self._database.transaction() as session:
            session.execute(_RELEASED, mine)
            session.execute(_LEFT, mine)
        self._tokens = {}
