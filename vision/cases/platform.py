"""The seam of case platforms: what we tell them, what they tell us, and what each promises."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from vision.core.incidents import CaseStatus


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of an incident; `key` names it in the blob store.

    Attributes:
        role: original, annotated, clip, after, after_annotated, blurred.
        size: bytes.
    """

    key: str
    role: str
    media_type: str
    sha256: str
    size: int
    captured_at: datetime
    camera_id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """An electronic notice to the responsible party before the case was filed.

    Attributes:
        party_kind: shop, bike_operator, department or notifier (a fixed contact).
        to: telephone number or mail address; `how` webhook (message gateway) or smtp (e-mail).
        before, after: SHA-256 of the newest annotated pictures up to the notice, and since then: what it was like
            when they were told, and when the case was filed. Empty without such a picture.
    """

    notified_at: datetime
    due_at: datetime | None
    party_kind: str
    party: str
    to: str
    how: str
    via: str
    text: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Offence:
    """An earlier incident of the same shop or spot, and when it became a violation."""

    incident_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseDraft:
    """One incident as a platform is told of it.

    Attributes:
        reference: our name for the case, the same at every attempt: the file row's idempotency key.
        longitude, latitude: degrees, WGS-84; each platform converts to what it wants.
        due_at: when it has to be handled by the code table's time limit; `time_limit` that limit in its own unit,
            `area_class` (A, B, C or empty) the place's, which decides it.
        filing_condition, closing_condition: the table's row (立案条件, 结案条件).
        department, department_code: who answers for the grid, with its unified social credit code (18).
        offences: which of its shop or spot this is within the window; `colour` what that makes it (yellow, green,
            red); `previous` those before it, newest first.
        reviewer: who confirmed it; empty when it was filed straight.
        notices: who was told before, oldest first.
        asked_at: when the filing was written to the outbox; the platform cannot have it from before.
    """

    reference: str
    incident_id: str
    type: str
    subtype: str
    standard_ref: str
    event_code: str
    event_name: str
    description: str
    place: str
    district: str
    grid_id: str
    shop_id: str
    longitude: float | None
    latitude: float | None
    began_at: datetime
    seen_at: datetime
    due_at: datetime | None
    camera_id: str
    confidence: float
    object_count: int
    reviewer: str
    asked_at: datetime
    evidence: tuple[EvidenceFile, ...] = ()
    notices: tuple[Notice, ...] = ()
    area_class: str = ""
    time_limit: str = ""
    filing_condition: str = ""
    closing_condition: str = ""
    department: str = ""
    department_code: str = ""
    offences: int = 0
    colour: str = ""
    previous: tuple[Offence, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


class ChangeKind(StrEnum):
    """What we tell a platform of a case it already has."""

    NOTE = "note"  # something worth knowing: more objects, a new witness
    STILL_THERE = "still_there"  # video disagrees with "handled" (核实不通过)
    GONE = "gone"  # video agrees: proven gone (核实通过)
    WITHDRAWN = "withdrawn"  # an operator says it was none


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A later word on a case; `reference` is the same at every attempt."""

    reference: str
    kind: ChangeKind
    text: str
    at: datetime
    closes: bool = False
    evidence: tuple[EvidenceFile, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseReport:
    """What a platform says of a case, in our words and in its own; `status` is None for words we have no match for."""

    case_id: str
    status: CaseStatus | None
    words: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class Promise(StrEnum):
    """How a platform lets us be sure that nothing is filed twice, best first."""

    IDEMPOTENT = "idempotent"  # the same reference makes one case, however often it is sent
    FINDABLE = "findable"  # it can be asked whether it has a reference
    NONE = "none"  # neither: after an unknown outcome only a person can tell


class CasePlatform(Protocol):
    """One city platform. Used from several threads; never retries: the outbox does."""

    @property
    def promise(self) -> Promise: ...

    def check(self) -> list[str]:
        """Every mismatch between what we send and what the platform takes, one sentence each; empty when it fits.

        Raises:
            RetryLater: the platform cannot be asked now.
            Rejected: it will not talk to us (wrong address, wrong key).
        """
        ...

    def file(self, draft: CaseDraft) -> CaseReport:
        """Make a case of it.

        Raises:
            RetryLater: not taken now, or not known to be taken (`outcome_unknown`).
            Rejected: refused for good, in the platform's words.
        """
        ...

    def find(self, draft: CaseDraft) -> CaseReport | None:
        """The case that an earlier attempt made, if any; raises as `file` does."""
        ...

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        """Tell it something of its case; None when it takes no such word. Raises as `file` does."""
        ...

    def report(self, case_id: str) -> CaseReport:
        """What it says of the case now; raises as `file` does."""
        ...

    def close(self) -> None: ...
