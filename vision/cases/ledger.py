"""The outbox in the database: which rows are due, taking them, and writing down what came of them."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from vision.core.delivery import Delivery
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.storage.tables import OutboxRow

_BLOCKING = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEAD)


_NEXT_TARGET = select(func.min(OutboxRow.target)).where(
    OutboxRow.status == DeliveryStatus.PENDING, OutboxRow.target > bindparam("after")
)
_FIRST_DUE = select(func.min(OutboxRow.next_at)).where(
    OutboxRow.status == DeliveryStatus.PENDING, OutboxRow.target == bindparam("target")
)


def due_targets(session: Session, now: datetime) -> list[str]:
    """Targets with something to send; skips through the index from target to target, not through the rows."""
    found: list[str] = []
    after = ""
    while (target := session.scalar(_NEXT_TARGET, {"after": after})) is not None:
        first_at = session.scalar(_FIRST_DUE, {"target": target})
        if first_at is not None and first_at <= now:
            found.append(target)
        after = target
    return found


def next_at(session: Session) -> datetime | None:
    """When the earliest pending row is due."""
    return session.scalar(select(func.min(OutboxRow.next_at)).where(OutboxRow.status == DeliveryStatus.PENDING))


_EARLIER = aliased(OutboxRow)
_DUE = (
    select(OutboxRow)
    .where(
        OutboxRow.status == DeliveryStatus.PENDING,
        OutboxRow.target == bindparam("target"),
        OutboxRow.next_at <= bindparam("now"),
        (OutboxRow.kind == DeliveryKind.NOTIFY)  # notices wait for nobody: each goes to somebody else
        | ~exists().where(
            _EARLIER.incident_id == OutboxRow.incident_id,
            _EARLIER.target == OutboxRow.target,
            _EARLIER.id < OutboxRow.id,
            _EARLIER.status.in_(_BLOCKING),
        ),
    )
    .order_by(OutboxRow.next_at, OutboxRow.id)
    .limit(bindparam("count"))
    .with_for_update(skip_locked=True)
)


def lease(session: Session, target: str, now: datetime, *, count: int, lease_for: timedelta) -> list[Delivery]:
    """Take up to `count` due rows of a target, oldest due first; a row waits for the earlier ones of its incident."""
    rows = session.scalars(_DUE, {"target": target, "now": now, "count": count}).all()
    if rows:
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_([row.id for row in rows]))
            .values(status=DeliveryStatus.SENDING.value, attempts=OutboxRow.attempts + 1, leased_until=now + lease_for),
            execution_options={"synchronize_session": False},
        )
    return [_delivery(row) for row in rows]


def reclaim(session: Session, now: datetime, in_flight: Collection[int]) -> int:
    """Give back rows whose sender died: what became of them is unknown. Returns how many.

    Rows that this process is still sending (`in_flight`) stay, whatever the wall clock did meanwhile.
    """
    lost = session.scalars(
        select(OutboxRow.id).where(OutboxRow.status == DeliveryStatus.SENDING, OutboxRow.leased_until < now)
    ).all()
    ids = [row_id for row_id in lost if row_id not in in_flight]
    for chunk in _chunks(ids):
        session.execute(
            update(OutboxRow)
            .where(OutboxRow.id.in_(chunk), OutboxRow.status == DeliveryStatus.SENDING)
            .values(
                status=DeliveryStatus.PENDING.value,
                outcome_unknown=True,
                next_at=now,
                leased_until=None,
                last_error="the sender stopped before an answer was written down",
            )
        )
    return len(ids)


def delivered(session: Session, row_id: int, now: datetime) -> None:
    _settle(session, row_id, DeliveryStatus.DELIVERED, "", outcome_unknown=False, delivered_at=now)


def postponed(session: Session, row_id: int, until: datetime, words: str, *, outcome_unknown: bool) -> None:
    _settle(session, row_id, DeliveryStatus.PENDING, words, outcome_unknown=outcome_unknown, next_at=until)


def dead(session: Session, row_id: int, words: str, *, outcome_unknown: bool) -> None:
    _settle(session, row_id, DeliveryStatus.DEAD, words, outcome_unknown=outcome_unknown)


def dropped(session: Session, row_id: int, words: str) -> None:
    _settle(session, row_id, DeliveryStatus.DROPPED, words, outcome_unknown=False)


def backlog(session: Session) -> dict[tuple[str, str], int]:
    """Rows by (target, status), delivered ones left out."""
    rows = session.execute(
        select(OutboxRow.target, OutboxRow.status, func.count())
        .where(OutboxRow.status.in_(_BLOCKING))
        .group_by(OutboxRow.target, OutboxRow.status)
    )
    return {(target, status): count for target, status, count in rows}


_TABLE = OutboxRow.metadata.tables[OutboxRow.__tablename__]
# Built once: settling is done for every row, and building the statement would cost more than running it.
_SETTLE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row_id"))
    .values(
        status=bindparam("status"),
        leased_until=None,
        outcome_unknown=bindparam("outcome_unknown"),
        last_error=bindparam("last_error"),
    )
)
_SETTLE_DELIVERED = _SETTLE.values(delivered_at=bindparam("delivered_at"))
_SETTLE_POSTPONED = _SETTLE.values(next_at=bindparam("next_at"))


def _settle(
    session: Session, row_id: int, status: DeliveryStatus, words: str, *, outcome_unknown: bool, **values: datetime
) -> None:
    statement = _SETTLE
    if "delivered_at" in values:
        statement = _SETTLE_DELIVERED
    elif "next_at" in values:
        statement = _SETTLE_POSTPONED
    session.connection().execute(
        statement,
        {"row_id": row_id, "status": status.value, "last_error": words, "outcome_unknown": outcome_unknown, **values},
    )


def _delivery(row: OutboxRow) -> Delivery:
    return Delivery(
        id=row.id,
        incident_id=row.incident_id,
        kind=DeliveryKind(row.kind),
        target=row.target,
        idempotency_key=row.idempotency_key,
        payload=row.payload,
        created_at=row.created_at,
        attempts=row.attempts,
        outcome_unknown=row.outcome_unknown,
    )


def _chunks(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
