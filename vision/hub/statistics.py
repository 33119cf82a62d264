"""Figures over incidents as plain tables: what was raised, how often rightly, how fast, where, and by whom."""

import csv
import io
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vision.core.errors import NotThereError
from vision.core.findings import ViolationType
from vision.core.incidents import IncidentStatus, Verdict
from vision.storage.tables import CaseRow, IncidentRow, LogRow

Table = list[dict[str, Any]]
_NEVER_RAISED = frozenset({IncidentStatus.SUSPECTED.value, IncidentStatus.LAPSED.value})
_GONE = frozenset({IncidentStatus.CLOSED.value, IncidentStatus.RECTIFIED.value})
_CELL_M = 100.0
_METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Item:
    """One raised incident, as far as statistics need it. Durations in seconds, None while they have not ended.

    Attributes:
        to_alert_s: from first seen to the alert, dwell included; None when it was rejected before its dwell was over.
            `to_file_s` from the alert to the platform's yes; `to_gone_s` from the alert to the first look that did not
            see it any more, and `stood_s` the same from first seen: both None for what did not go.
        confirmed_at: when it became a violation; for one rejected before that, when it was first seen.
        by_hand: an operator asked for the case.
    """

    id: str
    type: str
    subtype: str
    standard_ref: str
    event_code: str
    camera_id: str
    zone_id: str
    district: str
    grid_id: str
    shop_id: str
    longitude: float | None
    latitude: float | None
    status: str
    verdict: str
    began_at: datetime
    confirmed_at: datetime
    ended_at: datetime | None
    warned: bool
    filed: bool
    by_hand: bool
    to_alert_s: float | None
    to_file_s: float | None
    to_gone_s: float | None
    stood_s: float | None


_RAISED_AT = func.coalesce(IncidentRow.confirmed_at, IncidentRow.began_at)


def items(session: Session, since: datetime, until: datetime, districts: Sequence[str] = ()) -> list[Item]:
    """Incidents raised in [since, until), oldest first; of every district when none is named.

    Raised means: became a violation, or was rejected by an operator while still a suspicion.
    """
    columns = (getattr(IncidentRow, name) for name in _COLUMNS)  # whole rows would carry the life-cycle's memory along
    query = select(*columns).where(since <= _RAISED_AT, until > _RAISED_AT, IncidentRow.status.notin_(_NEVER_RAISED))
    if districts:
        query = query.where(IncidentRow.district.in_(districts))
    rows = session.execute(query.order_by(_RAISED_AT)).all()
    filed = _first(session, select(CaseRow.incident_id, func.min(CaseRow.filed_at)), CaseRow.incident_id, since, until)
    told = _logged(session, since, until)
    return [_item(row, filed.get(row.id), told.get(row.id, frozenset())) for row in rows]


_POSITION = ("longitude", "latitude")
_SAME = ("id", "type", "subtype", "standard_ref", "event_code", "camera_id", "zone_id", "district", *_POSITION)
_COLUMNS = (*_SAME, "status", "grid_id", "shop_id", "verdict", "began_at", "confirmed_at", "ended_at")


def _first(session: Session, query: Any, key: Any, since: datetime, until: datetime) -> dict[str, datetime]:
    wide = query.where(CaseRow.filed_at.is_not(None), CaseRow.filed_at >= since, CaseRow.filed_at < until + _LATER)
    return {row[0]: row[1] for row in session.execute(wide.group_by(key))}


_LATER = timedelta(days=30)  # a case may be filed that long after its alert and still count


def _logged(session: Session, since: datetime, until: datetime) -> dict[str, frozenset[str]]:
    """Who was warned, and whose filing an operator asked for."""
    query = select(LogRow.incident_id, LogRow.cause, LogRow.actor).where(
        LogRow.cause.in_(("spoken", "notified", "filing")), LogRow.wall_at >= since, LogRow.wall_at < until + _LATER
    )
    found: dict[str, set[str]] = defaultdict(set)
    for incident_id, cause, actor in session.execute(query):
        if cause == "filing":
            if actor.startswith("operator:"):
                found[incident_id].add("by_hand")
        else:
            found[incident_id].add("warned")
    return {key: frozenset(value) for key, value in found.items()}


