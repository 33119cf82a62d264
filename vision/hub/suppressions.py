"""Windows in which nothing is raised: kept with who approved them, and made when operators keep rejecting a spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.errors import NotThereError
from vision.core.findings import ViolationType
from vision.core.incidents import IncidentStatus
from vision.incidents.incident import Incident, SiteKey
from vision.incidents.schedule import Suppression
from vision.incidents.spots import gap
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, SuppressionRow


@dataclass(frozen=True, slots=True)
class RejectRule:
    """After how many rejects of one spot, within which time, it is left alone, and for how long.

    Attributes:
        count: 0 switches it off.
        reach: how near in widths of the view another reject has to be.
    """

    count: int = 3
    within: timedelta = timedelta(days=7)
    lasting: timedelta = timedelta(days=7)
    reach: float = 0.1


class Suppressions:
    """The book of suppressions."""

    def __init__(self, database: Database, clock: Clock, rule: RejectRule | None = None) -> None:
        self._database, self._clock, self._rule = database, clock, rule or RejectRule()

    def add(self, suppression: Suppression) -> int:
        """Returns its number.

        Raises:
            ValueError: it ends before it begins, or nobody approved it.
            StorageError: it could not be written.
        """
        if suppression.ends_at <= suppression.begins_at:
            raise ValueError(
                f"a suppression should end after it begins, got {suppression.begins_at} to {suppression.ends_at}"
            )
        if not suppression.approved_by:
            raise ValueError("a suppression needs the name of who approved it")
        with self._database.transaction() as session:
            return _write(session, suppression)

    def end(self, suppression_id: int) -> None:
        """End it now; it stays in the book. Raises NotThereError."""
        with self._database.transaction() as session:
            row = session.get(SuppressionRow, suppression_id)
            if row is None:
                raise NotThereError(f"there is no suppression {suppression_id}")
            row.ends_at = max(row.begins_at, self._clock.now())

    def relevant(self) -> Sequence[Suppression]:
        """Those that hold now, will, or ended so lately that dwell has to be counted from their end."""
        since = self._clock.now() - timedelta(days=1)
        with self._database.reading() as session:
            rows = session.scalars(
                select(SuppressionRow).where(SuppressionRow.ends_at > since).order_by(SuppressionRow.id)
            )
            return [_read(row) for row in rows]

    def after_reject(self, session: Session, incident: Incident, now: datetime) -> Suppression | None:
        """Within the transaction of a reject: leave the spot alone when it was one too many."""
        rule, witness = self._rule, incident.witnesses[0]
        if rule.count == 0:
            return None
        earlier = session.scalars(
            select(IncidentRow).where(
                IncidentRow.camera_id == witness.camera_id,
                IncidentRow.view_id == witness.view_id,
                IncidentRow.zone_id == witness.zone_id,
                IncidentRow.type == incident.type.value,
                IncidentRow.status == IncidentStatus.REJECTED.value,
                IncidentRow.updated_at >= now - rule.within,
                IncidentRow.id != incident.id,
            )
        )
        near = 1 + sum(_near(incident, Incident.from_record(row.state), rule.reach) for row in earlier)
        if near < rule.count:
            return None
        made = Suppression(
            id=0,
            begins_at=now,
            ends_at=now + rule.lasting,
            approved_by=incident.verdict_by,
            reason=f"{rule.within.days} 天内第 {near} 次驳回 / rejected {near} times in {rule.within.days} days",
            types=frozenset({incident.type}),
            sites=(witness.site,),
            box=witness.box,
            reach=rule.reach,
        )
        _write(session, made)
        return made


def _near(a: Incident, b: Incident, reach: float) -> bool:
    box_a, box_b = a.witnesses[0].box, b.witnesses[0].box
    return box_a is None or box_b is None or gap(box_a, box_b) <= reach


def _write(session: Session, one: Suppression) -> int:
    row = SuppressionRow(
        begins_at=one.begins_at,
        ends_at=one.ends_at,
        approved_by=one.approved_by,
        reason=one.reason,
        document={
            "types": sorted(one.types),
            "sites": [list(site) for site in one.sites],
            "cameras": sorted({camera for camera, _, _ in one.sites if camera}),
            "zones": sorted({f"{camera}/{zone}" for camera, _, zone in one.sites if camera and zone}),
            "districts": sorted(one.districts),
            "grids": sorted(one.grids),
            "centre": None if one.centre is None else list(one.centre),
            "radius_m": one.radius_m,
            "box": None if one.box is None else list(one.box),
            "reach": one.reach,
        },
    )
    session.add(row)
    session.flush()
    return row.id


def _read(row: SuppressionRow) -> Suppression:
    document: dict[str, Any] = row.document
    centre, box = document.get("centre"), document.get("box")
    return Suppression(
        id=row.id,
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        approved_by=row.approved_by,
        reason=row.reason,
        types=frozenset(ViolationType(name) for name in document.get("types", ()) if name in set(ViolationType)),
        sites=_sites(document),
        districts=frozenset(document.get("districts", ())),
        grids=frozenset(document.get("grids", ())),
        centre=None if centre is None else (centre[0], centre[1]),
        radius_m=float(document.get("radius_m", 0.0)),
        box=None if box is None else (box[0], box[1], box[2], box[3]),
        reach=float(document.get("reach", 0.1)),
    )


def _sites(document: dict[str, Any]) -> tuple[SiteKey, ...]:
    """Exact sites where they are given, else what `cameras` and `zones` (`zone` or `camera/zone`) name."""
    if document.get("sites"):
        return tuple((camera, view, zone) for camera, view, zone in document["sites"])
    cameras = document.get("cameras") or [""]
    sites = []
    for name in document.get("zones") or [""]:
        camera, slash, zone = name.rpartition("/")
        sites += [(camera, "", zone)] if slash else [(one, "", zone) for one in cameras]
    return tuple(site for site in sites if any(site))
