"""What loudspeakers achieve: how many warnings were followed by order within the grace, by phrase, type and hour."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.announcements import Outcome
from vision.core.incidents import IncidentStatus
from vision.storage.tables.incidents import IncidentRow
from vision.storage.tables.speakers import AnnouncementRow


@dataclass(frozen=True, slots=True)
class Effect:
    """`rectified` of `spoken` warnings; `median_s`: from the warning to order, None when nothing was put right."""

    key: str
    spoken: int
    rectified: int
    median_s: float | None

    @property
    def rate(self) -> float | None:
        """0–1; None without warnings."""
        return self.rectified / self.spoken if self.spoken else None

    def to_record(self) -> dict[str, Any]:
        rate = None if self.rate is None else round(self.rate, 4)
        return {
            "key": self.key,
            "spoken": self.spoken,
            "rectified": self.rectified,
            "rate": rate,
            "median_s": self.median_s,
        }


@dataclass(frozen=True, slots=True)
class Effects:
    """Each list most spoken first, hours in their order."""

    total: Effect
    by_phrase: tuple[Effect, ...]
    by_type: tuple[Effect, ...]
    by_hour: tuple[Effect, ...]
    silent: Mapping[str, int]  # cause → how often it kept a loudspeaker quiet
    failed: int

    def to_record(self) -> dict[str, Any]:
        return {
            "total": self.total.to_record(),
            "by_phrase": [one.to_record() for one in self.by_phrase],
            "by_type": [one.to_record() for one in self.by_type],
            "by_hour": [one.to_record() for one in self.by_hour],
            "silent": dict(self.silent),
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class _Warning:
    phrase: str
    type: str
    hour: int
    after_s: float | None  # until order, within the grace


def effects(
    session: Session,
    since: datetime,
    until: datetime,
    *,
    timezone: tzinfo,
    grace_s: Callable[[str, str, str], float],
    districts: Sequence[str] = (),
) -> Effects:
    """Of announcements made in [since, until) for incidents, in some districts or in all.

    A warning worked when its incident ended as rectified within its ladder's grace after it, and no later warning was
    given before that: the last word gets the credit. Incidents that an operator rejected count for nothing.
    """
    query = (
        select(
            AnnouncementRow,
            IncidentRow.type,
            IncidentRow.status,
            IncidentRow.ended_at,
            IncidentRow.camera_id,
            IncidentRow.zone_id,
        )
        .outerjoin(IncidentRow, IncidentRow.id == AnnouncementRow.incident_id)
        .where(AnnouncementRow.at >= since, AnnouncementRow.at < until)
        .order_by(AnnouncementRow.at, AnnouncementRow.id)
    )
    if districts:
        query = query.where(IncidentRow.district.in_(districts))
    rows = session.execute(query).all()
    spoken = [
        row for row in rows if row[0].outcome == Outcome.SPOKEN and row.type and row.status != IncidentStatus.REJECTED
    ]
    last = {row[0].incident_id: row[0].id for row in spoken}
    warnings = []
    for announcement, type_, status, ended_at, camera_id, zone_id in spoken:
        after_s = None
        if status == IncidentStatus.RECTIFIED and ended_at and last[announcement.incident_id] == announcement.id:
            passed = ended_at - (announcement.at + timedelta(seconds=announcement.duration_s))
            if passed <= timedelta(seconds=grace_s(type_, camera_id, zone_id)):
                after_s = max(0.0, passed.total_seconds())
        hour = announcement.at.astimezone(timezone).hour
        warnings.append(_Warning(announcement.phrase_id or "", type_, hour, after_s))
    silent: dict[str, int] = defaultdict(int)
    for announcement, *_ in rows:
        if announcement.outcome == Outcome.SILENT:
            silent[str(announcement.proof.get("cause", ""))] += 1
    return Effects(
        total=_effect("", warnings),
        by_phrase=_grouped(warnings, lambda one: one.phrase),
        by_type=_grouped(warnings, lambda one: one.type),
        by_hour=tuple(sorted(_grouped(warnings, lambda one: f"{one.hour:02d}"), key=lambda one: one.key)),
        silent=dict(silent),
        failed=sum(row[0].outcome == Outcome.FAILED for row in rows),
    )


def _grouped(warnings: list[_Warning], key: Callable[[_Warning], str]) -> tuple[Effect, ...]:
    groups: dict[str, list[_Warning]] = defaultdict(list)
    for warning in warnings:
        groups[key(warning)].append(warning)
    made = [_effect(name, group) for name, group in groups.items()]
    return tuple(sorted(made, key=lambda one: (-one.spoken, one.key)))


def _effect(key: str, warnings: list[_Warning]) -> Effect:
    times = sorted(one.after_s for one in warnings if one.after_s is not None)
    median_s = None
    if times:
        middle = len(times) // 2
        median_s = times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2
    return Effect(key, len(warnings), len(times), median_s)
