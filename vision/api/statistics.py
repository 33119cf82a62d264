"""Figures over incidents: trends, precision, times, rankings and what the loudspeakers did."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.findings import ViolationType
from vision.core.incidents import IncidentStatus
from vision.storage.tables import AnnouncementRow, CaseRow, IncidentRow, LogRow

_NOT_RAISED = (IncidentStatus.SUSPECTED.value, IncidentStatus.LAPSED.value)
_GONE = (IncidentStatus.CLOSED.value, IncidentStatus.RECTIFIED.value)
_RANKED = ("zone", "camera", "grid", "shop", "district")
_MOST_RANKED = 50


def figures(
    session: Session, since: datetime, until: datetime, zone: ZoneInfo, districts: Sequence[str]
) -> dict[str, Any]:
    """Everything the statistics page shows, from incidents that began in [since, until)."""
    query = select(
        IncidentRow.id,
        IncidentRow.type,
        IncidentRow.status,
        IncidentRow.began_at,
        IncidentRow.ended_at,
        IncidentRow.verdict,
        IncidentRow.camera_id,
        IncidentRow.zone_id,
        IncidentRow.grid_id,
        IncidentRow.shop_id,
        IncidentRow.district,
    ).where(IncidentRow.began_at >= since, IncidentRow.began_at < until, IncidentRow.status.notin_(_NOT_RAISED))
    if districts:
        query = query.where(IncidentRow.district.in_(districts))
    rows = session.execute(query).all()
    filed = _filed(session, since, until)
    asked = _asked_by_people(session, since, until)
    filed_here = {row.id for row in rows} & filed
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "totals": [_totals(kind.value, [row for row in rows if row.type == kind], filed) for kind in ViolationType],
        "trend": _trend(rows, filed, zone),
        "hours": _hours(rows, zone),
        "ranking": {name: _ranking(rows, name, filed) for name in _RANKED},
        "ai_share": len(filed_here - asked) / len(filed_here) if filed_here else None,
        "speakers": _speaker_effect(session, since, until, rows),
    }


def _filed(session: Session, since: datetime, until: datetime) -> set[str]:
    query = (
        select(CaseRow.incident_id)
        .join(IncidentRow, IncidentRow.id == CaseRow.incident_id)
        .where(IncidentRow.began_at >= since, IncidentRow.began_at < until, CaseRow.filed_at.is_not(None))
    )
    return set(session.scalars(query))


def _asked_by_people(session: Session, since: datetime, until: datetime) -> set[str]:
    """Incidents that a person told to be filed; every other case is the AI's own."""
    query = (
        select(LogRow.incident_id)
        .join(IncidentRow, IncidentRow.id == LogRow.incident_id)
        .where(
            IncidentRow.began_at >= since,
            IncidentRow.began_at < until,
            LogRow.cause == "filing",
            LogRow.actor.startswith("operator:"),
        )
    )
    return set(session.scalars(query))


def _totals(kind: str, rows: Sequence[Any], filed: set[str]) -> dict[str, Any]:
    confirmed = sum(row.verdict == "confirm" for row in rows)
    rejected = sum(row.verdict == "reject" for row in rows)
    gone = [(row.ended_at - row.began_at).total_seconds() for row in rows if row.status in _GONE and row.ended_at]
    return {
        "type": kind,
        "raised": len(rows),
        "open": sum(row.ended_at is None for row in rows),
        "confirmed": confirmed,
        "rejected": rejected,
        "filed": sum(row.id in filed for row in rows),
        "precision": confirmed / (confirmed + rejected) if confirmed + rejected else None,
        "median_gone_s": statistics.median(gone) if gone else None,
    }


def _trend(rows: Iterable[Any], filed: set[str], zone: ZoneInfo) -> list[dict[str, Any]]:
    days: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        count = days[row.began_at.astimezone(zone).date().isoformat(), row.type]
        count["raised"] += 1
        count["confirmed"] += row.verdict == "confirm"
        count["rejected"] += row.verdict == "reject"
        count["filed"] += row.id in filed
    return [
        {"day": day, "type": kind, **{key: count[key] for key in ("raised", "confirmed", "rejected", "filed")}}
        for (day, kind), count in sorted(days.items())
    ]


def _hours(rows: Iterable[Any], zone: ZoneInfo) -> dict[str, list[int]]:
    hours = {kind.value: [0] * 24 for kind in ViolationType}
    for row in rows:
        hours[row.type][row.began_at.astimezone(zone).hour] += 1
    return hours


def _ranking(rows: Iterable[Any], name: str, filed: set[str]) -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        key = f"{row.camera_id}/{row.zone_id}" if name == "zone" else getattr(row, _COLUMN[name])
        if key:
            counts[key]["raised"] += 1
            counts[key]["rejected"] += row.verdict == "reject"
            counts[key]["filed"] += row.id in filed
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1]["raised"], pair[0]))[:_MOST_RANKED]
    return [{"key": key, **{part: c[part] for part in ("raised", "rejected", "filed")}} for key, c in ordered]


_COLUMN = {"camera": "camera_id", "grid": "grid_id", "shop": "shop_id", "district": "district"}


def _speaker_effect(session: Session, since: datetime, until: datetime, rows: Sequence[Any]) -> dict[str, int]:
    made = session.execute(
        select(AnnouncementRow.incident_id, AnnouncementRow.outcome).where(
            AnnouncementRow.at >= since, AnnouncementRow.at < until
        )
    ).all()
    spoken_to = {incident_id for incident_id, outcome in made if outcome == "spoken" and incident_id}
    return {
        "spoken": sum(outcome == "spoken" for _id, outcome in made),
        "silent": sum(outcome == "silent" for _id, outcome in made),
        "rectified_after": sum(row.id in spoken_to and row.status == IncidentStatus.RECTIFIED for row in rows),
    }
