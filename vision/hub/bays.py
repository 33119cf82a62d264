"""Bike bays over time: what workers count in each bay, kept by the hour, and tables of how full they were."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.hub.places import Place
from vision.hub.statistics import Table
from vision.incidents.incident import SiteKey
from vision.storage.database import Database
from vision.storage.tables import BayHourRow

log = structlog.get_logger()
Counts = Mapping[SiteKey, tuple[int, datetime]]
"""Bikes in each bay and when they were counted."""
_EVERY_S = 60.0
_SILENCE = timedelta(minutes=40)  # patrolled bays are looked at every half hour; longer is not watching
_KEEP = timedelta(days=400)
_HOUR = timedelta(hours=1)


def counts_of(health: Mapping[str, Mapping[str, Any]]) -> dict[SiteKey, tuple[int, datetime]]:
    """What workers say of the bays they see, out of the cameras' health (storage.board)."""
    found: dict[SiteKey, tuple[int, datetime]] = {}
    for camera_id, row in health.items():
        for name, told in (row.get("bays") or {}).items():
            view_id, _, zone_id = name.partition("/")
            found[camera_id, view_id, zone_id] = int(told["bikes"]), datetime.fromisoformat(told["at"])
    return found


class BayBook:
    """Takes the counts in once a minute; a chore of one hub. A count that was taken in already changes nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: Callable[[], Mapping[str, Mapping[str, Any]]],
        place: Callable[[SiteKey], Place | None],
    ) -> None:
        self._database, self._clock, self._health, self._place = database, clock, health, place
        self._dropped_for: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.once()
            except StorageError as error:
                log.warning("bays_not_counted", reason=str(error))
            self._clock.sleep(_EVERY_S, stop)

    def once(self) -> int:
        """Returns how many counts were new. Raises StorageError."""
        counts = counts_of(self._health())
        hour = _hour_of(self._clock.now())
        with self._database.transaction() as session:
            count = self._take(session, counts) if counts else 0
            if self._dropped_for != hour:
                session.execute(delete(BayHourRow).where(BayHourRow.hour_at < hour - _KEEP))
        self._dropped_for = hour
        return count

    def _take(self, session: Session, counts: Counts) -> int:
        first = min(_hour_of(at) for _bikes, at in counts.values()) - _HOUR
        rows: dict[SiteKey, list[BayHourRow]] = defaultdict(list)
        for row in session.scalars(select(BayHourRow).where(BayHourRow.hour_at >= first).order_by(BayHourRow.hour_at)):
            rows[row.camera_id, row.view_id, row.zone_id].append(row)
        taken = 0
        for site, (bikes, at) in counts.items():
            last = rows[site][-1] if rows[site] else None
            if last is not None and at <= last.counted_at:
                continue
            if last is not None and last.hour_at == _hour_of(at):
                row = last
            else:
                row = _new(site, at)
                session.add(row)
            self._count(row, bikes, at, None if last is None else last.counted_at)
            taken += 1
        return taken

    def _count(self, row: BayHourRow, bikes: int, at: datetime, before: datetime | None) -> None:
        place = self._place((row.camera_id, row.view_id, row.zone_id))
        row.capacity = None if place is None else place.zone.capacity
        row.district = "" if place is None else place.district
        row.looks += 1
        row.bikes_sum += bikes
        row.bikes_most = max(row.bikes_most, bikes)
        if before is not None and at - before <= _SILENCE:
            passed_s = (at - before).total_seconds()
            row.watched_s += passed_s
            row.over_s += passed_s if row.capacity is not None and bikes > row.capacity else 0.0
        row.counted_at = at


def _new(site: SiteKey, at: datetime) -> BayHourRow:
    camera_id, view_id, zone_id = site
    return BayHourRow(
        camera_id=camera_id,
        view_id=view_id,
        zone_id=zone_id,
        hour_at=_hour_of(at),
        looks=0,
        bikes_sum=0,
        bikes_most=0,
        watched_s=0.0,
        over_s=0.0,
        counted_at=at,
    )


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def bay_tables(
    session: Session, since: datetime, until: datetime, zone: tzinfo, districts: Sequence[str] = ()
) -> dict[str, Table]:
    """`bay`: one row a bay, longest overflow first. `bay_hour`: 24 rows, by the hour of the day in `zone`.

    Occupancy is bikes over capacity, of the looks at bays whose capacity is known; None without any.
    """
    query = select(BayHourRow).where(BayHourRow.hour_at >= since - _HOUR, BayHourRow.hour_at < until)
    if districts:
        query = query.where(BayHourRow.district.in_(districts))
    rows = [row for row in session.scalars(query) if row.hour_at + _HOUR > since]
    bays: dict[tuple[str, str], list[BayHourRow]] = defaultdict(list)
    hours: dict[int, list[BayHourRow]] = defaultdict(list)
    for row in rows:
        bays[row.camera_id, row.zone_id].append(row)
        hours[row.hour_at.astimezone(zone).hour].append(row)
    by_bay = [
        {"bay": f"{camera}/{zone_id}", "camera": camera, "capacity": group[-1].capacity, **_figures(group)}
        for (camera, zone_id), group in bays.items()
    ]
    return {
        "bay": sorted(by_bay, key=lambda row: (-row["overflow_min"], row["bay"])),
        "bay_hour": [{"hour": hour, **_figures(hours[hour])} for hour in range(24)],
    }


def _figures(rows: Iterable[BayHourRow]) -> dict[str, Any]:
    known = list(rows)
    looks = sum(row.looks for row in known)
    room = sum(row.looks * row.capacity for row in known if row.capacity)
    return {
        "bikes_mean": round(sum(row.bikes_sum for row in known) / looks, 2) if looks else None,
        "bikes_most": max((row.bikes_most for row in known), default=None),
        "occupancy": round(sum(row.bikes_sum for row in known if row.capacity) / room, 4) if room else None,
        "overflow_min": round(sum(row.over_s for row in known) / 60, 1),
        "watched_min": round(sum(row.watched_s for row in known) / 60, 1),
    }


BAY_TABLES = frozenset({"bay", "bay_hour"})
