"""The outbox in the database: which rows are due, taking them, and writing down what came of them."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session, aliased

from vision.core.delivery import Delivery
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.storage.tables import OutboxRow

_BLOCKING = (DeliveryStatus.PENDING, DeliveryStatus.SENDING, DeliveryStatus.DEAD)


def due_targets(session: Session, now: datetime) -> list[str]:
    """Targets with something to send; skips through the index from target to target, not through the rows."""
    found: list[str] = []
    after = ""
    while True:
        query = select(func.min(OutboxRow.target)).where(
            OutboxRow.status == DeliveryStatus.PENDING, OutboxRow.target > after
        )
        target = session.scalar(query)
        if target is None:
            return found
        first_at = session.scalar(
            select(func.min(OutboxRow.next_at)).where(
                OutboxRow.status == DeliveryStatus.PENDING, OutboxRow.target == target
            )
        )
        if first_at is not None and first_at <= now:
            found.append(target)
        after = target


def next_at(session: Session) -> datetime | None:
    """When the earliest pending row is due."""
    return session.scalar(select(func.min(OutboxRow.next_at)).where(OutboxRow.status == DeliveryStatus.PENDING))


def lease(session: Session, target: str, now: datetime, *, count: int, lease_for: timedelta) -> list[Delivery]:
    """Take up to `count` due rows of a target, oldest due first; a row waits for the earlier ones of its incident."""
    earlier = aliased(OutboxRow)
    rows = session.scalars(
        select(OutboxRow)
        .where(
            OutboxRow.status == DeliveryStatus.PENDING,
            OutboxRow.target == target,
            OutboxRow.next_at <= now,
            ~exists().where(
                earlier.incident_id == OutboxRow.incident_id,
                earlier.target == OutboxRow.target,
                earlier.id < OutboxRow.id,
                earlier.status.in_(_BLOCKING),
            ),
        )
        .order_by(OutboxRow.next_at, OutboxRow.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()
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
    _settle(
        session,
        row_id,
        status=DeliveryStatus.DELIVERED.value,
        delivered_at=now,
        leased_until=None,
        outcome_unknown=False,
        last_error="",
    )


def postponed(session: Session, row_id: int, until: datetime, words: str, *, outcome_unknown: bool) -> None:
    _settle(
        session,
        row_id,
        status=DeliveryStatus.PENDING.value,
        next_at=until,
        leased_until=None,
        outcome_unknown=outcome_unknown,
        last_error=words,
    )


def dead(session: Session, row_id: int, words: str, *, outcome_unknown: bool) -> None:
    _settle(
        session,
        row_id,
        status=DeliveryStatus.DEAD.value,
        leased_until=None,
        outcome_unknown=outcome_unknown,
        last_error=words,
    )


def dropped(session: Session, row_id: int, words: str) -> None:
    _settle(session, row_id, status=DeliveryStatus.DROPPED.value, leased_until=None, last_error=words)


def backlog(session: Session) -> dict[tuple[str, str], int]:
    """Rows by (target, status), delivered ones left out."""
    rows = session.execute(
        select(OutboxRow.target, OutboxRow.status, func.count())
        .where(OutboxRow.status.in_(_BLOCKING))
        .group_by(OutboxRow.target, OutboxRow.status)
    )
    return {(target, status): count for target, status, count in rows}


def _settle(session: Session, row_id: int, **values: object) -> None:
    session.execute(
        update(OutboxRow).where(OutboxRow.id == row_id).values(**values),
        execution_options={"synchronize_session": False},
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
