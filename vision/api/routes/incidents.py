"""Incidents: list, one in full, verdicts and what else operators do to them."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.records import (
    ACTIVE,
    case_item,
    decode_cursor,
    encode_cursor,
    evidence_item,
    iso,
    items,
)
from vision.api.routes.ground import outline
from vision.cases.deadlines import due_by
from vision.core.errors import NotThereError
from vision.core.findings import ViolationType
from vision.core.incidents import IncidentStatus
from vision.incidents.events import FileRequested, PresenceAnswered, VerdictGiven
from vision.storage.tables import (
    AlertRow,
    AnnouncementRow,
    CaseRow,
    CommentRow,
    EvidenceRow,
    IncidentRow,
    LogRow,
    WitnessRow,
)

router = APIRouter(prefix="/incidents", tags=["incidents"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.INCIDENTS_READ)]
Actor = Annotated[Principal, needs(Scope.INCIDENTS_ACT)]
_STATES = (*(status.value for status in IncidentStatus), "active")


@router.get("", response_model=wire.IncidentPage)
def list_incidents(
    *,
    hub: Hub,
    who: Reader,
    request: Request,
    status: Annotated[list[str], Query(description="One or more states, or `active`: all that are not over.")] = [],  # noqa: B006
    type: Annotated[list[ViolationType], Query()] = [],  # noqa: A002, B006 - the contract's name; FastAPI copies it
    camera: Annotated[list[str], Query()] = [],  # noqa: B006
    district: Annotated[str | None, Query(max_length=80)] = None,
    grid: Annotated[str | None, Query(max_length=40)] = None,
    colour: Annotated[str | None, Query(pattern="^(yellow|green|red)$")] = None,
    verdict: Annotated[str | None, Query(pattern="^(none|confirm|reject)$")] = None,
    overdue: Annotated[bool, Query(description="Only those with an open case whose deadline has passed.")] = False,
    since: Annotated[datetime | None, Query(description="Only those that began then or later.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Incidents, newest first."""
    query = _filtered(who, _states(status), type, camera, since)
    for column, value in ((IncidentRow.district, district), (IncidentRow.grid_id, grid), (IncidentRow.colour, colour)):
        if value is not None:
            query = query.where(column == value)
    if verdict is not None:
        query = query.where(IncidentRow.verdict.is_(None) if verdict == "none" else IncidentRow.verdict == verdict)
    if overdue:
        late = select(CaseRow.incident_id).where(due_by(hub.services.clock.now()))
        query = query.where(IncidentRow.id.in_(late))
    if cursor is not None:
        at, incident_id = _cursor(cursor)
        query = query.where(
            or_(IncidentRow.began_at < at, and_(IncidentRow.began_at == at, IncidentRow.id < incident_id))
        )
    with hub.services.database.reading() as session:
        rows = session.scalars(
            query.order_by(IncidentRow.began_at.desc(), IncidentRow.id.desc()).limit(limit + 1)
        ).all()
        more, rows = len(rows) > limit, rows[:limit]
        found = items(session, rows, hub.services.clock.now())
    following = encode_cursor(rows[-1].began_at, rows[-1].id) if more else None
    return send(request, {"items": found, "next_cursor": following})


@router.get("/{incident_id}", response_model=wire.IncidentDetail)
def get_incident(hub: Hub, who: Reader, request: Request, incident_id: str) -> Response:
    """One incident with its story, cases, witnesses, pictures, announcements and comments."""
    with hub.services.database.reading() as session:
        row = _seen(session, who, incident_id)
        body = items(session, [row], hub.services.clock.now())[0] | _detail(session, row)
    return send(request, body | {"ground": _ground(hub, row)})


@router.post("/{incident_id}/verdict", status_code=202, response_model=wire.Accepted)
def give_verdict(hub: Hub, who: Actor, incident_id: str, body: wire.VerdictBody) -> dict[str, Any]:
    """Confirm or reject."""
    _command(hub, who, incident_id, VerdictGiven(body.verdict, who.actor, body.reason))
    return {"status": "accepted", "incident_id": incident_id}


