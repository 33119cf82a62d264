"""Seals an incident's evidence when its case is filed and when it ends, each manifest chained to the one before."""

import threading

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from vision.cases.evidence.manifest import FIRST, Sealed, describe, seal
from vision.core.clock import Clock
from vision.core.errors import NotThereError, StorageError
from vision.core.incidents import IncidentStatus
from vision.storage.database import Database
from vision.storage.tables import CaseRow, EvidenceRow, IncidentRow, LogRow, ManifestRow, WitnessRow

_log = structlog.get_logger()
_ONE_CHAIN = 7_130_311  # advisory lock (PostgreSQL): the chain grows by one at a time
_STAGES = ((IncidentStatus.FILED,), (IncidentStatus.CLOSED, IncidentStatus.REJECTED, IncidentStatus.RECTIFIED))
_EVERY_S = 10.0
_BATCH = 100


class Sealer:
    """Keeps the chain of manifests."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.run_once()
            except StorageError as error:
                _log.error("evidence_not_sealed", words=str(error))
            self._clock.sleep(_EVERY_S, stop)

    def run_once(self) -> int:
        """Seal what was filed or ended since the last time; returns how many."""
        with self._database.reading() as session:
            ids = _unsealed(session)
        for incident_id in ids:
            self.seal(incident_id)
        return len(ids)

    def seal(self, incident_id: str) -> Sealed:
        """The incident's manifest as things stand; the last one again when nothing changed since.

        Raises:
            NotThereError: there is no such incident.
            StorageError: the record cannot be written.
        """
        with self._database.transaction() as session:
            if not self._database.is_sqlite:
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_CHAIN})
            incident = session.get(IncidentRow, incident_id)
            if incident is None:
                raise NotThereError(f"there is no incident {incident_id}")
            last = latest(session, incident_id)
            document = _describe(session, incident)
            if last is not None and _same(last, document):
                _mark(session, last, incident.version)
                return last
            head = session.execute(
                select(ManifestRow.seq, ManifestRow.sha256).order_by(ManifestRow.seq.desc()).limit(1)
            ).first()
            seq, previous = (1, FIRST) if head is None else (head.seq + 1, head.sha256)
            now = self._clock.now()
            sealed = seal(document, seq=seq, previous=previous, sealed_at=now)
            session.add(
                ManifestRow(
                    seq=seq,
                    incident_id=incident_id,
                    incident_version=incident.version,
                    sha256=sealed.sha256,
                    previous=previous,
                    body=sealed.body,
                    sealed_at=now,
                )
            )
        _log.info("evidence_sealed", incident=incident_id, seq=seq, sha256=sealed.sha256)
        return sealed


def latest(session: Session, incident_id: str) -> Sealed | None:
    """The incident's newest manifest."""
    row = session.scalars(
        select(ManifestRow).where(ManifestRow.incident_id == incident_id).order_by(ManifestRow.seq.desc()).limit(1)
    ).first()
    return None if row is None else Sealed(row.seq, row.previous, row.sha256, row.body)


def chain(session: Session, *, after: int = 0, until: int | None = None) -> list[Sealed]:
    """Manifests by number."""
    query = select(ManifestRow).where(ManifestRow.seq > after).order_by(ManifestRow.seq)
    if until is not None:
        query = query.where(ManifestRow.seq <= until)
    return [Sealed(row.seq, row.previous, row.sha256, row.body) for row in session.scalars(query)]


def _describe(session: Session, incident: IncidentRow) -> dict[str, object]:
    mine = incident.id
    return describe(
        incident,
        cases=session.scalars(select(CaseRow).where(CaseRow.incident_id == mine).order_by(CaseRow.platform)),
        evidence=session.scalars(
            select(EvidenceRow).where(EvidenceRow.incident_id == mine).order_by(EvidenceRow.captured_at, EvidenceRow.id)
        ),
        log=session.scalars(select(LogRow).where(LogRow.incident_id == mine).order_by(LogRow.seq)),
        witnesses=session.scalars(
            select(WitnessRow)
            .where(WitnessRow.incident_id == mine)
            .order_by(WitnessRow.camera_id, WitnessRow.view_id, WitnessRow.zone_id)
        ),
    )


def _same(last: Sealed, document: dict[str, object]) -> bool:
    kept = last.document
    return all(kept.get(key) == value for key, value in document.items())


def _mark(session: Session, last: Sealed, version: int) -> None:
    row = session.get_one(ManifestRow, last.seq)
    row.incident_version = version


def _unsealed(session: Session) -> list[str]:
    """Incidents with a case that were filed and never sealed, or ended and changed since they were sealed."""
    newest = (
        select(ManifestRow.incident_id, func.max(ManifestRow.incident_version).label("version"))
        .group_by(ManifestRow.incident_id)
        .subquery()
    )
    filed, ended = ([status.value for status in stage] for stage in _STAGES)
    query = (
        select(IncidentRow.id)
        .join(CaseRow, CaseRow.incident_id == IncidentRow.id)
        .outerjoin(newest, newest.c.incident_id == IncidentRow.id)
        .where(
            (IncidentRow.status.in_(filed) & newest.c.version.is_(None))
            | (IncidentRow.status.in_(ended) & (newest.c.version.is_(None) | (newest.c.version < IncidentRow.version)))
        )
        .distinct()
        .limit(_BATCH)
    )
    return list(session.scalars(query))