def _item(row: Any, filed_at: datetime | None, told: frozenset[str]) -> Item:
    raised_at = row.confirmed_at or row.began_at
    gone = row.ended_at is not None and row.status in _GONE
    return Item(
        **{name: getattr(row, name) for name in _SAME},
        grid_id=row.grid_id or "",
        shop_id=row.shop_id or "",
        status=row.status,
        verdict=row.verdict or "",
        began_at=row.began_at,
        confirmed_at=raised_at,
        ended_at=row.ended_at,
        warned="warned" in told,
        filed=filed_at is not None,
        by_hand="by_hand" in told,
        to_alert_s=None if row.confirmed_at is None else (row.confirmed_at - row.began_at).total_seconds(),
        to_file_s=None if filed_at is None else (filed_at - raised_at).total_seconds(),
        to_gone_s=(row.ended_at - raised_at).total_seconds() if gone else None,
        stood_s=(row.ended_at - row.began_at).total_seconds() if gone else None,
    )


def tables(
    found: Sequence[Item], days: float, zone: tzinfo, *, all_cases: int | None = None, cameras: int | None = None
) -> dict[str, Table]:
    """Every table by name.

    Args:
        found: what `items` gave.
        days: how many days it covers.
        zone: where days and their hours are counted.
        all_cases: cases that the city filed from every source in that time, for the AI share; its platform knows.
        cameras: how many were watched, silent ones included, for false alarms per camera-day of the whole and of each
            type; those that raised something when it is not told, as in every other table.
    """
    return {
        "total": [_figures(found, days, cameras) | _share(found, all_cases)],
        "type": _by(found, days, lambda item: {"type": item.type}, cameras=cameras),
        "trend": _trend(found, zone),
        "zone": _by(found, days, lambda item: {"zone": f"{item.camera_id}/{item.zone_id}"}),
        "grid": _by(found, days, lambda item: {"grid": item.grid_id}, skip_empty="grid"),
        "shop": _by(found, days, lambda item: {"shop": item.shop_id}, skip_empty="shop"),
        "district": _by(found, days, lambda item: {"district": item.district}, skip_empty="district"),
        "camera": _by(found, days, lambda item: {"camera": item.camera_id, "type": item.type}),
        "camera_total": _by(found, days, lambda item: {"camera": item.camera_id}),
        "hour": _hours(found, zone),
        "cell": _cells(found),
        "incidents": incidents_table(found),
    }


def _figures(found: Sequence[Item], days: float, cameras: int | None = None) -> dict[str, Any]:
    confirmed = sum(item.verdict == Verdict.CONFIRM for item in found)
    rejected = sum(item.verdict == Verdict.REJECT for item in found)
    warned = [item for item in found if item.warned and item.ended_at is not None]
    watched = len({item.camera_id for item in found}) if cameras is None else cameras
    return {
        "raised": len(found),
        "open": sum(not IncidentStatus(item.status).final for item in found),
        "confirmed": confirmed,
        "rejected": rejected,
        "precision": _ratio(confirmed, confirmed + rejected),
        "false_alarms_per_camera_day": _ratio(rejected, watched * days),
        "filed": sum(item.filed for item in found),
        "rectified_after_warning": _ratio(sum(i.status == IncidentStatus.RECTIFIED for i in warned), len(warned)),
        "median_to_alert_s": _median(item.to_alert_s for item in found),
        "median_to_file_s": _median(item.to_file_s for item in found),
        "median_to_gone_s": _median(item.to_gone_s for item in found),
        "p90_to_gone_s": _p90([item.to_gone_s for item in found if item.to_gone_s is not None]),
        "median_gone_s": _median(item.stood_s for item in found),
    }


def _share(found: Sequence[Item], all_cases: int | None) -> dict[str, Any]:
    """Of the city's filed cases, those that video found and filed by itself (视频发现).

    The whole is every case that this hub filed, those that an operator told it to file included, or, where the city
    tells how many it has from every source (telephone, patrols, video), that number.
    """
    filed = sum(item.filed for item in found)
    own = sum(item.filed and not item.by_hand for item in found)
    whole = filed if all_cases is None else all_cases
    return {"ai_filed": own, "by_hand_filed": filed - own, "all_filed": whole, "ai_share": _ratio(own, whole)}


