"""Deadlines of cases: set from the code table's limits, warned of before, reminded of after."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from vision.cases.worktime import Calendar, Limit, Pause, Unit, due
from vision.core.clock import Clock
from vision.core.codes import ANY_AREA, Condition, Standard, standard
from vision.core.errors import StorageError
from vision.core.findings import Subtype
from vision.core.incidents import CaseStatus
from vision.storage.database import Database
from vision.storage.tables import AlertRow, CaseRow, IncidentRow

_log = structlog.get_logger()
RUNNING = (CaseStatus.FILED.value, CaseStatus.DISPATCHED.value)
"""Cases whose clock runs: suspended and handled ones are not overdue."""
_EVERY_S = 15.0
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Limits and the calendar they are counted in.

    Attributes:
        standard: whose conditions give the limit of an event in an area class.
        own: limits of the configuration, which go before the table's in every area.
        warn_before: how long before its deadline an open case is warned of.
        remind_every: how often after it.
    """

    standard: Standard = field(default_factory=standard)
    own: Mapping[Subtype, Limit] = field(default_factory=dict)
    calendar: Calendar = field(default_factory=Calendar)
    warn_before: timedelta = timedelta(minutes=30)
    remind_every: timedelta = timedelta(hours=4)

    def condition(self, subtype: Subtype, area: str = "") -> Condition | None:
        """When such an event is filed and closed in an area class; None where the table has no row."""
        return self.standard.condition(subtype, area or ANY_AREA)

    def limit(self, subtype: Subtype, area: str = "") -> Limit | None:
        """How long may be taken there; None for no limit."""
        if subtype in self.own:
            return self.own[subtype]
        row = self.condition(subtype, area)
        return None if row is None else Limit(row.limit, Unit(row.unit))

    def due(
        self, subtype: Subtype, filed_at: datetime, pauses: Sequence[Pause] = (), *, area: str = ""
    ) -> datetime | None:
        limit = self.limit(subtype, area)
        return None if limit is None else due(filed_at, limit, self.calendar, pauses)


class DeadlineKeeper:
    """Sets deadlines of new cases, moves those of suspended ones, warns and reminds through the alert feed."""

    def __init__(self, database: Database, clock: Clock, deadlines: Deadlines) -> None:
        self._database = database
        self._clock = clock
        self._deadlines = deadlines

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.run_once()
            except StorageError as error:
                _log.error("deadlines_unreadable", words=str(error))
            self._clock.sleep(_EVERY_S, stop)

    def run_once(self) -> int:
        """Returns how many alerts were written."""
        now = self._clock.now()
        with self._database.reading() as session:
            unset = session.scalars(select(CaseRow.id).where(_wants_due()).limit(_BATCH)).all()
            near = session.scalars(select(CaseRow.id).where(due_by(now + self._deadlines.warn_before))).all()
        told = 0
        for ids in _chunks([*unset, *(one for one in near if one not in set(unset))]):
            with self._database.transaction() as session:
                rows = session.execute(
                    select(CaseRow, IncidentRow)
                    .join(IncidentRow, IncidentRow.id == CaseRow.incident_id)
                    .where(CaseRow.id.in_(ids))
                ).all()
                for case, incident in rows:
                    self._set(case, incident)
                    told += self._tell(session, case, now)
        return told

    def _set(self, case: CaseRow, incident: IncidentRow) -> None:
        if case.filed_at is not None and case.due_at is None:
            subtype, area = Subtype(incident.subtype), incident.area_class
            case.due_at = self._deadlines.due(subtype, case.filed_at, pauses_of(case), area=area)
            limit = self._deadlines.limit(subtype, area)
            if limit is not None:  # noted with the case: the table may change under it
                told = {"value": limit.value, "unit": limit.unit.value, "area_class": area}
                case.detail = {**case.detail, "limit": told}

    def _tell(self, session: Session, case: CaseRow, now: datetime) -> int:
        if case.due_at is None or case.status not in RUNNING:
            return 0
        told = dict(case.detail.get("deadline", {}))
        if told.get("due_at") != case.due_at.isoformat():
            told = {"due_at": case.due_at.isoformat()}
        kind = ""
        if now >= case.due_at:
            last = told.get("reminded")
            if last is None or now - datetime.fromisoformat(last) >= self._deadlines.remind_every:
                kind, told["reminded"] = "overdue", now.isoformat()
        elif now >= case.due_at - self._deadlines.warn_before and "warned" not in told:
            kind, told["warned"] = "deadline_near", now.isoformat()
        if not kind:
            return 0
        case.detail = {**case.detail, "deadline": told}
        payload = {"platform": case.platform, "case": case.platform_case_id, "due_at": case.due_at.isoformat()}
        session.add(AlertRow(incident_id=case.incident_id, kind=kind, at=now, payload=payload))
        return 1


def overdue(session: Session, now: datetime, *, limit: int = 200) -> list[CaseRow]:
    """Open cases past their deadline, the longest overdue first."""
    query = select(CaseRow).where(due_by(now)).order_by(CaseRow.due_at).limit(limit)
    return list(session.scalars(query))


def pauses_of(case: CaseRow) -> list[Pause]:
    """When the case was suspended."""
    return [
        (datetime.fromisoformat(begin), datetime.fromisoformat(end) if end else None)
        for begin, end in case.detail.get("pauses", [])
    ]


def _wants_due() -> ColumnElement[bool]:
    return CaseRow.status.in_(RUNNING) & CaseRow.due_at.is_(None) & CaseRow.filed_at.is_not(None)


def due_by(until: datetime) -> ColumnElement[bool]:
    """Open cases whose deadline lies no later."""
    return CaseRow.status.in_(RUNNING) & (CaseRow.due_at <= until)


def _chunks(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
