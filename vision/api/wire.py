"""The shapes that go over the wire, as OpenAPI shows them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vision.config.base import HoursConfig
from vision.core.findings import ViolationType
from vision.core.incidents import CaseStatus, IncidentStatus, Verdict


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Words(Wire):
    zh: str
    en: str


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


Reason = Annotated[str, Field(max_length=500)]


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


class CameraItem(Wire):
    id: str
    name: str
    place: str
    district: str
    kind: str
    url: str = Field(description="Without its password.")
    position: tuple[float, float] | None = Field(description="[longitude, latitude], WGS-84")
    enabled: bool
    sample_s: float
    gateway: str | None
    priority: int
    state: str = Field(
        description="connecting, live, reconnecting, refused or stopped as its worker says; else unwatched, disabled"
    )
    reason: str = Field(description="Why it is not live, or why its picture is of no use; empty when all is well.")
    seen_at: datetime | None = Field(description="When the last picture was taken.")
    worker: str | None
    health: dict[str, Any]
    views: int
    zones: int
    ptz: bool = Field(description="Whether it is known to turn.")
    held_until: datetime | None = Field(description="A person is turning it until then; its zones are unknown.")
    open_incidents: int


class GridItem(Wire):
    id: str
    name: str
    kind: str = Field(description="district, block, grid or line")
    district: str
    department: str
    polygons: list[list[tuple[float, float]]] = Field(description="Outlines, [longitude, latitude] WGS-84.")


class GridList(Wire):
    items: list[GridItem]


class BayItem(Wire):
    """A bike bay that a camera watches."""

    id: str = Field(examples=["gate/bay1"])
    name: str
    camera_id: str
    view_id: str
    district: str
    position: tuple[float, float] | None = Field(description="Its middle, else its camera's place; WGS-84.")
    ground: list[tuple[float, float]] = Field(description="Its outline on the ground; empty when not known.")
    capacity: int | None = Field(description="Bikes it holds, when known.")
    bikes: int | None = Field(description="Bikes that stood in it at the last usable look; null when unknown.")
    counted_at: datetime | None


class BayList(Wire):
    items: list[BayItem]


class PatrolItem(Wire):
    """How well a worker's rounds keep their revisit targets."""

    cameras: int
    dead: int = Field(description="Of them, those whose last three visits or more failed.")
    within_target: float = Field(description="Share of the living seen within their revisit target, 0 to 1.")
    worst_age_s: float = Field(description="The longest that a living camera has not been seen.")
    running: int = Field(description="Visits open now.")
    visits: int
    late_visits: int = Field(description="Of the visits since the start, those that came after their target.")


class WorkerItem(Wire):
    id: str
    at: datetime = Field(description="When it was last heard of.")
    cameras: int
    patrol: PatrolItem | None = Field(description="None where it visits no cameras.")


class WorkerPage(Wire):
    items: list[WorkerItem]


class FindBody(Wire):
    hosts: list[Annotated[str, Field(max_length=253)]] = Field(
        default=[], max_length=512, description="Hosts of other networks, asked one by one."
    )


class FoundItem(Wire):
    address: str = Field(description="Its ONVIF device service.")
    host: str
    name: str
    hardware: str
    location: str
    camera_id: str | None = Field(description="The camera of the registry on the same host.")


class FoundList(Wire):
    items: list[FoundItem]


class AddBody(Wire):
    address: Annotated[str, Field(max_length=300, examples=["http://10.0.0.7/onvif/device_service"])]
    username: Annotated[str, Field(max_length=80)] = ""
    password: Annotated[str, Field(max_length=200)] = ""
    id: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.\-]{0,79})?$")] = ""
    name: Annotated[str, Field(max_length=80)] = ""
    place: Annotated[str, Field(max_length=200)] = ""
    district: Annotated[str, Field(max_length=80)] = ""


class Added(Wire):
    id: str
    streams: int = Field(description="How many streams it offers; the smallest is shown to those who watch.")


class PresetItem(Wire):
    token: str
    name: str
    view: str | None = Field(description="The view whose zones hold at this preset.")


