"""Signed messages by which a platform tells where a case stands: checked, taken once, in any order."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from vision.cases.fields import at_path
from vision.cases.follow import Reported, keep_report
from vision.cases.platform import CaseReport
from vision.cases.signing import TOLERANCE, SignatureError, verify
from vision.core.clock import Clock
from vision.core.incidents import CaseStatus
from vision.storage.database import Database
from vision.storage.tables import CallbackRow, CaseRow

_log = structlog.get_logger()
_REMEMBERED = timedelta(days=7)  # far longer than a signature is good for


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How one platform calls back; paths are dotted.

    Attributes:
        statuses: its status words and ours; without any, our own words are expected.
    """

    secret: str
    statuses: Mapping[str, CaseStatus] = field(default_factory=dict)
    event_id: str = "event_id"
    case_id: str = "case_id"
    status: str = "status"
    reason: str = "reason"
    at: str = "at"


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What to answer: an HTTP status and one sentence."""

    status: int
    words: str


class Callbacks:
    def __init__(
        self, database: Database, clock: Clock, platforms: Mapping[str, CallbackSettings], reported: Reported
    ) -> None:
        self._database = database
        self._clock = clock
        self._platforms = platforms
        self._reported = reported

    def take_callback(self, platform: str, headers: Mapping[str, str], body: bytes) -> CallbackAnswer:
        """Check one message and keep what it says.

        200 for one that was taken, or taken before; 401 for one that is not signed by the platform or too old; 404 for
        a platform that may not call back; 400 for one that cannot be read; 409 for a case that we do not know (yet):
        the platform should try again, since its call may have overtaken its own answer to us.

        Raises:
            StorageError: nothing was kept; answer 503 so that it comes again.
        """
        settings = self._platforms.get(platform)
        if settings is None:
            return CallbackAnswer(404, "no platform calls back here by this name")
        now = self._clock.now()
        try:
            signed_at = verify(settings.secret, headers, body, now, tolerance=TOLERANCE)
            message = json.loads(body)
        except SignatureError as error:
            _log.warning("callback_refused", platform=platform, words=str(error))
            return CallbackAnswer(401, str(error))
        except ValueError as error:
            return CallbackAnswer(400, f"not JSON: {error}")
        event_id = _text(message, settings.event_id)
        case_id = _text(message, settings.case_id)
        words = _text(message, settings.status)
        if not (event_id and case_id and words):
            return CallbackAnswer(400, f"needs {settings.event_id}, {settings.case_id} and {settings.status}")
        status = settings.statuses.get(words) if settings.statuses else _own(words)
        report = CaseReport(case_id, status, words, _text(message, settings.reason))
        with self._database.transaction() as session:
            return self._keep(session, platform, event_id, report, _time(message, settings.at) or signed_at)

    def _keep(
        self, session: Session, platform: str, event_id: str, report: CaseReport, said_at: datetime
    ) -> CallbackAnswer:
        now = self._clock.now()
        if session.get(CallbackRow, (platform, event_id)) is not None:
            return CallbackAnswer(200, "taken before")
        case = session.scalars(
            select(CaseRow)
            .where(CaseRow.platform == platform, CaseRow.platform_case_id == report.case_id)
            .with_for_update()
        ).first()
        if case is None:
            return CallbackAnswer(409, f"case {report.case_id} is not known here yet")
        session.add(CallbackRow(platform=platform, event_id=event_id, received_at=now))
        session.execute(delete(CallbackRow).where(CallbackRow.received_at < now - _REMEMBERED))
        changed = keep_report(session, case, report, now, self._reported, said_at=said_at)
        if report.status is None:
            return CallbackAnswer(200, f"kept, but status {report.words!r} is not mapped to one of ours")
        return CallbackAnswer(200, "taken" if changed else "nothing new")


def _text(message: Any, path: str) -> str:
    value = at_path(message, path)
    return value.strip() if isinstance(value, str) else "" if value is None else str(value)


def _time(message: Any, path: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(_text(message, path))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _own(words: str) -> CaseStatus | None:
    return CaseStatus(words) if words in set(CaseStatus) else None
