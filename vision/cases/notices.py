"""The electronic notices that went out before a case was filed, as its platform is told of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from vision.cases.platform import EvidenceFile, Notice
from vision.storage.tables import LogRow

_NOTIFIED = (
    select(LogRow)
    .where(LogRow.incident_id == bindparam("incident_id"), LogRow.cause == "notified")
    .order_by(LogRow.seq)
)
_PICTURE = "annotated"


def notices_of(session: Session, incident_id: str, evidence: Sequence[EvidenceFile]) -> tuple[Notice, ...]:
    """Read from the incident's log, which nobody changes; `evidence` oldest first."""
    rows = session.scalars(_NOTIFIED, {"incident_id": incident_id})
    return tuple(_notice(row, evidence) for row in rows if row.detail.get("notice"))


def _notice(row: LogRow, evidence: Sequence[EvidenceFile]) -> Notice:
    told = row.detail["notice"]
    party = told.get("party", {})
    notified_at = datetime.fromisoformat(told["notified_at"])
    due_at = datetime.fromisoformat(told["due_at"]) if told.get("due_at") else None
    pictures = [file for file in evidence if file.role == _PICTURE]
    return Notice(
        notified_at=notified_at,
        due_at=due_at,
        party_kind=str(party.get("kind", "")),
        party=str(party.get("name", "")),
        to=str(told.get("to", "")),
        how=str(told.get("how", "")),
        via=str(told.get("via", "")),
        text=str(told.get("text", "")),
        before=_newest([file for file in pictures if file.captured_at <= notified_at]),
        after=_newest([file for file in pictures if file.captured_at > notified_at]),
    )


def _newest(files: Sequence[EvidenceFile]) -> str:
    return files[-1].sha256 if files else ""
