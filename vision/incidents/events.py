"""What can happen to an incident (events) and what it asks of the world in answer (effects)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vision.core.findings import Finding, Why
from vision.core.incidents import CaseStatus, DeliveryKind, Verdict
from vision.incidents.ground import Spot

ANY_PLATFORM = "*"
"""Target of a FILE delivery: the hub asks the routing which platforms that means."""


@dataclass(frozen=True, slots=True)
class FindingSeen:
    """A camera looked. `finding` holds only the objects near this incident's spot; `spot` is where that is."""

    finding: Finding
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class VerdictGiven:
    """An operator confirmed or rejected it. `actor` is `operator:NAME`."""

    verdict: Verdict
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PresenceAnswered:
    """An operator says with their own eyes whether it is still there: the answer to a re-check no camera could give."""

    present: bool
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileRequested:
    """File now, whatever the ladder says; also files again after a platform returned or lost the case."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpeakRequested:
    """Speak now. Empty fields leave the choice to the zone (speaker) and the type (phrase)."""

    actor: str
    speaker_id: str = ""
    phrase_id: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CaseFiled:
    """A platform accepted the case."""

    platform: str
    platform_case_id: str


@dataclass(frozen=True, slots=True)
class CaseStatusReported:
    """A platform tells where its case stands; `words` and `reason` are the platform's own."""

    platform: str
    status: CaseStatus
    words: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryFailed:
    """A delivery is given up (dead letter) with the other side's words; `party` is who a notice was for
    (incidents.responsible).
    """

    kind: DeliveryKind
    target: str
    words: str
    party: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Announced:
    """A loudspeaker was used, or stayed silent and says why. `outcome`: spoken, silent, failed, stopped."""

    speaker_id: str
    announcement_id: int | None
    outcome: str
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Notified:
    """A message was accepted by its gateway.

    Attributes:
        target: the notifier.
        party: who was told (incidents.responsible); empty for rows of older versions.
        notice: the electronic notice as it went out, plain JSON values: party, to, how, text, notified_at, due_at.
    """

    target: str
    party: Mapping[str, str] = field(default_factory=dict)
    notice: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The named timer of the incident came due."""

    name: str


Event = (
    FindingSeen
    | VerdictGiven
    | PresenceAnswered
    | FileRequested
    | SpeakRequested
    | CaseFiled
    | CaseStatusReported
    | DeliveryFailed
    | Announced
    | Notified
    | TimerFired
)


@dataclass(frozen=True, slots=True)
class Deliver:
    """One outbox row, written in the transaction of the change.

    Attributes:
        target: platform, notifier or speaker id; `ANY_PLATFORM` for a new case.
        key: unique within the incident, so that the same step never delivers twice.
    """

    kind: DeliveryKind
    target: str
    key: str
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something operators should see: the incident's new status, or `updated`, `witnessed`, `ask`, `disagrees`…"""

    kind: str
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Recheck:
    """Look again soon: patrol cameras get a priority visit, live ones answer with their next look."""

    camera_id: str
    view_id: str
    zone_id: str
    by: datetime


Effect = Deliver | Alert | Recheck


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the incident's append-only log; times are added by whoever stores it."""

    from_status: str | None
    to_status: str
    cause: str
    actor: str
    scene_at: datetime
    why: Why
    detail: dict[str, Any] = field(default_factory=dict)
