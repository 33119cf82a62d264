"""What passes between the outbox and those who deliver: one row to send, and the receipt of a row that went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from vision.core.findings import Why
from vision.core.incidents import DeliveryKind


@dataclass(frozen=True, slots=True)
class Delivery:
    """One outbox row, as its handler sees it.

    Attributes:
        target: platform, notifier or speaker id.
        idempotency_key: the same for every attempt at this row.
        attempts: how often it was tried before, 0 at the first.
        outcome_unknown: an earlier attempt may have been accepted, so ask before sending again.
    """

    id: int
    incident_id: str
    kind: DeliveryKind
    target: str
    idempotency_key: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int = 0
    outcome_unknown: bool = False


@dataclass(frozen=True, slots=True)
class CaseReceipt:
    """A platform took (or changed) a case; `platform_status` in its own words."""

    platform: str
    platform_case_id: str
    platform_status: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoticeReceipt:
    """Somebody was notified."""

    target: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnnouncementReceipt:
    """A loudspeaker spoke, or stayed silent for a reason.

    Attributes:
        speaker_id: who spoke in the end; empty when nobody did.
        outcome: core.announcements.Outcome's value: spoken, silent, failed or stopped.
        why: the reason when it was not spoken, and what was said when it was.
    """

    speaker_id: str
    announcement_id: int
    outcome: str
    why: Why


Receipt = CaseReceipt | NoticeReceipt | AnnouncementReceipt


class DeliveryHandler(Protocol):
    """Delivers the rows of one kind. Handlers never retry: the dispatcher does."""

    def deliver(self, delivery: Delivery) -> Receipt:
        """Send one row.

        Raises:
            RetryLater: not now; perhaps after `after_s`, perhaps with an unknown outcome.
            Rejected: never, in the other side's own words.
        """
        ...
