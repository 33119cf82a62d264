"""Incidents, their evidence and story, and what people say of them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from vision.api.wire.base import Reason, Wire, Words
from vision.core.findings import ViolationType
from vision.core.incidents import CaseStatus, IncidentStatus, Verdict


class LimitItem(Wire):
    value: float
    unit: Literal["urgent_hours", "work_hours", "days", "work_days"] = Field(
        description="紧急工作时 (round the clock), 工作时, 天, 工作日"
    )
    area_class: str = Field(description="A, B, C or empty: the row of the table that it is from.")


class PreviousItem(Wire):
    id: str
    at: datetime


class CaseItem(Wire):
    """The case with the city's platform; `id` is the platform's own, null until it is accepted."""

    platform: str
    id: str | None
    status: CaseStatus
    platform_status: str = ""
    reason: str = ""
    due_at: datetime | None = None
    limit: LimitItem | None = Field(None, description="The time limit that due_at was reckoned by.")
    filed_at: datetime | None = None
    handled_at: datetime | None = None
    closed_at: datetime | None = None
    disagrees: Words | None = Field(None, description="How what video proved and what the platform says differ.")


class EvidenceItem(Wire):
    """One file; fetch it from /api/v1/evidence/{id}."""

    id: str = Field(examples=["2026/07/01/gate/0f3a.jpg"])
    role: str = Field(description="original, annotated, after, after_annotated, clip, blurred or audio")
    media_type: str
    captured_at: datetime
    time_source: str = Field(description="camera, arrival or file: where the time came from")
    camera_id: str
    view_id: str
    sha256: str
    size: int


class IncidentItem(Wire):
    """One violation at one place."""

    id: str
    type: ViolationType
    subtype: str
    status: IncidentStatus
    gravity: int = Field(description="0 over, 1 in hand, 2 waits for a person, 3 look now")
    camera_id: str
    view_id: str
    zone_id: str
    place: str
    district: str
    grid_id: str | None
    shop_id: str | None
    colour: str | None = Field(description="yellow, green or red: a repeat offender's")
    offences: int = Field(0, description="Which offence of its shop or spot this is within the window.")
    previous: list[PreviousItem] = Field(default_factory=list, description="Offences before it, newest first.")
    area_class: str = Field("", description="A, B, C or unknown: which time limits hold at the place.")
    department: str = Field("", description="Who answers for the grid.")
    department_code: str = Field("", description="Its unified social credit code.")
    longitude: float | None
    latitude: float | None
    began_at: datetime
    confirmed_at: datetime | None
    last_seen_at: datetime
    ended_at: datetime | None
    object_count: int
    confidence: float
    verdict: Verdict | None
    verdict_by: str | None
    claimed_by: str | None
    standard_ref: str
    event_code: str
    case: CaseItem | None
    why: Words
    evidence: list[EvidenceItem]
    version: int
    updated_at: datetime


class IncidentPage(Wire):
    items: list[IncidentItem]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last.")


class LogItem(Wire):
    """One step of an incident's life."""

    seq: int
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    scene_at: datetime
    wall_at: datetime
    text: Words
    detail: dict[str, Any]


class WitnessItem(Wire):
    camera_id: str
    view_id: str
    zone_id: str
    first_seen_at: datetime
    last_seen_at: datetime


class CommentItem(Wire):
    id: int
    author: str
    text: str
    at: datetime


class AnnouncementItem(Wire):
    id: int
    incident_id: str | None
    speaker_id: str
    phrase_id: str | None
    text: str
    actor: str
    at: datetime
    duration_s: float
    outcome: str
    reason: Words


class SimilarItem(Wire):
    id: str
    status: IncidentStatus
    began_at: datetime
    ended_at: datetime | None
    verdict: Verdict | None


class IncidentDetail(IncidentItem):
    """Everything about one incident."""

    log: list[LogItem]
    cases: list[CaseItem]
    witnesses: list[WitnessItem]
    announcements: list[AnnouncementItem]
    comments: list[CommentItem]
    ground: list[tuple[float, float]] = Field(description="The zone's outline on the ground, WGS-84; empty if unknown.")
    similar: list[SimilarItem] = Field(description="Earlier ones of the same place and type, newest first.")


class VerdictBody(Wire):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"verdict": "reject", "reason": "licensed breakfast cart"}]}
    )

    verdict: Verdict
    reason: Reason = ""


class FileBody(Wire):
    reason: Reason = ""


class PresenceBody(Wire):
    present: bool = Field(description="Whether it is still there, by an operator's own eyes.")
    reason: Reason = ""


class CommentBody(Wire):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class ClaimBody(Wire):
    claim: bool = Field(True, description="True takes (or keeps) the claim, false gives it back.")


class AnnounceBody(Wire):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"phrase_id": "bikes", "incident_id": "i-4f0c"}]}
    )

    text: Annotated[str, Field(max_length=300)] = ""
    phrase_id: Annotated[str, Field(max_length=80)] | None = None
    incident_id: Annotated[str, Field(max_length=32)] | None = None
