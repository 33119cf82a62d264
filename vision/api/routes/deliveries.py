"""The outbox: what could not be delivered, sent again, noted as filed or given up; and what platforms say of us."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.api.records import iso
from vision.cases.dead_letters import DeadLetterError, drop, filed_as, resend
from vision.core.errors import NotThereError
from vision.core.incidents import DeliveryStatus
from vision.storage.tables import IncidentRow, OutboxRow

router = APIRouter(prefix="/admin", tags=["administration"], responses=RESPONSES)
Postmaster = Annotated[Principal, needs(Scope.DELIVERIES)]
_BIGGEST_ID = 2**62
Number = Annotated[int, Path(ge=1, le=_BIGGEST_ID)]


class Resend(wire.Wire):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"corrections": {"grid_id": "330102001001005"}}]}
    )

    corrections: dict[str, Any] = Field(default_factory=dict, description="Fields of the case to replace.")
    not_there: bool = Field(
        False, description="You have looked: the platform does not have the case. Needed when an answer was lost."
    )


class FiledBody(wire.Wire):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"case_id": "ZF-2026-0711"}]})

    case_id: Annotated[str, Field(min_length=1, max_length=120, description="The platform's own number.")]


class DeliveryPage(wire.Wire):
    items: list[wire.DeliveryItem]
    next_cursor: int | None


class PlatformItem(wire.Wire):
    """One target of the outbox."""

    name: str
    asked: bool = Field(description="It has answered whether it takes what we send.")
    problems: list[str] = Field(description="What does not fit, in its words or ours; empty: a good fit.")
    waiting: int
    dead: int
    delivered: int
    last_delivered_at: datetime | None


@router.get("/deliveries", response_model=DeliveryPage)
def list_deliveries(
    *,
    hub: Hub,
    who: Postmaster,
    request: Request,
    status: Annotated[DeliveryStatus, Query()] = DeliveryStatus.DEAD,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=_BIGGEST_ID)] = None,
) -> Response:
    """The outbox by status, newest first: `dead` are the ones that need a person."""
    query = select(OutboxRow).where(OutboxRow.status == status).order_by(OutboxRow.id.desc()).limit(limit + 1)
    if who.districts:
        query = query.join(IncidentRow, IncidentRow.id == OutboxRow.incident_id)
        query = query.where(IncidentRow.district.in_(who.districts))
    if cursor is not None:
        query = query.where(OutboxRow.id < cursor)
    with hub.services.database.reading() as session:
        rows = session.scalars(query).all()
    found = [_delivery(row) for row in rows[:limit]]
    return send(request, {"items": found, "next_cursor": found[-1]["id"] if len(rows) > limit else None})


@router.get("/platforms", response_model=list[PlatformItem], dependencies=[needs(Scope.DELIVERIES)])
def list_platforms(hub: Hub, request: Request) -> Response:
    """Where the outbox sends to: whether our settings fit each platform, and how its line stands."""
    checks = hub.services.checks
    problems = {} if checks is None else dict(checks.problems)
    names = set(problems) | (set() if checks is None else set(checks.names))
    counted: dict[str, dict[str, int]] = {}
    newest: dict[str, datetime] = {}
    with hub.services.database.reading() as session:
        rows = session.execute(
            select(OutboxRow.target, OutboxRow.status, func.count(), func.max(OutboxRow.delivered_at)).group_by(
                OutboxRow.target, OutboxRow.status
            )
        )
        for target, status, count, delivered_at in rows:
            counted.setdefault(target, {})[status] = count
            if delivered_at is not None:
                newest[target] = max(delivered_at, newest.get(target, delivered_at))
    items = []
    for name in sorted(names | set(counted)):
        line = counted.get(name, {})
        items.append(
            {
                "name": name,
                "asked": name in problems,
                "problems": problems.get(name, []),
                "waiting": line.get("pending", 0) + line.get("sending", 0),
                "dead": line.get("dead", 0),
                "delivered": line.get("delivered", 0),
                "last_delivered_at": iso(newest.get(name)),
            }
        )
    return send(request, items)


@router.post("/deliveries/{delivery_id}/resend", status_code=202, response_model=wire.Accepted)
def resend_delivery(hub: Hub, who: Postmaster, delivery_id: Number, body: Resend) -> dict[str, Any]:
    """Send a dead delivery again, corrected if need be, under its own key, so that nothing is filed twice."""
    with hub.services.database.transaction() as session:
        _visible(session, who, delivery_id)
        try:
            row = resend(session, delivery_id, hub.services.clock, corrections=body.corrections, sure=body.not_there)
        except DeadLetterError as error:
            raise HTTPException(409, str(error)) from error
        detail = body.model_dump()
        hub.audit.record(who.actor, "delivery_resent", f"delivery:{delivery_id}", detail=detail, session=session)
        return {"status": "accepted", "incident_id": row.incident_id}


@router.post("/deliveries/{delivery_id}/filed", status_code=202, response_model=wire.Accepted)
def note_filed(hub: Hub, who: Postmaster, delivery_id: Number, body: FiledBody) -> dict[str, Any]:
    """Say that the platform has the case, under this number: the delivery is done, and the incident goes on."""
    with hub.services.database.transaction() as session:
        _visible(session, who, delivery_id)
        try:
            delivery, receipt = filed_as(session, delivery_id, body.case_id, hub.services.clock)
        except DeadLetterError as error:
            raise HTTPException(409, str(error)) from error
        hub.services.incidents.settled(session, delivery, receipt)
        detail = {"case_id": body.case_id}
        hub.audit.record(who.actor, "delivery_filed", f"delivery:{delivery_id}", detail=detail, session=session)
    hub.services.feed.poke()
    return {"status": "accepted", "incident_id": delivery.incident_id}


@router.post("/deliveries/{delivery_id}/drop", status_code=202, response_model=wire.Accepted)
def drop_delivery(hub: Hub, who: Postmaster, delivery_id: Number) -> dict[str, Any]:
    """Give a dead delivery up, and with a file everything that waits behind it."""
    with hub.services.database.transaction() as session:
        incident_id = _visible(session, who, delivery_id)
        try:
            dropped = drop(session, delivery_id)
        except DeadLetterError as error:
            raise HTTPException(409, str(error)) from error
        detail = {"dropped": dropped}
        hub.audit.record(who.actor, "delivery_dropped", f"delivery:{delivery_id}", detail=detail, session=session)
    return {"status": "accepted", "incident_id": incident_id}


def _visible(session: Session, who: Principal, delivery_id: int) -> str:
    row = session.get(OutboxRow, delivery_id)
    incident = None if row is None else session.get(IncidentRow, row.incident_id)
    if incident is None or not who.sees(incident.district):
        raise NotThereError(f"there is no delivery {delivery_id}")
    return incident.id


def _delivery(row: OutboxRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "incident_id": row.incident_id,
        "kind": row.kind,
        "target": row.target,
        "status": row.status,
        "attempts": row.attempts,
        "outcome_unknown": row.outcome_unknown,
        "last_error": row.last_error,
        "created_at": iso(row.created_at),
        "next_at": iso(row.next_at),
        "delivered_at": iso(row.delivered_at),
        "payload": row.payload,
    }
