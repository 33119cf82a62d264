"""Where the platforms' cases stand: asked in turn, compared with what video says, never silently overwritten."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from vision.cases.pacing import Breaker, Bucket, Pacing
from vision.cases.platform import CasePlatform, CaseReport
from vision.cases.record import set_status
from vision.core.clock import Clock
from vision.core.errors import DeliveryError, RetryLater, StorageError
from vision.core.findings import Why
from vision.core.incidents import CaseStatus, IncidentStatus
from vision.storage.database import Database
from vision.storage.tables import AlertRow, CaseRow, IncidentRow

_log = structlog.get_logger()

Reported = Callable[[Session, str, str, CaseReport], None]
"""Told (session, incident id, platform, report) in the transaction that keeps a changed report."""
_OPEN = (CaseStatus.FILED, CaseStatus.DISPATCHED, CaseStatus.HANDLED, CaseStatus.SUSPENDED)
_AT_WORK = frozenset({CaseStatus.FILED, CaseStatus.DISPATCHED, CaseStatus.SUSPENDED})
_DONE = frozenset({CaseStatus.HANDLED, CaseStatus.CLOSED})
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Followed:
    """A platform that is asked; `every` between two looks at one case, None for one that only calls back."""

    platform: CasePlatform
    every: timedelta | None
    pacing: Pacing = field(default_factory=Pacing)


class CaseFollower:
    """Asks every platform about its open cases, the longest unasked first, within its pacing."""

    def __init__(self, database: Database, clock: Clock, platforms: Mapping[str, Followed], reported: Reported) -> None:
        self._database = database
        self._clock = clock
        self._platforms = {name: one for name, one in platforms.items() if one.every is not None}
        self._reported = reported
        self._buckets = {name: Bucket(one.pacing.rate_per_s, one.pacing.burst) for name, one in self._platforms.items()}
        self._breakers = {name: Breaker(one.pacing) for name, one in self._platforms.items()}

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                asked = self.run_once(stop)
            except StorageError as error:
                _log.error("cases_unreadable", words=str(error))
                asked = 0
            if asked == 0:
                self._clock.sleep(1.0, stop)

    def run_once(self, stop: threading.Event | None = None) -> int:
        """Ask about what is due; returns how many cases were asked about."""
        asked = 0
        for name, followed in self._platforms.items():
            for case_id, platform_case_id in self._due(name, followed):
                now_s = self._clock.monotonic_s()
                bucket, breaker = self._buckets[name], self._breakers[name]
                if (stop is not None and stop.is_set()) or not bucket.available(now_s) or breaker.allowance(now_s) == 0:
                    break
                bucket.take(1)
                breaker.began(now_s)
                self._ask(name, followed.platform, case_id, platform_case_id)
                asked += 1
        return asked

    def _due(self, name: str, followed: Followed) -> list[tuple[int, str]]:
        before = self._clock.now() - (followed.every or timedelta())
        query = (
            select(CaseRow.id, CaseRow.platform_case_id)
            .where(
                CaseRow.platform == name,
                CaseRow.platform_case_id.is_not(None),
                CaseRow.status.in_([status.value for status in _OPEN]),
                or_(CaseRow.polled_at.is_(None), CaseRow.polled_at <= before),
            )
            .order_by(CaseRow.polled_at, CaseRow.id)
            .limit(_BATCH)
        )
        with self._database.reading() as session:
            return [(case_id, str(number)) for case_id, number in session.execute(query)]

    def _ask(self, name: str, platform: CasePlatform, case_id: int, platform_case_id: str) -> None:
        breaker = self._breakers[name]
        now_s = self._clock.monotonic_s()
        problem = ""
        report: CaseReport | None = None
        try:
            report = platform.report(platform_case_id)
        except RetryLater as error:
            problem = str(error)
            breaker.failed(now_s)
            if error.after_s is not None:
                breaker.pause(now_s, error.after_s)
        except DeliveryError as error:
            problem = str(error)
            breaker.succeeded()
        else:
            breaker.succeeded()
        with self._database.transaction() as session:
            case = session.get_one(CaseRow, case_id)
            case.polled_at = self._clock.now()
            if report is not None:
                keep_report(session, case, report, self._clock.now(), self._reported)
            elif case.detail.get("problem") != problem:
                case.detail = {**case.detail, "problem": problem}
                _log.warning("case_not_followed", platform=name, case=platform_case_id, words=problem)


def keep_report(
    session: Session,
    case: CaseRow,
    report: CaseReport,
    now: datetime,
    reported: Reported,
    *,
    said_at: datetime | None = None,
) -> bool:
    """Keep what a platform said, tell the incident what changed, and show where we disagree.

    Args:
        session: the transaction.
        case: the row.
        report: what it said.
        now: wall time.
        reported: told of a changed status.
        said_at: the platform's own time of it; one older than the last is kept out.

    Returns:
        Whether its status changed.
    """
    last = case.detail.get("said_at")
    if said_at is not None and last is not None and said_at < datetime.fromisoformat(last):
        return False
    detail = {key: value for key, value in case.detail.items() if key != "problem"}
    if said_at is not None:
        detail["said_at"] = said_at.isoformat()
    if report.detail:
        detail["platform"] = dict(report.detail)
    if report.case_id != case.platform_case_id:  # a token became a number
        detail["earlier"] = [*detail.get("earlier", []), case.platform_case_id]
        case.platform_case_id = report.case_id
    case.platform_status = report.words[:80]
    changed = report.status is not None and report.status != case.status
    if changed and report.status is not None:
        case.reason = report.reason
        set_status(case, report.status, now)
        _log.info("case_moved", incident=case.incident_id, platform=case.platform, to=report.status.value)
    case.detail = detail
    session.flush()
    if changed:
        reported(session, case.incident_id, case.platform, report)
    _show_disagreement(session, case, now)
    return changed


def disagreement(incident: IncidentStatus, case: CaseStatus) -> Why | None:
    """How what video proved and what the platform says differ; None when they agree or video has not said yet."""
    if incident is IncidentStatus.CLOSED and case in _AT_WORK:
        return Why("视频核实已消除,平台仍在办理", "Video proved it gone; the platform still works on it")
    if incident is IncidentStatus.REOPENED and case in _DONE:
        return Why("平台称已处置,视频显示问题仍在", "The platform says it is put right; video still shows it")
    if incident is IncidentStatus.REJECTED and case not in {CaseStatus.WITHDRAWN, CaseStatus.CLOSED}:
        return Why("人工已驳回,平台案卷未撤销", "An operator rejected it; the platform's case stands")
    return None


def _show_disagreement(session: Session, case: CaseRow, now: datetime) -> None:
    incident = session.get(IncidentRow, case.incident_id)
    if incident is None:
        return
    why = disagreement(IncidentStatus(incident.status), CaseStatus(case.status))
    before = case.detail.get("disagrees")
    if why is None:
        if before is not None:
            case.detail = {key: value for key, value in case.detail.items() if key != "disagrees"}
        return
    if before is None or before["en"] != why.en:
        case.detail = {**case.detail, "disagrees": {"zh": why.zh, "en": why.en, "since": now.isoformat()}}
        payload = {"platform": case.platform, "case": case.platform_case_id, "zh": why.zh, "en": why.en}
        session.add(AlertRow(incident_id=incident.id, kind="disagrees", at=now, payload=payload))
