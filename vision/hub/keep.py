"""Keeps findings compactly: a run says what a site said from one look on, until the next run of that site.

Of a camera that says the same every ten seconds for a day, one line is kept; what-if replay reads the looks back from
the runs. A run begins when the state changes, the objects are others, the confidence moves by a tenth, the site was
silent for ten minutes, or (for anything but absent) an hour has passed. Up to `flush_s` of runs are lost when the hub
is killed: they serve replay and statistics, not incidents.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.geometry import Box
from vision.storage.database import Database
from vision.storage.tables import FindingSegmentRow

_SILENCE_S = 600.0
_HEARTBEAT_S = 3600.0
_CONFIDENCE_STEP = 0.1
_MOST_WAITING = 5000


@dataclass(frozen=True, slots=True)
class Run:
    """What a site said from `at` on.

    Attributes:
        every_s: seconds between its looks at that time.
        before: the last look of the run before it, and `looks` how many that run had; None and 0 for a first run.
        objects: (name, box, score, first seen).
    """

    camera_id: str
    view_id: str
    zone_id: str
    type: ViolationType
    subtype: Subtype
    state: FindingState
    at: datetime
    since: datetime
    dwell_s: float
    confidence: float
    every_s: float
    before: datetime | None
    looks: int
    objects: tuple[tuple[str, Box, float, datetime], ...] = ()

    def finding(self, at: datetime) -> Finding:
        """The look that this run stands for at a time of it."""
        return Finding(
            camera_id=self.camera_id,
            view_id=self.view_id,
            zone_id=self.zone_id,
            type=self.type,
            subtype=self.subtype,
            state=self.state,
            at=at,
            since=self.since if self.state is FindingState.PRESENT else at,
            dwell_s=self.dwell_s,
            why=Why("", ""),
            objects=tuple(FindingObject(name, box, score, seen, at) for name, box, score, seen in self.objects),
            confidence=self.confidence,
        )

    def to_line(self) -> str:
        """One line of JSON; times are seconds since 1970."""
        return json.dumps(
            [
                self.camera_id,
                self.view_id,
                self.zone_id,
                self.type.value,
                self.subtype.value,
                self.state.value,
                _seconds(self.at),
                _seconds(self.since),
                self.dwell_s,
                self.confidence,
                self.every_s,
                None if self.before is None else _seconds(self.before),
                self.looks,
                [[name, [round(v, 4) for v in box], score, _seconds(seen)] for name, box, score, seen in self.objects],
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_line(cls, line: str) -> "Run":
        """The inverse of `to_line`."""
        camera, view, zone, type_, subtype, state, at, since, dwell_s, confidence, every_s, before, looks, objects = (
            json.loads(line)
        )
        return cls(
            camera,
            view,
            zone,
            ViolationType(type_),
            Subtype(subtype),
            FindingState(state),
            _time(at),
            _time(since),
            dwell_s,
            confidence,
            every_s,
            None if before is None else _time(before),
            looks,
            tuple((name, (b[0], b[1], b[2], b[3]), score, _time(seen)) for name, b, score, seen in objects),
        )


def _seconds(at: datetime) -> float:
    return round(at.timestamp(), 3)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(slots=True)
class _Site:
    """What was last kept of a site."""

    state: FindingState
    count: int
    confidence: float
    kept_at: datetime
    last_at: datetime
    looks: int = 1
    every_s: float = 0.0


@dataclass(slots=True)
class Keeper:
    """Turns looks into runs; memory is one small record per site."""

    flush_s: float = 5.0
    _sites: dict[tuple[str, str, str, ViolationType], _Site] = field(default_factory=dict)
    _waiting: dict[str, list[Run]] = field(default_factory=dict)
    _looks: int = 0
    _count: int = 0
    _flushed_at: datetime | None = None

    def note(self, finding: Finding, district: str) -> None:
        """Take a look in; one that came late or twice is left out."""
        site = self._sites.get(finding.site)
        if site is None:
            self._keep(finding, district, None)
            return
        gap_s = (finding.at - site.last_at).total_seconds()
        if gap_s <= 0:
            return
        self._looks += 1
        if (
            finding.state is not site.state
            or len(finding.objects) != site.count
            or abs(finding.confidence - site.confidence) >= _CONFIDENCE_STEP
            or gap_s >= _SILENCE_S
            or (site.state is not FindingState.ABSENT and (finding.at - site.kept_at).total_seconds() >= _HEARTBEAT_S)
        ):
            self._keep(finding, district, site)
            return
        site.every_s = gap_s if site.every_s == 0 else 0.8 * site.every_s + 0.2 * gap_s
        site.last_at = finding.at
        site.looks += 1

    def _keep(self, finding: Finding, district: str, site: _Site | None) -> None:
        run = Run(
            camera_id=finding.camera_id,
            view_id=finding.view_id,
            zone_id=finding.zone_id,
            type=finding.type,
            subtype=finding.subtype,
            state=finding.state,
            at=finding.at,
            since=finding.since,
            dwell_s=finding.dwell_s,
            confidence=round(finding.confidence, 3),
            every_s=0.0 if site is None else round(site.every_s, 1),
            before=None if site is None else site.last_at,
            looks=0 if site is None else site.looks,
            objects=tuple((o.name, o.box, round(o.score, 3), o.first_seen) for o in finding.objects),
        )
        every_s = 0.0 if site is None else site.every_s
        self._sites[finding.site] = _Site(
            finding.state, len(finding.objects), finding.confidence, finding.at, finding.at, every_s=every_s
        )
        self._waiting.setdefault(district, []).append(run)
        self._count += 1

    def due(self, now: datetime) -> bool:
        """Whether it is time to write what waits."""
        if self._flushed_at is None:
            self._flushed_at = now
        waited_s = (now - self._flushed_at).total_seconds()
        return self._count > 0 and (waited_s >= self.flush_s or self._count >= _MOST_WAITING)

    def rows(self, now: datetime) -> list[FindingSegmentRow]:
        """What waits, packed by district; call `flushed` when it is committed."""
        self._flushed_at = now
        return [_segment(district, runs, self._looks) for district, runs in self._waiting.items() if runs]

    def flushed(self) -> None:
        self._waiting.clear()
        self._count = self._looks = 0


def _segment(district: str, runs: Sequence[Run], looks: int) -> FindingSegmentRow:
    body = "\n".join(run.to_line() for run in runs)
    return FindingSegmentRow(
        district=district,
        begins_at=min(run.at for run in runs),
        ends_at=max(run.at for run in runs),
        runs=len(runs),
        looks=looks,
        body=zlib.compress(body.encode(), 1),
    )


def kept_runs(session: Session, since: datetime, until: datetime, districts: Iterable[str] = ()) -> Iterator[Run]:
    """Runs that began in the stretch, in the order in which they were written; of all districts when none is named."""
    query = select(FindingSegmentRow).where(FindingSegmentRow.ends_at >= since, FindingSegmentRow.begins_at < until)
    if wanted := list(districts):
        query = query.where(FindingSegmentRow.district.in_(wanted))
    for row in session.scalars(query.order_by(FindingSegmentRow.id)).yield_per(200):
        for line in zlib.decompress(row.body).decode().split("\n"):
            run = Run.from_line(line)
            if since <= run.at < until:
                yield run


def sightings(session: Session, camera_id: str, view_id: str, *, since: datetime, until: datetime) -> list[Finding]:
    """First and last look of every run of a view, oldest first; a run that still goes on lasts until `until`."""
    runs = [
        run
        for run in kept_runs(session, since - timedelta(seconds=_HEARTBEAT_S), until)
        if (run.camera_id, run.view_id) == (camera_id, view_id)
    ]
    next_of: dict[tuple[str, ViolationType], Run] = {}
    looks = []
    for run in reversed(runs):
        follower = next_of.get((run.zone_id, run.type))
        last = until if follower is None else follower.before or run.at
        if last >= since:
            looks += [run.finding(max(run.at, since)), run.finding(max(run.at, last))]
        next_of[run.zone_id, run.type] = run
    return sorted(looks, key=lambda look: look.at)


def drop_old(database: Database, now: datetime, keep: timedelta) -> int:
    """Drop segments whose every run is older than `keep`; returns how many. Raises StorageError."""
    with database.transaction() as session:
        result: Any = session.execute(delete(FindingSegmentRow).where(FindingSegmentRow.ends_at < now - keep))
        return int(result.rowcount)