class Presets(Wire):
    items: list[PresetItem]
    patrolled: bool = Field(description="Whether a patrol turns it when nobody holds it.")
    held_until: datetime | None = Field(description="A person is turning it until then; its zones are unknown.")


class Held(Wire):
    held_until: datetime | None


def from_unix(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)


class CameraPage(Wire):
    items: list[CameraItem]
    next_cursor: str | None


class Accepted(Wire):
    """Taken; the change shows in the incident and in the alert stream."""

    status: Literal["accepted"] = "accepted"
    incident_id: str | None = None


class HoursItem(Wire):
    """A daily stretch of local time; one past midnight belongs to the weekday it begins on."""

    begin: str = Field(alias="from", examples=["22:00"])
    end: str = Field(alias="to", examples=["06:00"])
    weekdays: list[str]


class SpeakerItem(Wire):
    id: str
    kind: str
    name: str
    place: str
    url: str = Field(description="Without its password.")
    position: tuple[float, float] | None
    earshot_m: float
    sensitive_area: bool
    exemption: str
    quiet: list[HoursItem] = Field(description="Hours in which only people may speak, and only in an emergency.")
    volume_cap: float
    cooldown_s: float
    daily_cap: int
    enabled: bool


class SpeakerChange(Wire):
    """What is given replaces what was; the rest stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"quiet": [{"from": "21:00", "to": "07:00"}], "daily_cap": 20}]},
    )

    name: Annotated[str, Field(max_length=80)] | None = None
    place: Annotated[str, Field(max_length=200)] | None = None
    quiet: Annotated[tuple[HoursConfig, ...], Field(max_length=20)] | None = None
    volume_cap: Annotated[float, Field(gt=0, le=1)] | None = None
    cooldown_s: Annotated[float, Field(ge=0, le=86400)] | None = None
    daily_cap: Annotated[int, Field(ge=0, le=10000)] | None = None
    sensitive_area: bool | None = None
    exemption: Annotated[str, Field(max_length=500)] | None = None
    enabled: bool | None = None


class TrendPoint(Wire):
    day: str = Field(examples=["2026-07-01"])
    type: ViolationType
    raised: int
    confirmed: int
    rejected: int
    filed: int


class Figures(Wire):
    """Counts, shares and times of a set of incidents; null where nothing is known yet."""

    raised: int
    open: int
    confirmed: int
    rejected: int
    filed: int
    precision: float | None = Field(description="Confirmed of all judged; null while none is judged.")
    false_alarms_per_camera_day: float | None = Field(description="Rejected, by enabled cameras and days.")
    rectified_after_warning: float | None = Field(description="Of those warned and ended: gone without a case.")
    median_to_alert_s: float | None = Field(description="First seen to alert, dwell included.")
    median_to_file_s: float | None = Field(description="Alert to the platform's yes.")
    median_to_gone_s: float | None = Field(description="Alert to gone.")
    p90_to_gone_s: float | None = Field(description="The same, for nine of ten.")
    median_gone_s: float | None = Field(description="First seen to gone.")


class TypeFigures(Figures):
    type: ViolationType


class CameraFigures(Wire):
    camera: str
    type: ViolationType
    raised: int
    confirmed: int
    rejected: int
    precision: float | None
    false_alarms_per_camera_day: float | None


class HeatCell(Wire):
    """A square of 100 m by its middle (WGS-84)."""

    longitude: float
    latitude: float
    type: ViolationType
    raised: int


class BayCounts(Wire):
    """How full bike bays were."""

    bikes_mean: float | None
    bikes_most: int | None
    occupancy: float | None = Field(description="Bikes over capacity, of bays whose capacity is known; may pass 1.")
    overflow_min: float = Field(description="Minutes with more bikes than the bay holds.")
    watched_min: float


class BayFigures(BayCounts):
    bay: str = Field(examples=["gate/bay1"])
    camera: str
    capacity: int | None


class BayHour(BayCounts):
    hour: int


class FiledShare(Wire):
    """How many of the filed cases video found and filed by itself; a case that an operator told to be filed is not."""

    ai_filed: int
    by_hand_filed: int = Field(description="Filed because an operator told to.")
    all_filed: int = Field(description="The hub's own cases, or the city's number as given by `all_cases`.")
    ai_share: float | None


class RankItem(Wire):
    key: str
    raised: int
    rejected: int
    filed: int


class SpeakerEffect(Wire):
    spoken: int
    rectified_after: int = Field(description="Incidents spoken to that went away without a case.")
    silent: int


class Statistics(Wire):
    """Figures of a stretch of time, cut into days of the console's time zone."""

    since: datetime
    until: datetime
    totals: list[TypeFigures]
    trend: list[TrendPoint]
    hours: dict[str, list[int]] = Field(description="Raised per hour of the day (24 numbers), by type.")
    ranking: dict[str, list[RankItem]] = Field(description="By zone, camera, grid, shop and district, most first.")
    cameras: list[CameraFigures] = Field(description="Precision by camera and type, most raised first.")
    cells: list[HeatCell] = Field(description="A heat map, most raised first.")
    bays: list[BayFigures] = Field(description="Longest overflow first.")
    bay_hours: list[BayHour] = Field(description="All bays together, by the hour of the day.")
    total: Figures
    ai_share: float | None = Field(description="Share of the filed cases that no person asked for.")
    share: FiledShare
    speakers: SpeakerEffect


