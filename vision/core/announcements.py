"""Announcements: one use of a loudspeaker, or the reason why it stayed silent, and its proof."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from vision.core.findings import Why

_NOTHING = Why("", "")


class Outcome(StrEnum):
    SPEAKING = "speaking"  # it began, its end is not known yet
    SPOKEN = "spoken"
    SILENT = "silent"  # the policy kept it quiet
    FAILED = "failed"  # no speaker took it
    STOPPED = "stopped"  # an operator stopped it or took over


@dataclass(frozen=True, slots=True)
class Announcement:
    """One use (or refused use) of a loudspeaker.

    Attributes:
        actor: `ladder`, or `operator:NAME`.
        at: when it began, wall time.
        reason: why it was silent, failed or stopped; empty words when it was spoken.
        audio_key: what was played, in the blob store.
        proof: what the device accepted and what was heard back, as plain JSON values.
        delivery_key: the outbox row's idempotency key, so that a row delivered twice is spoken once.
        id: the record's number; 0 before it is kept.
    """

    speaker_id: str
    actor: str
    at: datetime
    outcome: Outcome
    incident_id: str | None = None
    phrase_id: str | None = None
    text: str = ""
    duration_s: float = 0.0
    reason: Why = _NOTHING
    audio_key: str | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)
    delivery_key: str | None = None
    id: int = 0