def _trend(found: Iterable[Item], zone: tzinfo) -> Table:
    """One row a day and type."""
    days: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in found:
        count = days[item.confirmed_at.astimezone(zone).date().isoformat(), item.type]
        count["raised"] += 1
        count["confirmed"] += item.verdict == Verdict.CONFIRM
        count["rejected"] += item.verdict == Verdict.REJECT
        count["filed"] += item.filed
    return [
        {"day": day, "type": kind, **{key: count[key] for key in ("raised", "confirmed", "rejected", "filed")}}
        for (day, kind), count in sorted(days.items())
    ]


def _by(
    found: Iterable[Item],
    days: float,
    key: Callable[[Item], Mapping[str, str]],
    *,
    skip_empty: str = "",
    cameras: int | None = None,
) -> Table:
    """One row a key, most raised first."""
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in found:
        groups[tuple(key(item).items())].append(item)
    rows = [dict(key(group[0])) | _figures(group, days, cameras) for group in groups.values()]
    if skip_empty:
        rows = [row for row in rows if row[skip_empty]]
    return sorted(rows, key=lambda row: (-row["raised"], str(row)))


def _hours(found: Iterable[Item], zone: tzinfo) -> Table:
    """24 rows; how many of each type were raised in that hour of the day."""
    counts: Counter[tuple[int, str]] = Counter()
    for item in found:
        counts[item.confirmed_at.astimezone(zone).hour, item.type] += 1
    return [{"hour": hour, **{kind.value: counts[hour, kind.value] for kind in ViolationType}} for hour in range(24)]


def _cells(found: Iterable[Item]) -> Table:
    """A heat map: squares of 100 m with their middle (WGS-84), most raised first."""
    counts: Counter[tuple[int, int, str]] = Counter()
    for item in found:
        if item.longitude is None or item.latitude is None:
            continue
        row = math.floor(item.latitude * _METRES_PER_DEGREE / _CELL_M)
        counts[row, math.floor(item.longitude / _cell_width(row)), item.type] += 1
    rows = [
        {
            "longitude": round((column + 0.5) * _cell_width(row), 6),
            "latitude": round((row + 0.5) * _CELL_M / _METRES_PER_DEGREE, 6),
            "type": kind,
            "raised": count,
        }
        for (row, column, kind), count in counts.items()
    ]
    return sorted(rows, key=lambda cell: (-cell["raised"], cell["latitude"], cell["longitude"], cell["type"]))


def _cell_width(row: int) -> float:
    """Degrees of longitude that a cell of this row is wide."""
    latitude = (row + 0.5) * _CELL_M / _METRES_PER_DEGREE
    return _CELL_M / (_METRES_PER_DEGREE * math.cos(math.radians(latitude)))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _p90(values: Sequence[float]) -> float | None:
    return sorted(values)[math.ceil(0.9 * len(values)) - 1] if values else None


def incidents_table(found: Iterable[Item]) -> Table:
    """One row an incident, for people who reckon for themselves."""
    return [{field.name: getattr(item, field.name) for field in fields(Item)} for item in found]


def to_csv(table: Table) -> str:
    """UTF-8 text with a byte-order mark, so that spreadsheets read the Chinese; empty cells for what is not known."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(table[0]) if table else [], lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow({key: _cell_text(value) for key, value in row.items()})
    return "\ufeff" + out.getvalue()


def _cell_text(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@"}:
        return "'" + value  # a spreadsheet would run it
    return value


def to_parquet(table: Table) -> bytes:
    """Raises NotThereError: the extra that writes Parquet is not installed."""
    try:
        import polars as pl
    except ModuleNotFoundError:
        raise NotThereError("Parquet needs polars: pip install 'streetward[export]'") from None
    out = io.BytesIO()
    pl.DataFrame(table, infer_schema_length=None).write_parquet(out)
    return out.getvalue()


TABLES = frozenset(tables((), 1.0, UTC))
"""Names of the tables."""
