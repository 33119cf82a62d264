"""What the record keeps of a case: written in the transaction that settles its delivery."""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from vision.core.delivery import CaseReceipt, Delivery
from vision.core.incidents import CaseStatus, DeliveryKind
from vision.storage.tables import CaseRow

_OVER = frozenset({CaseStatus.RETURNED, CaseStatus.WITHDRAWN, CaseStatus.DEAD, CaseStatus.CLOSED})


_CASE_OF = select(CaseRow).where(
    CaseRow.incident_id == bindparam("incident_id"), CaseRow.platform == bindparam("platform")
)


def case_of(session: Session, incident_id: str, platform: str) -> CaseRow | None:
    return session.scalars(_CASE_OF, {"incident_id": incident_id, "platform": platform}).first()


def keep_receipt(session: Session, delivery: Delivery, receipt: CaseReceipt, now: datetime) -> None:
    """A platform took the row: its case stands in the record from this transaction on."""
    case = _case(session, delivery)
    if delivery.kind is DeliveryKind.FILE:
        if case.platform_case_id not in {None, receipt.platform_case_id}:
            case.detail = {**case.detail, "earlier": [*case.detail.get("earlier", []), case.platform_case_id]}
        case.platform_case_id = receipt.platform_case_id
        case.reason = ""
        case.filed_at = case.filed_at or now
        case.closed_at = None
    status = receipt.detail.get("status")
    if status is not None:
        set_status(case, CaseStatus(status), now)
    if receipt.platform_status:
        case.platform_status = receipt.platform_status[:80]


def keep_refusal(session: Session, delivery: Delivery, words: str) -> None:
    """A platform refused to make a case of it; one that it already has keeps its status."""
    if delivery.kind is not DeliveryKind.FILE:
        return
    case = _case(session, delivery)
    if case.platform_case_id is None or CaseStatus(case.status) in _OVER:
        case.status = CaseStatus.DEAD.value
        case.reason = words


def set_status(case: CaseRow, status: CaseStatus, now: datetime) -> None:
    if (status is CaseStatus.SUSPENDED) is not (case.status == CaseStatus.SUSPENDED):
        _pause(case, now, begins=status is CaseStatus.SUSPENDED)
    case.status = status.value
    if status is CaseStatus.HANDLED:
        case.handled_at = now
    if status is CaseStatus.CLOSED:
        case.closed_at = now


def _pause(case: CaseRow, now: datetime, *, begins: bool) -> None:
    """A suspended case's clock stands still: its deadline is counted anew once it goes on."""
    pauses = list(case.detail.get("pauses", []))
    if begins:
        pauses.append([now.isoformat(), None])
    elif pauses:
        pauses[-1] = [pauses[-1][0], now.isoformat()]
    case.detail = {**case.detail, "pauses": pauses}
    case.due_at = None


def _case(session: Session, delivery: Delivery) -> CaseRow:
    case = case_of(session, delivery.incident_id, delivery.target)
    if case is None:
        case = CaseRow(
            incident_id=delivery.incident_id,
            platform=delivery.target,
            status=CaseStatus.PENDING.value,
            platform_status="",
            reason="",
            detail={},
        )
        session.add(case)
    return case
