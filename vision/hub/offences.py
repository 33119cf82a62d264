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

_MOST_TOLD = 10  # offences before this one that the record names
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
        earlier = self._earlier(session, row, at)
        count = self._rule.count([begun for _id, begun in earlier], at)
        row.colour, row.offences = self._rule.colour(count), count
        row.previous = [{"id": key, "at": begun.isoformat()} for key, begun in earlier[:_MOST_TOLD]]
        if count < 2 or row.colour is None:
            return []
        why = history(count, row.colour, self._rule.window.days, shop=row.shop_id is not None)
        status = incident.status.value
        detail = {"count": count, "colour": row.colour, "previous": [key for key, _begun in earlier[:_MOST_TOLD]]}
        return [LogEntry(status, status, "offence", "hub", at, why, detail)]

    def _earlier(self, session: Session, row: IncidentRow, at: datetime) -> list[tuple[str, datetime]]:
        """Ids of the shop's or spot's offences in the window, and when each was confirmed; newest first."""
        query = (
            select(IncidentRow)
            .where(
                IncidentRow.type == row.type,
                IncidentRow.confirmed_at >= at - self._rule.window,
                IncidentRow.confirmed_at < at + timedelta(seconds=1),
                IncidentRow.status.notin_(_NEVER_WAS),
                IncidentRow.id != row.id,
            )
            .order_by(IncidentRow.confirmed_at.desc(), IncidentRow.id)
        )
        if row.shop_id is not None:
            query = query.where(IncidentRow.shop_id == row.shop_id)
        else:
            query = query.where(IncidentRow.camera_id == row.camera_id, IncidentRow.zone_id == row.zone_id)
        with session.no_autoflush:
            found = session.scalars(query).all()
        return [
            (other.id, other.confirmed_at)
            for other in found
            if other.confirmed_at and (row.shop_id or self._same_spot(row, other))
        ]

    def _same_spot(self, a: IncidentRow, b: IncidentRow) -> bool:
        if a.longitude is None or a.latitude is None or b.longitude is None or b.latitude is None:
            return True
        return haversine_m((a.longitude, a.latitude), (b.longitude, b.latitude)) <= self._rule.spot_m
