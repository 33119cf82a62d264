"""Rows of one incident: read for a change, and written with log, alerts, evidence and outbox in one transaction."""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from vision.core.errors import NotThereError
from vision.core.findings import Finding, FindingState, ViolationType
from vision.core.geometry import Point
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.hub.places import Place
from vision.incidents.events import ANY_PLATFORM, Alert, Deliver, Effect, LogEntry
from vision.incidents.incident import Incident
from vision.storage.tables import AlertRow, EvidenceRow, IncidentRow, LogRow, OutboxRow, WitnessRow

Route = Callable[[ViolationType, str], Sequence[str]]
"""Platforms of a case, by type and district."""
_AT_ONCE = 500
_METRES_PER_DEGREE = 111_000.0  # of latitude, at least
_MEDIA = {".jpg": "image/jpeg", ".png": "image/png", ".mp4": "video/mp4", ".wav": "audio/wav"}


def locked(session: Session, incident_id: str) -> IncidentRow:
    """The row, held until the transaction ends. Raises NotThereError."""
    with session.no_autoflush:  # rows of other incidents are written together at the end
        row = session.get(IncidentRow, incident_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotThereError(f"there is no incident {incident_id}")
    return row


def locked_many(session: Session, ids: Iterable[str]) -> dict[str, IncidentRow]:
    """Many rows at once, each held until the transaction ends; those that do not exist are left out."""
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = (
            select(IncidentRow)
            .where(IncidentRow.id.in_(wanted[start : start + _AT_ONCE]))
            .order_by(IncidentRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        with session.no_autoflush:
            found.update({row.id: row for row in session.scalars(query)})
    return found


def absent(session: Session, ids: Iterable[str]) -> set[str]:
    """Those of the ids that no incident has."""
    wanted = sorted(set(ids))
    found: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(IncidentRow.id).where(IncidentRow.id.in_(wanted[start : start + _AT_ONCE]))
        with session.no_autoflush:
            found.update(session.scalars(query))
    return set(wanted) - found


def watched_near(session: Session, type_: ViolationType, position: Point, within_m: float) -> Iterable[IncidentRow]:
    """Watched incidents of the type that may lie within the distance, whichever hub looks after them."""
    east, north = position
    high = within_m / _METRES_PER_DEGREE
    wide = high / max(0.01, math.cos(math.radians(north)))
    query = select(IncidentRow).where(
        IncidentRow.watched,
        IncidentRow.type == type_.value,
        IncidentRow.longitude.between(east - wide, east + wide),
        IncidentRow.latitude.between(north - high, north + high),
    )
    with session.no_autoflush:
        return session.scalars(query.order_by(IncidentRow.id)).all()


def changed_since(session: Session, since: datetime, known: Callable[[str], int | None]) -> Iterable[IncidentRow]:
    """Rows changed since then whose version is newer than the `known` one."""
    rows = session.execute(select(IncidentRow.id, IncidentRow.version).where(IncidentRow.updated_at >= since))
    newer = [row.id for row in rows if (version := known(row.id)) is None or version < row.version]
    for start in range(0, len(newer), _AT_ONCE):
        yield from session.scalars(select(IncidentRow).where(IncidentRow.id.in_(newer[start : start + _AT_ONCE])))


def watched_or_young(session: Session, since: datetime) -> Iterable[IncidentRow]:
    """Every incident whose looks still matter, and those changed since then: they tell how new a look has to be."""
    wanted = IncidentRow.watched | (IncidentRow.updated_at >= since)
    return session.scalars(select(IncidentRow).where(wanted).execution_options(yield_per=1000))


def new_row(incident: Incident, place: Place | None, now: datetime) -> IncidentRow:
    """A row for an incident that has none yet; `fill` does the rest."""
    witness = incident.witnesses[0]
    row = IncidentRow(
        id=incident.id,
        type=incident.type.value,
        camera_id=witness.camera_id,
        view_id=witness.view_id,
        zone_id=witness.zone_id,
        version=0,
        log_seq=0,
        updated_at=now,
    )
    if place is not None:
        row.place = place.words[:200]
        row.district = place.district
        row.grid_id = place.grid_id
        row.shop_id = place.zone.shop_id
        row.area_class = place.area_class
        if place.responsible is not None:
            row.department = place.responsible.department[:120]
            row.department_code = place.responsible.department_code
        position = witness.ground or place.position
        if position is not None:
            row.longitude, row.latitude = position
    return row


def fill(row: IncidentRow, incident: Incident, now: datetime) -> None:
    """Bring the row to the incident's state; its version grows."""
    row.subtype = incident.subtype.value
    row.status = incident.status.value
    row.began_at, row.confirmed_at = incident.began_at, incident.confirmed_at
    row.last_seen_at, row.ended_at = incident.last_seen_at, incident.ended_at
    row.object_count, row.confidence = incident.object_count, incident.confidence
    row.verdict = None if incident.verdict is None else incident.verdict.value
    row.verdict_by = incident.verdict_by or None
    row.why_zh, row.why_en = incident.why.zh, incident.why.en
    row.waiting, row.watched = incident.waiting.value, incident.watched
    row.next_timer_at = incident.next_timer_at
    row.state = incident.to_record()
    row.version += 1
    row.updated_at = now


def write_log(session: Session, row: IncidentRow, entries: Iterable[LogEntry], now: datetime) -> None:
    """Append; nothing in the log is ever changed."""
    for entry in entries:
        row.log_seq += 1
        session.add(
            LogRow(
                incident_id=row.id,
                seq=row.log_seq,
                from_status=entry.from_status,
                to_status=entry.to_status,
                cause=entry.cause,
                actor=entry.actor,
                scene_at=entry.scene_at,
                wall_at=now,
                text_zh=entry.why.zh,
                text_en=entry.why.en,
                detail=entry.detail,
            )
        )


def write_effects(
    session: Session, row: IncidentRow, effects: Iterable[Effect], route: Route, now: datetime
) -> list[Deliver]:
    """Alerts and outbox rows. Returns the deliveries that no platform wants."""
    homeless = []
    for effect in effects:
        if isinstance(effect, Alert):
            session.add(AlertRow(incident_id=row.id, kind=effect.kind, at=now, payload=_alert_payload(row, effect)))
        elif isinstance(effect, Deliver):
            targets = [effect.target]
            if effect.target == ANY_PLATFORM:
                targets = list(route(ViolationType(row.type), row.district))
            if not targets:
                homeless.append(effect)
            for target in targets:
                _write_delivery(session, row, effect, target, now)
    return homeless


def _write_delivery(session: Session, row: IncidentRow, effect: Deliver, target: str, now: datetime) -> None:
    if effect.kind is DeliveryKind.FILE and row.version > 1:  # one that just began has none
        dead = session.scalars(
            select(OutboxRow).where(
                OutboxRow.incident_id == row.id,
                OutboxRow.kind == DeliveryKind.FILE.value,
                OutboxRow.target == target,
                OutboxRow.status == DeliveryStatus.DEAD.value,
            )
        ).first()
        if dead is not None:
            # The same row and key again: a second row beside a dead one that is sent again later would file twice.
            dead.status, dead.attempts, dead.next_at = DeliveryStatus.PENDING.value, 0, now
            return
    session.add(
        OutboxRow(
            incident_id=row.id,
            kind=effect.kind.value,
            target=target,
            idempotency_key=_key(row.id, effect.key, target),
            payload=effect.payload,
            next_at=now,
            created_at=now,
        )
    )


def _key(incident_id: str, key: str, target: str) -> str:
    """At most 80 characters; a long target is told by its digest."""
    full = f"{incident_id}:{key}:{target}"
    if len(full) <= 80:
        return full
    return f"{incident_id}:{key}:{hashlib.sha256(target.encode()).hexdigest()[:16]}"


def _alert_payload(row: IncidentRow, alert: Alert) -> dict[str, object]:
    why = alert.why
    return {
        "type": row.type,
        "subtype": row.subtype,
        "status": row.status,
        "camera_id": row.camera_id,
        "zone_id": row.zone_id,
        "place": row.place,
        "district": row.district,
        "began_at": row.began_at.isoformat(),
        "zh": row.why_zh if why is None else why.zh,
        "en": row.why_en if why is None else why.en,
    }


def write_evidence(session: Session, incident_id: str, finding: Finding, now: datetime) -> None:
    """Name the look's files as the incident's; a picture kept twice is one row."""
    gone = finding.state is FindingState.ABSENT
    for picture in finding.evidence:
        if session.get(EvidenceRow, (picture.key, incident_id)) is not None:
            continue
        role_here = _AFTER.get(picture.role, picture.role) if gone else picture.role
        session.add(
            EvidenceRow(
                id=picture.key,
                incident_id=incident_id,
                role=role_here,
                media_type=_MEDIA.get(PurePosixPath(picture.key).suffix, "application/octet-stream"),
                sha256=picture.sha256,
                size=picture.size,
                camera_id=finding.camera_id,
                view_id=finding.view_id,
                captured_at=finding.at,
                time_source=finding.time_source.value,
                received_at=now,
                detail={"model": finding.model, "rules": finding.rules, "finding": finding.id},
            )
        )


_AFTER = {"original": "after", "annotated": "after_annotated"}


def write_witness(session: Session, before: Incident | None, incident: Incident, finding: Finding) -> dict[str, Any]:
    """Write a new witness; of a known one give the update for `update_witnesses`, empty where there is none.

    `before` is the incident as it was, None for a new one.
    """
    site = (finding.camera_id, finding.view_id, finding.zone_id)
    witness, known = incident.witness(site), None if before is None else before.witness(site)
    if witness is None or (known is not None and known.seen_at == witness.seen_at):
        return {}
    camera_id, view_id, zone_id = site
    if known is None:
        session.add(
            WitnessRow(
                incident_id=incident.id,
                camera_id=camera_id,
                view_id=view_id,
                zone_id=zone_id,
                first_seen_at=finding.since,
                last_seen_at=witness.seen_at,
            )
        )
        return {}
    return {
        "incident_id": incident.id,
        "camera_id": camera_id,
        "view_id": view_id,
        "zone_id": zone_id,
        "last_seen_at": witness.seen_at,
    }


def update_witnesses(session: Session, updates: Iterable[dict[str, Any]]) -> None:
    """Many at once: one round trip to the server instead of one each."""
    newest = {(u["incident_id"], u["camera_id"], u["view_id"], u["zone_id"]): u for u in updates}
    if newest:
        session.execute(update(WitnessRow), list(newest.values()))
