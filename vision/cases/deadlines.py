"""Deadlines of cases: set from the code table's limits, warned of before, reminded of after."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from vision.cases.worktime import Calendar, Limit, Pause, Unit, due
from vision.core.clock import Clock
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

# One city's rows of its 立案、处置和结案标准; every city sets its own.
DEFAULT_LIMITS: Mapping[Subtype, Limit] = {
    Subtype.EXPOSED_GARBAGE: Limit(4, Unit.WORK_HOURS),
    Subtype.OVERFLOW: Limit(4, Unit.WORK_HOURS),
    Subtype.SPILL: Limit(4, Unit.WORK_HOURS),
    Subtype.HEAPED_MATERIAL: Limit(5, Unit.DAYS),
    Subtype.OUT_OF_STORE: Limit(2, Unit.URGENT_HOURS),
    Subtype.ROAD_OCCUPATION: Limit(2, Unit.URGENT_HOURS),
    Subtype.STREET_VENDOR: Limit(2, Unit.URGENT_HOURS),
    Subtype.BIKE_MISPARKED: Limit(2, Unit.WORK_HOURS),
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Limits and the calendar they are counted in.

    Attributes:
        warn_before: how long before its deadline an open case is warned of.
        remind_every: how often after it.
    """

    limits: Mapping[Subtype, Limit] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    calendar: Calendar = field(default_factory=Calendar)
    warn_before: timedelta = timedelta(minutes=30)
    remind_every: timedelta = timedelta(hours=4)

    def due(self, subtype: Subtype, filed_at: datetime, pauses: list[Pause] | None = None) -> datetime | None:
        limit = self.limits.get(subtype)
        return None if limit is None else due(filed_at, limit, self.calendar, pauses or ())


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
            case.due_at = self._deadlines.due(Subtype(incident.subtype), case.filed_at, pauses_of(case))

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
