"""Administration: people, API keys, the audit log and suppressions."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import Field
from sqlalchemy import delete, select

from vision.api import wire
from vision.api.access import Principal, Role, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.identity import digest
from vision.api.problems import RESPONSES
from vision.api.records import iso
from vision.core.errors import NotThereError
from vision.core.findings import ViolationType
from vision.hub.suppressions import Suppressions
from vision.incidents.schedule import Suppression
from vision.storage.tables import ApiKey, AuditEntry, LoginSession, SuppressionRow, User

router = APIRouter(prefix="/admin", tags=["administration"], responses=RESPONSES)
Manager = Annotated[Principal, needs(Scope.ACCESS_MANAGE)]
Suppressor = Annotated[Principal, needs(Scope.SUPPRESSIONS)]
Name = Annotated[str, Field(pattern=r"^[^\s/#?%:]{1,80}$")]
Names = Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=500)]
_KEY_PREFIX = "sw_"
_BIGGEST_ID = 2**62
Number = Annotated[int, Path(ge=1, le=_BIGGEST_ID)]


class NewUser(wire.Wire):
    name: Name
    role: Role
    districts: Names = ()


class UserChange(wire.Wire):
    role: Role | None = None
    districts: Names | None = None
    enabled: bool | None = None


class KeyRequest(wire.Wire):
    name: Name
    role: Role = Role.VIEWER
    districts: Names = ()
    days: Annotated[int, Field(ge=1, le=3650)] | None = None


class SuppressedSite(wire.Wire):
    """A camera, or one view or zone of it; empty fits all."""

    camera: Annotated[str, Field(min_length=1, max_length=80)]
    view: Annotated[str, Field(max_length=80)] = ""
    zone: Annotated[str, Field(max_length=80)] = ""


class NewSuppression(wire.Wire):
    """Every empty list fits all."""

    begins_at: datetime
    ends_at: datetime
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    types: tuple[ViolationType, ...] = ()
    sites: Annotated[tuple[SuppressedSite, ...], Field(max_length=500)] = ()
    districts: Names = ()
    grids: Names = ()


@router.get("/users", response_model=list[wire.UserItem], dependencies=[needs(Scope.ACCESS_MANAGE)])
def list_users(hub: Hub, request: Request) -> Response:
    with hub.services.database.reading() as session:
        return send(request, [_user(row) for row in session.scalars(select(User).order_by(User.name))])


@router.post("/users", status_code=201, response_model=wire.NewLink)
def add_user(hub: Hub, who: Manager, body: NewUser) -> dict[str, Any]:
    """Add a person; the answer holds the one-time token with which they set their password."""
    with hub.services.database.transaction() as session:
        if session.get(User, body.name) is not None:
            raise HTTPException(409, f"there is a person named {body.name} already")
        session.add(
            User(name=body.name, role=body.role, districts=list(body.districts), created_at=hub.services.clock.now())
        )
        session.flush()
        token = hub.accounts.new_link(session, body.name)
        detail = {"role": body.role, "districts": body.districts}
        hub.audit.record(who.actor, "user_added", f"user:{body.name}", detail=detail, session=session)
    return {"name": body.name, "token": token}


@router.patch("/users/{name}", response_model=wire.UserItem)
def change_user(hub: Hub, who: Manager, name: str, body: UserChange) -> dict[str, Any]:
    """Change a person's role, districts, or whether they may come in; their sessions end when they may not."""
    with hub.services.database.transaction() as session:
        user = session.get(User, name)
        if user is None:
            raise NotThereError(f"there is no person {name}")
        loses = user.role == Role.ADMIN and (body.enabled is False or body.role not in {None, Role.ADMIN})
        if loses and who.name == name:
            raise HTTPException(409, "administrators do not take away their own rights: another one can")
        changes = body.model_dump(exclude_none=True)
        for field, value in changes.items():
            setattr(user, field, list(value) if field == "districts" else value)
        if body.enabled is False:
            session.execute(delete(LoginSession).where(LoginSession.user_name == name))
        hub.audit.record(who.actor, "user_changed", f"user:{name}", detail=changes, session=session)
        session.flush()
        return _user(user)


@router.post("/users/{name}/link", status_code=201, response_model=wire.NewLink)
def new_link(hub: Hub, who: Manager, name: str) -> dict[str, Any]:
    """A fresh one-time link, for a forgotten password."""
    with hub.services.database.transaction() as session:
        if session.get(User, name) is None:
            raise NotThereError(f"there is no person {name}")
        token = hub.accounts.new_link(session, name)
        hub.audit.record(who.actor, "link_made", f"user:{name}", session=session)
    return {"name": name, "token": token}


@router.get("/keys", response_model=list[wire.KeyItem], dependencies=[needs(Scope.ACCESS_MANAGE)])
def list_keys(hub: Hub, request: Request) -> Response:
    with hub.services.database.reading() as session:
        return send(request, [_key(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.created_at))])


