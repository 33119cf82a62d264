"""Delivers FILE, UPDATE and CLOSE rows to the city's platforms, and asks before it files again."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from vision.cases.deadlines import Deadlines
from vision.cases.drafts import case_change, case_draft, withdrawn
from vision.cases.outbox import Moot
from vision.cases.platform import CaseChange, CasePlatform, CaseReport, Promise
from vision.core.clock import Clock
from vision.core.codes import Standard
from vision.core.delivery import CaseReceipt, Delivery
from vision.core.errors import NotThereError, Rejected, RetryLater, StorageError
from vision.core.incidents import CaseStatus, DeliveryKind
from vision.storage.database import Database

T = TypeVar("T")


class CaseHandler:
    """One handler for every platform; the row's target picks which.

    Args of the constructor:
        reconcile_after_s: after a lost answer, how long a platform may still be busy with our case before its list is
            taken as the truth.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        platforms: Mapping[str, CasePlatform],
        codes: Standard,
        *,
        deadlines: Deadlines | None = None,
        reconcile_after_s: float = 15.0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._platforms = platforms
        self._codes = codes
        self._deadlines = deadlines or Deadlines()
        self._reconcile_after_s = reconcile_after_s

    def deliver(self, delivery: Delivery) -> CaseReceipt:
        """Send one row; see core.delivery.DeliveryHandler."""
        platform = self._platforms.get(delivery.target)
        if platform is None:
            raise Rejected(f"there is no platform {delivery.target} in the configuration")
        try:
            if delivery.kind is DeliveryKind.FILE:
                return self._receipt(delivery, self._file(platform, delivery))
            case_id, change = self._change(delivery)
            report = self._sent(lambda: platform.change(case_id, change))
        except NotThereError as error:
            raise Rejected(str(error)) from error
        except StorageError as error:
            raise RetryLater(str(error), outcome_unknown=delivery.outcome_unknown) from error
        if report is None:
            report = CaseReport(case_id, None, "", detail={"told": False})
        return self._receipt(delivery, report)

    def _change(self, delivery: Delivery) -> tuple[str, CaseChange]:
        with self._database.reading() as session:
            try:
                return case_change(session, delivery, self._clock.now())
            except NotThereError as error:  # its filing was given up
                raise Moot(str(error)) from error

    def _file(self, platform: CasePlatform, delivery: Delivery) -> CaseReport:
        with self._database.reading() as session:
            if not delivery.outcome_unknown and withdrawn(session, delivery):
                raise Moot("it was settled before it was sent")
            draft = case_draft(session, delivery, self._codes, self._deadlines)
        if delivery.outcome_unknown and platform.promise is Promise.NONE:
            raise Rejected(
                "an earlier attempt may have been accepted and this platform cannot be asked: "
                "look there, then send again or give the number it has"
            )
        if delivery.outcome_unknown and platform.promise is Promise.FINDABLE:
            try:
                found = platform.find(draft)
            except RetryLater as error:
                raise RetryLater(str(error), after_s=error.after_s, outcome_unknown=True) from error
            if found is not None:
                return found
        return self._sent(lambda: platform.file(draft))

    def _sent(self, send: Callable[[], T]) -> T:
        try:
            return send()
        except RetryLater as error:
            if not error.outcome_unknown:
                raise
            after_s = max(self._reconcile_after_s, error.after_s or 0.0)
            raise RetryLater(str(error), after_s=after_s, outcome_unknown=True) from error

    def _receipt(self, delivery: Delivery, report: CaseReport) -> CaseReceipt:
        status = report.status or (CaseStatus.FILED if delivery.kind is DeliveryKind.FILE else None)
        detail = dict(report.detail) | ({"status": status.value} if status is not None else {})
        return CaseReceipt(delivery.target, report.case_id, report.words, detail)