@router.post("/{incident_id}/file", status_code=202, response_model=wire.Accepted)
def file_case(hub: Hub, who: Actor, incident_id: str, body: wire.FileBody) -> dict[str, Any]:
    """File a case now, whatever the ladder says."""
    _command(hub, who, incident_id, FileRequested(who.actor, body.reason))
    return {"status": "accepted", "incident_id": incident_id}


@router.post("/{incident_id}/presence", status_code=202, response_model=wire.Accepted)
def answer_presence(hub: Hub, who: Actor, incident_id: str, body: wire.PresenceBody) -> dict[str, Any]:
    """Say by one's own eyes whether it is still there, where no camera can."""
    _command(hub, who, incident_id, PresenceAnswered(body.present, who.actor, body.reason))
    return {"status": "accepted", "incident_id": incident_id}


@router.post("/{incident_id}/claim", response_model=wire.IncidentItem)
def claim(hub: Hub, who: Actor, incident_id: str, body: wire.ClaimBody) -> dict[str, Any]:
    """Take an incident for oneself for a while, so that two people do not work on it; 409 when another has it."""
    services = hub.services
    now = services.clock.now()
    with services.database.transaction() as session:
        row = _seen(session, who, incident_id)
        held = row.claimed_until is not None and row.claimed_until > now and row.claimed_by not in {None, who.name}
        if held:
            raise HTTPException(409, f"{row.claimed_by} is working on it")
        before = row.claimed_by if row.claimed_until is not None and row.claimed_until > now else None
        row.claimed_by = who.name if body.claim else None
        row.claimed_until = now + timedelta(seconds=services.settings.console.claim_s) if body.claim else None
        if before != row.claimed_by:
            session.add(AlertRow(incident_id=row.id, kind="claimed", at=now, payload={"by": row.claimed_by}))
        session.flush()
        item = items(session, [row], now)[0]
    services.feed.poke()
    return item


@router.post("/{incident_id}/comments", status_code=201, response_model=wire.CommentItem)
def comment(hub: Hub, who: Actor, incident_id: str, body: wire.CommentBody) -> dict[str, Any]:
    """Say something about an incident to the colleagues."""
    now = hub.services.clock.now()
    with hub.services.database.transaction() as session:
        _seen(session, who, incident_id)
        row = CommentRow(incident_id=incident_id, author=who.name, text=body.text, at=now)
        session.add(row)
        session.add(AlertRow(incident_id=incident_id, kind="commented", at=now, payload={"by": who.name}))
        session.flush()
        item = {"id": row.id, "author": row.author, "text": row.text, "at": iso(row.at)}
    hub.services.feed.poke()
    return item


def _command(hub: Context, who: Principal, incident_id: str, event: Any) -> None:
    with hub.services.database.reading() as session:
        _seen(session, who, incident_id)
    hub.services.incidents.command(incident_id, event)
    hub.services.feed.poke()


def _seen(session: Session, who: Principal, incident_id: str) -> IncidentRow:
    """The incident, if the caller may see it; another district's is as good as not there."""
    row = session.get(IncidentRow, incident_id)
    if row is None or not who.sees(row.district):
        raise NotThereError(f"there is no incident {incident_id}")
    return row


def _ground(hub: Context, row: IncidentRow) -> list[tuple[float, float]]:
    """The zone's outline on the ground; empty when it is not known or the zone is there no more."""
    camera = hub.fleet.cameras().get(row.camera_id)
    views = [view for view in camera.views if view.id == row.view_id] if camera is not None else []
    return next((outline(view, zone) for view in views for zone in view.zones if zone.id == row.zone_id), [])