class Viewer(Wire):
    """Who is signed in, and what they may do."""

    name: str
    role: str
    scopes: list[str]
    districts: list[str]
    by: str = Field(description="session, key or loopback (no login asked on this machine)")
    csrf: str = Field(description="Send it as X-CSRF-Token with every changing request of a session.")
    settings: dict[str, Any] = Field(description="The person's own settings of the console.")
    console: dict[str, Any] = Field(description="The city's settings of the console.")


class ShiftBody(Wire):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"opened": ["i-4f0c"]}]})

    opened: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=500)] = Field(
        default=[], description="Incidents that the person has looked at since the last call."
    )
    all_seen: bool = Field(False, description="Everything that came until now counts as seen.")


class Shift(Wire):
    """What is new to a person: incidents that came after `unread_since` and are not among `opened`."""

    unread_since: datetime
    opened: list[str]


class Session(Wire):
    """A session that has begun; the cookie holds its token."""

    name: str
    csrf: str
    expires_at: datetime


class SignInWays(Wire):
    password: bool
    oidc: str | None = Field(description="What the button says that leads to the OpenID provider; null: there is none.")


class UserItem(Wire):
    name: str
    role: str
    districts: list[str]
    enabled: bool
    has_password: bool
    issuer: str | None = Field(description="The OpenID provider that vouches for them; null: we do.")
    created_at: datetime


class NewLink(Wire):
    """A one-time token: whoever opens /console/welcome#TOKEN sets the person's password."""

    name: str
    token: str


class KeyItem(Wire):
    id: str
    name: str
    role: str
    districts: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(KeyItem):
    key: str = Field(description="Shown this once.")


class AuditItem(Wire):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: dict[str, Any]


class AuditPage(Wire):
    items: list[AuditItem]
    next_cursor: int | None


class DeliveryItem(Wire):
    """One push to a platform, a speaker or a person, as the outbox holds it."""

    id: int
    incident_id: str
    kind: str
    target: str
    status: str
    attempts: int
    outcome_unknown: bool = Field(description="An answer was lost: the other side may have it.")
    last_error: str
    created_at: datetime
    next_at: datetime
    delivered_at: datetime | None
    payload: dict[str, Any]


class SuppressionItem(Wire):
    id: int
    document: dict[str, Any]
    begins_at: datetime
    ends_at: datetime
    approved_by: str
    reason: str


class CameraViews(Wire):
    """A camera's views by id, each with `name`, `preset`, `zones` by id and `calibration`."""

    id: str
    views: dict[str, dict[str, Any]]


class DryRunObject(Wire):
    name: str
    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in 0–1 of the view")
    stayed_s: float
    kept: bool = Field(description="Stayed longer than the zone's dwell: would have been a violation.")


class DryRun(Wire):
    looks: int
    objects: list[DryRunObject]