@router.post("/keys", status_code=201, response_model=wire.NewKey)
def add_key(hub: Hub, who: Manager, body: KeyRequest) -> dict[str, Any]:
    """Make an API key. Only its hash is kept: the key itself is shown this once."""
    key, now = _KEY_PREFIX + secrets.token_urlsafe(32), hub.services.clock.now()
    row = ApiKey(
        id=secrets.token_hex(6),
        name=body.name,
        key_sha256=digest(key),
        role=body.role,
        districts=list(body.districts),
        created_at=now,
        expires_at=None if body.days is None else now + timedelta(days=body.days),
    )
    with hub.services.database.transaction() as session:
        session.add(row)
        detail = {"name": body.name, "role": body.role}
        hub.audit.record(who.actor, "key_made", f"key:{row.id}", detail=detail, session=session)
    return {**_key(row), "key": key}


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(hub: Hub, who: Manager, key_id: str) -> None:
    """Revoke a key; it stays in the list."""
    with hub.services.database.transaction() as session:
        row = session.get(ApiKey, key_id)
        if row is None:
            raise NotThereError(f"there is no key {key_id}")
        row.revoked_at = row.revoked_at or hub.services.clock.now()
        hub.audit.record(who.actor, "key_revoked", f"key:{key_id}", session=session)


@router.get("/audit", response_model=wire.AuditPage, dependencies=[needs(Scope.AUDIT_READ)])
def list_audit(
    *,
    hub: Hub,
    request: Request,
    actor: Annotated[str | None, Query(max_length=80)] = None,
    action: Annotated[str | None, Query(max_length=80)] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, le=_BIGGEST_ID)] = None,
) -> Response:
    """Who did or looked at what, newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    for column, value in ((AuditEntry.actor, actor), (AuditEntry.action, action), (AuditEntry.subject, subject)):
        if value is not None:
            query = query.where(column == value)
    if cursor is not None:
        query = query.where(AuditEntry.id < cursor)
    with hub.services.database.reading() as session:
        rows = session.scalars(query).all()
    found = [
        {
            "id": row.id,
            "at": iso(row.at),
            "actor": row.actor,
            "action": row.action,
            "subject": row.subject,
            "reason": row.reason,
            "detail": row.detail,
        }
        for row in rows[:limit]
    ]
    return send(request, {"items": found, "next_cursor": found[-1]["id"] if len(rows) > limit else None})


@router.get("/suppressions", response_model=list[wire.SuppressionItem], dependencies=[needs(Scope.SUPPRESSIONS)])
def list_suppressions(hub: Hub, request: Request) -> Response:
    """Windows of time, place and type in which nothing is raised; those that are over for a month are left out."""
    since = hub.services.clock.now() - timedelta(days=30)
    query = select(SuppressionRow).where(SuppressionRow.ends_at > since).order_by(SuppressionRow.begins_at)
    with hub.services.database.reading() as session:
        return send(request, [_suppression(row) for row in session.scalars(query)])


@router.post("/suppressions", status_code=201, response_model=wire.SuppressionItem)
def add_suppression(hub: Hub, who: Suppressor, body: NewSuppression) -> dict[str, Any]:
    """Open a window; it holds from its beginning, or at once."""
    if body.begins_at.tzinfo is None or body.ends_at.tzinfo is None or body.ends_at <= body.begins_at:
        raise HTTPException(422, "begins_at and ends_at should carry their zone, and the end lie after the beginning")
    window = Suppression(
        id=0,
        begins_at=body.begins_at,
        ends_at=body.ends_at,
        approved_by=who.actor,
        reason=body.reason,
        types=frozenset(body.types),
        sites=tuple((site.camera, site.view, site.zone) for site in body.sites),
        districts=frozenset(body.districts),
        grids=frozenset(body.grids),
    )
    number = _book(hub).add(window)
    detail = body.model_dump(mode="json", exclude={"reason"})
    hub.audit.record(who.actor, "suppression_added", f"suppression:{number}", reason=body.reason, detail=detail)
    with hub.services.database.reading() as session:
        return _suppression(session.get_one(SuppressionRow, number))


@router.delete("/suppressions/{suppression_id}", status_code=204)
def end_suppression(hub: Hub, who: Suppressor, suppression_id: Number) -> None:
    """End a window now; its record stays."""
    _book(hub).end(suppression_id)
    hub.audit.record(who.actor, "suppression_ended", f"suppression:{suppression_id}")


def _book(hub: Context) -> Suppressions:
    return Suppressions(hub.services.database, hub.services.clock)


def _user(row: User) -> dict[str, Any]:
    return {
        "name": row.name,
        "role": row.role,
        "districts": row.districts,
        "enabled": row.enabled,
        "has_password": row.password_hash is not None,
        "issuer": row.issuer,
        "created_at": iso(row.created_at),
    }


def _key(row: ApiKey) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "districts": row.districts,
        "created_at": iso(row.created_at),
        "expires_at": iso(row.expires_at),
        "revoked_at": iso(row.revoked_at),
    }


def _suppression(row: SuppressionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "document": row.document,
        "begins_at": iso(row.begins_at),
        "ends_at": iso(row.ends_at),
        "approved_by": row.approved_by,
        "reason": row.reason,
    }
