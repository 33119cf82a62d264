"""Incidents and alerts as the API tells them: rows of the database turned into plain values, a few at a time."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.alerts.feed import Alert
from vision.cases.deadlines import RUNNING
from vision.config.base import WEEKDAYS
from vision.core.incidents import IncidentStatus
from vision.core.registry import Hours
from vision.storage.database import Database
from vision.storage.tables import AlertRow, CaseRow, EvidenceRow, IncidentRow

ACTIVE = tuple(status.value for status in IncidentStatus if not status.final and status is not IncidentStatus.SUSPECTED)
_PICTURES = ("annotated", "original", "after_annotated", "after")


def gravity(row: IncidentRow, case: CaseRow | None, now: datetime) -> int:
    """0 (over) to 3 (look now): how high an incident stands in the queue."""
    if row.status not in ACTIVE:
        return 0
    overdue = case is not None and case.due_at is not None and case.status in RUNNING and case.due_at < now
    dead = case is not None and case.status in {"dead", "returned"}
    if row.status == IncidentStatus.REOPENED or row.colour == "red" or overdue or dead:
        return 3
    return 1 if row.verdict is not None or row.status == IncidentStatus.HANDLED else 2


def incident_item(
    row: IncidentRow, case: CaseRow | None, pictures: Sequence[Mapping[str, Any]], now: datetime
) -> dict[str, Any]:
    """One incident as lists and alerts carry it."""
    claimed = row.claimed_by if row.claimed_until is not None and row.claimed_until > now else None
    return {
        "id": row.id,
        "type": row.type,
        "subtype": row.subtype,
        "status": row.status,
        "gravity": gravity(row, case, now),
        "camera_id": row.camera_id,
        "view_id": row.view_id,
        "zone_id": row.zone_id,
        "place": row.place,
        "district": row.district,
        "grid_id": row.grid_id,
        "shop_id": row.shop_id,
        "colour": row.colour,
        "offences": row.offences,
        "previous": row.previous,
        "area_class": row.area_class,
        "department": row.department,
        "department_code": row.department_code,
        "longitude": row.longitude,
        "latitude": row.latitude,
        "began_at": iso(row.began_at),
        "confirmed_at": iso(row.confirmed_at),
        "last_seen_at": iso(row.last_seen_at),
        "ended_at": iso(row.ended_at),
        "object_count": row.object_count,
        "confidence": round(row.confidence, 4),
        "verdict": row.verdict,
        "verdict_by": row.verdict_by,
        "claimed_by": claimed,
        "standard_ref": row.standard_ref,
        "event_code": row.event_code,
        "case": case_item(case),
        "why": {"zh": row.why_zh, "en": row.why_en},
        "evidence": list(pictures),
        "version": row.version,
        "updated_at": iso(row.updated_at),
    }


def case_item(case: CaseRow | None) -> dict[str, Any] | None:
    if case is None:
        return None
    return {
        "platform": case.platform,
        "id": case.platform_case_id,
        "status": case.status,
        "platform_status": case.platform_status,
        "reason": case.reason,
        "due_at": iso(case.due_at),
        "limit": case.detail.get("limit"),
        "filed_at": iso(case.filed_at),
        "handled_at": iso(case.handled_at),
        "closed_at": iso(case.closed_at),
        "disagrees": {key: told[key] for key in ("zh", "en")} if (told := case.detail.get("disagrees")) else None,
    }


def evidence_item(row: EvidenceRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "role": row.role,
        "media_type": row.media_type,
        "captured_at": iso(row.captured_at),
        "time_source": row.time_source,
        "camera_id": row.camera_id,
        "view_id": row.view_id,
        "sha256": row.sha256,
        "size": row.size,
    }


def items(session: Session, rows: Sequence[IncidentRow], now: datetime) -> list[dict[str, Any]]:
    """The incidents with their newest case and pictures, in two more queries however many there are."""
    ids = [row.id for row in rows]
    cases: dict[str, CaseRow] = {}
    pictures: dict[str, list[dict[str, Any]]] = {}
    for chunk in _chunks(ids, 500):
        for case in session.scalars(select(CaseRow).where(CaseRow.incident_id.in_(chunk)).order_by(CaseRow.id)):
            cases[case.incident_id] = case
        found = session.scalars(
            select(EvidenceRow)
            .where(EvidenceRow.incident_id.in_(chunk), EvidenceRow.role.in_(_PICTURES))
            .order_by(EvidenceRow.captured_at)
        )
        for picture in found:
            pictures.setdefault(picture.incident_id, []).append(evidence_item(picture))
    return [incident_item(row, cases.get(row.id), _foremost(pictures.get(row.id, [])), now) for row in rows]


def _foremost(pictures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest picture of each role: what a list needs; the incident's own page has them all."""
    newest = {picture["role"]: picture for picture in pictures}
    return [newest[role] for role in _PICTURES if role in newest]


class RecordedAlerts:
    """The alert log of the database, as the feed reads it (AlertLog)."""

    def __init__(self, database: Database, now: Any) -> None:
        """`now`: a callable that tells the time, aware UTC."""
        self._database, self._now = database, now

    def head(self) -> int:
        with self._database.reading() as session:
            return session.scalar(select(AlertRow.id).order_by(AlertRow.id.desc()).limit(1)) or 0

    def after(self, cursor: int, limit: int) -> list[Alert]:
        with self._database.reading() as session:
            rows = session.scalars(
                select(AlertRow).where(AlertRow.id > cursor).order_by(AlertRow.id).limit(limit)
            ).all()
            if not rows:
                return []
            ids = {row.incident_id for row in rows}
            found: list[IncidentRow] = []
            for chunk in _chunks(sorted(ids), 500):
                found.extend(session.scalars(select(IncidentRow).where(IncidentRow.id.in_(chunk))))
            by_id = {item["id"]: item for item in items(session, found, self._now())}
            return [_alert(row, by_id[row.incident_id]) for row in rows]


def _alert(row: AlertRow, item: dict[str, Any]) -> Alert:
    body = {
        "id": row.id,
        "kind": row.kind,
        "at": iso(row.at),
        "incident_id": row.incident_id,
        "detail": row.payload,
        "incident": item,
    }
    return Alert(row.id, row.kind, row.at, row.incident_id, item["district"], body)


def encode_cursor(began_at: datetime, incident_id: str) -> str:
    return base64.urlsafe_b64encode(f"{began_at.isoformat()}|{incident_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Raises ValueError when it is none of ours."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, incident_id = text.split("|", 1)
        began_at = datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as error:
        raise ValueError("the cursor should be one that this API gave") from error
    if began_at.tzinfo is None:
        raise ValueError("the cursor should be one that this API gave")
    return began_at, incident_id


def hours_item(hours: Hours) -> dict[str, Any]:
    """A daily stretch as the configuration and the wire write it."""
    return {
        "from": hours.begin.isoformat("minutes"),
        "to": hours.end.isoformat("minutes"),
        "weekdays": [WEEKDAYS[day - 1] for day in sorted(hours.weekdays)],
    }


def iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _chunks(values: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (values[index : index + size] for index in range(0, len(values), size))
