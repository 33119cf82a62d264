"""Counts what a shop or a spot did before, and colours the incident by it."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.geometry import haversine_m
from vision.core.incidents import IncidentStatus
from vision.incidents.events import LogEntry
from vision.incidents.incident import Incident
from vision.incidents.offences import ColourRule, history
from vision.storage.tables import IncidentRow

_NEVER_WAS = (IncidentStatus.REJECTED.value, IncidentStatus.LAPSED.value)


class OffenceBook:
    """Offence history, read from the incidents themselves."""

    def __init__(self, rule: ColourRule | None = None) -> None:
        self._rule = rule or ColourRule()

    def mark(self, session: Session, row: IncidentRow, incident: Incident) -> list[LogEntry]:
        """Colour an incident in the step that makes it a violation; a line for its log from the second offence on."""
        at = incident.confirmed_at
        if at is None:
            return []
        count = self._rule.count(self._earlier(session, row, at), at)
        row.colour, row.offences = self._rule.colour(count), count
        if count < 2 or row.colour is None:
            return []
        why = history(count, row.colour, self._rule.window.days, shop=row.shop_id is not None)
        status = incident.status.value
        return [LogEntry(status, status, "offence", "hub", at, why, {"count": count, "colour": row.colour})]

    def _earlier(self, session: Session, row: IncidentRow, at: datetime) -> list[datetime]:
        query = select(IncidentRow).where(
            IncidentRow.type == row.type,
            IncidentRow.confirmed_at >= at - self._rule.window,
            IncidentRow.confirmed_at < at + timedelta(seconds=1),
            IncidentRow.status.notin_(_NEVER_WAS),
            IncidentRow.id != row.id,
        )
        if row.shop_id is not None:
            query = query.where(IncidentRow.shop_id == row.shop_id)
        else:
            query = query.where(IncidentRow.camera_id == row.camera_id, IncidentRow.zone_id == row.zone_id)
        with session.no_autoflush:
            found = session.scalars(query).all()
        return [
            other.confirmed_at for other in found if other.confirmed_at and (row.shop_id or self._same_spot(row, other))
        ]

    def _same_spot(self, a: IncidentRow, b: IncidentRow) -> bool:
        if a.longitude is None or a.latitude is None or b.longitude is None or b.latitude is None:
            return True
        return haversine_m((a.longitude, a.latitude), (b.longitude, b.latitude)) <= self._rule.spot_m