def _states(status: list[str]) -> list[str]:
    asked = [part for entry in status for part in entry.split(",") if part]
    unknown = [state for state in asked if state not in _STATES]
    if unknown:
        raise HTTPException(422, f"status should be among {', '.join(_STATES)}, got {', '.join(unknown)}")
    return [state for name in asked for state in (ACTIVE if name == "active" else (name,))]


def _filtered(
    who: Principal, states: list[str], types: list[ViolationType], cameras: list[str], since: datetime | None
) -> Select[IncidentRow]:
    query = select(IncidentRow)
    if who.districts:
        query = query.where(IncidentRow.district.in_(who.districts))
    if states:
        query = query.where(IncidentRow.status.in_(states))
    if types:
        query = query.where(IncidentRow.type.in_([kind.value for kind in types]))
    if cameras:
        query = query.where(IncidentRow.camera_id.in_(cameras))
    if since is not None:
        if since.tzinfo is None:
            raise HTTPException(422, "since should carry its zone, such as 2026-07-01T08:00:00Z")
        query = query.where(IncidentRow.began_at >= since)
    return query


def _cursor(cursor: str) -> tuple[datetime, str]:
    try:
        return decode_cursor(cursor)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _detail(session: Session, row: IncidentRow) -> dict[str, Any]:
    def of(table: Any, order: Any) -> list[Any]:
        return list(session.scalars(select(table).where(table.incident_id == row.id).order_by(order)))

    earlier = session.scalars(
        select(IncidentRow)
        .where(
            IncidentRow.camera_id == row.camera_id,
            IncidentRow.view_id == row.view_id,
            IncidentRow.zone_id == row.zone_id,
            IncidentRow.type == row.type,
            IncidentRow.id != row.id,
            IncidentRow.status.notin_((IncidentStatus.SUSPECTED, IncidentStatus.LAPSED)),
        )
        .order_by(IncidentRow.began_at.desc())
        .limit(8)
    )
    return {
        "evidence": [evidence_item(item) for item in of(EvidenceRow, EvidenceRow.captured_at)],
        "log": [_log_item(item) for item in of(LogRow, LogRow.seq)],
        "cases": [case_item(item) for item in of(CaseRow, CaseRow.id)],
        "witnesses": [_witness_item(item) for item in of(WitnessRow, WitnessRow.first_seen_at)],
        "announcements": [announcement_item(item) for item in of(AnnouncementRow, AnnouncementRow.at)],
        "comments": [
            {"id": item.id, "author": item.author, "text": item.text, "at": iso(item.at)}
            for item in of(CommentRow, CommentRow.id)
        ],
        "similar": [
            {
                "id": item.id,
                "status": item.status,
                "began_at": iso(item.began_at),
                "ended_at": iso(item.ended_at),
                "verdict": item.verdict,
            }
            for item in earlier
        ],
    }


def _log_item(row: LogRow) -> dict[str, Any]:
    return {
        "seq": row.seq,
        "from_status": row.from_status,
        "to_status": row.to_status,
        "cause": row.cause,
        "actor": row.actor,
        "scene_at": iso(row.scene_at),
        "wall_at": iso(row.wall_at),
        "text": {"zh": row.text_zh, "en": row.text_en},
        "detail": row.detail,
    }


def _witness_item(row: WitnessRow) -> dict[str, Any]:
    return {
        "camera_id": row.camera_id,
        "view_id": row.view_id,
        "zone_id": row.zone_id,
        "first_seen_at": iso(row.first_seen_at),
        "last_seen_at": iso(row.last_seen_at),
    }


def announcement_item(row: AnnouncementRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "incident_id": row.incident_id,
        "speaker_id": row.speaker_id,
        "phrase_id": row.phrase_id,
        "text": row.text,
        "actor": row.actor,
        "at": iso(row.at),
        "duration_s": row.duration_s,
        "outcome": row.outcome,
        "reason": {"zh": row.reason_zh, "en": row.reason_en},
    }
