"""Pushes that were refused for good: corrected and sent again, told to be filed already, or given up by a person."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.cases import record
from vision.cases.drafts import EDITABLE, OVERRIDES
from vision.core.clock import Clock
from vision.core.delivery import CaseReceipt, Delivery
from vision.core.errors import NotThereError
from vision.core.incidents import CaseStatus, DeliveryKind, DeliveryStatus
from vision.storage.tables import OutboxRow


class DeadLetterError(ValueError):
    """What was asked for does not fit the row; says why."""


def resend(
    session: Session, row_id: int, clock: Clock, *, corrections: Mapping[str, Any] | None = None, sure: bool = False
) -> OutboxRow:
    """Put a dead row back in line, with its own key, so that it is still filed once.

    Args:
        session: the caller's transaction.
        row_id: the outbox row.
        clock: when it becomes due.
        corrections: fields of the case to replace (drafts.EDITABLE).
        sure: the person has looked at the platform and the case is not there; needed when an earlier attempt may have
            been accepted and the platform cannot be asked.

    Raises:
        NotThereError: there is no such row.
        DeadLetterError: it is not dead, or a correction is not of an editable field.
    """
    row = _dead(session, row_id)
    unknown = sorted(set(corrections or {}) - EDITABLE)
    if unknown:
        raise DeadLetterError(f"{', '.join(unknown)} cannot be corrected; {', '.join(sorted(EDITABLE))} can")
    if corrections:
        row.payload = {**row.payload, OVERRIDES: {**row.payload.get(OVERRIDES, {}), **corrections}}
    row.status = DeliveryStatus.PENDING.value
    row.attempts = 0
    row.next_at = clock.now()
    row.leased_until = None
    if sure:
        row.outcome_unknown = False
    return row


def filed_as(session: Session, row_id: int, case_id: str, clock: Clock) -> tuple[Delivery, CaseReceipt]:
    """A person found the case at the platform: the row is done. The caller tells the incident of the receipt.

    Raises:
        NotThereError: there is no such row.
        DeadLetterError: it is not dead, files nothing, or no number was given.
    """
    row = _dead(session, row_id)
    if row.kind != DeliveryKind.FILE:
        raise DeadLetterError(f"delivery {row_id} is a {row.kind}, only a file has a case number")
    if not case_id.strip():
        raise DeadLetterError("the platform's case number is needed")
    now = clock.now()
    row.status, row.delivered_at, row.outcome_unknown = DeliveryStatus.DELIVERED.value, now, False
    delivery = Delivery(
        id=row.id,
        incident_id=row.incident_id,
        kind=DeliveryKind.FILE,
        target=row.target,
        idempotency_key=row.idempotency_key,
        payload=row.payload,
        created_at=row.created_at,
        attempts=row.attempts,
    )
    receipt = CaseReceipt(row.target, case_id.strip(), detail={"status": CaseStatus.FILED.value, "found_by": "person"})
    record.keep_receipt(session, delivery, receipt, now)
    return delivery, receipt


def drop(session: Session, row_id: int) -> list[int]:
    """Give a dead row up, and with a file everything that waits behind it; returns the ids.

    Raises:
        NotThereError: there is no such row.
        DeadLetterError: it is not dead.
    """
    row = _dead(session, row_id)
    rows = [row]
    if row.kind == DeliveryKind.FILE:
        later = select(OutboxRow).where(
            OutboxRow.incident_id == row.incident_id,
            OutboxRow.target == row.target,
            OutboxRow.id > row.id,
            OutboxRow.kind.in_([DeliveryKind.UPDATE.value, DeliveryKind.CLOSE.value]),
            OutboxRow.status == DeliveryStatus.PENDING.value,
        )
        rows += session.scalars(later)
    for one in rows:
        one.status = DeliveryStatus.DROPPED.value
    return [one.id for one in rows]


def _dead(session: Session, row_id: int) -> OutboxRow:
    row = session.get(OutboxRow, row_id, with_for_update=True)
    if row is None:
        raise NotThereError(f"there is no delivery {row_id}")
    if row.status != DeliveryStatus.DEAD:
        raise DeadLetterError(f"delivery {row_id} is {row.status}, not dead")
    return row
