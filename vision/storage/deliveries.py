"""One row of the outbox as its handler sees it: what to send, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

from sqlalchemy.orm import Session

from vision.core.errors import DeliveryError
from vision.core.incidents import DeliveryKind
from vision.storage.tables.cases import OutboxRow


@dataclass(frozen=True, slots=True)
class Delivery:
    """One push.

    Attributes:
        target: platform, notifier or speaker id.
        idempotency_key: the same for every attempt of this push, different for every push.
        attempts: sends begun so far, this one included.
        outcome_unknown: an earlier attempt may have been accepted: ask the other side before sending again.
    """

    id: int
    incident_id: str
    kind: DeliveryKind
    target: str
    idempotency_key: str
    payload: Mapping[str, Any]
    attempts: int
    outcome_unknown: bool
    created_at: datetime

    @classmethod
    def of(cls, row: OutboxRow) -> Self:
        return cls(
            id=row.id,
            incident_id=row.incident_id,
            kind=DeliveryKind(row.kind),
            target=row.target,
            idempotency_key=row.idempotency_key,
            payload=row.payload,
            attempts=row.attempts,
            outcome_unknown=row.outcome_unknown,
            created_at=row.created_at,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side took it.

    Attributes:
        reference: its own name for what it took: a case number, a message id, an announcement id.
        words: what it said, as it said it.
        detail: plain JSON values for the log.
    """

    reference: str = ""
    words: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


Outcome = Receipt | DeliveryError
"""A receipt, RetryLater or Rejected."""


class DeliveryHandler(Protocol):
    """Sends the rows of some kinds. Called from several threads at once."""

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send it; may block, holds no transaction.

        Raises:
            RetryLater: not taken, or not known to be taken.
            Rejected: refused for good, in the other side's words.
        """
        ...

    def record(self, session: Session, delivery: Delivery, outcome: Outcome) -> None:
        """Write what came of it, in the transaction that settles the row."""
        ...
