"""What a platform is told of an incident, put together from the record when it is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from vision.cases.deadlines import Deadlines
from vision.cases.notices import notices_of
from vision.cases.platform import CaseChange, CaseDraft, ChangeKind, EvidenceFile, Offence
from vision.core.codes import Standard
from vision.core.delivery import Delivery
from vision.core.errors import NotThereError
from vision.core.findings import Subtype
from vision.core.incidents import DeliveryKind, IncidentStatus
from vision.storage.tables import CaseRow, EvidenceRow, IncidentRow

OVERRIDES = "case"
"""Key of an outbox payload whose values replace fields of the draft: an operator's corrections of a refused case."""
EDITABLE = frozenset({"subtype", "event_code", "event_name", "standard_ref", "description", "place", "district"}) | {
    "grid_id",
    "longitude",
    "latitude",
    "extra",
}
_DESCRIPTION_MOST = 4000  # characters, Open311 GeoReport v2


def case_draft(session: Session, delivery: Delivery, codes: Standard, deadlines: Deadlines) -> CaseDraft:
    """The case of a FILE row.

    Raises:
        NotThereError: its incident is not in the record.
    """
    incident = session.get(IncidentRow, delivery.incident_id)
    if incident is None:
        raise NotThereError(f"incident {delivery.incident_id} is not in the record")
    subtype, area = Subtype(incident.subtype), incident.area_class
    code, row, limit = codes.event(subtype), deadlines.condition(subtype, area), deadlines.limit(subtype, area)
    evidence = evidence_of(session, incident.id)
    draft = CaseDraft(
        reference=delivery.idempotency_key,
        incident_id=incident.id,
        type=incident.type,
        subtype=incident.subtype,
        standard_ref=incident.standard_ref or code.standard_ref,
        event_code=incident.event_code or code.code,
        event_name=code.name,
        description=incident.why_zh[:_DESCRIPTION_MOST],
        place=incident.place,
        district=incident.district,
        grid_id=incident.grid_id or "",
        shop_id=incident.shop_id or "",
        longitude=incident.longitude,
        latitude=incident.latitude,
        began_at=incident.began_at,
        seen_at=incident.last_seen_at,
        due_at=deadlines.due(subtype, delivery.created_at, area=area),
        camera_id=incident.camera_id,
        confidence=round(incident.confidence, 4),
        object_count=incident.object_count,
        reviewer=(incident.verdict_by or "") if incident.verdict == "confirm" else "",
        asked_at=delivery.created_at,
        evidence=evidence,
        notices=notices_of(session, incident.id, evidence),
        area_class=area,
        time_limit="" if limit is None else limit.words,
        filing_condition="" if row is None else row.filing,
        closing_condition="" if row is None else row.closing,
        department=incident.department,
        department_code=incident.department_code,
        offences=incident.offences,
        colour=incident.colour or "",
        previous=tuple(Offence(one["id"], datetime.fromisoformat(one["at"])) for one in incident.previous),
    )
    return _corrected(draft, delivery.payload.get(OVERRIDES, {}))


def withdrawn(session: Session, delivery: Delivery) -> bool:
    """Whether the incident ended while its case still waited to be filed: a false one, or one that went by itself."""
    incident = session.get(IncidentRow, delivery.incident_id)
    return incident is not None and IncidentStatus(incident.status).final


def case_change(session: Session, delivery: Delivery, now: datetime) -> tuple[str, CaseChange]:
    """The platform's case id, and what an UPDATE or CLOSE row tells it.

    Raises:
        NotThereError: the platform has no case of this incident.
    """
    case = session.scalars(
        select(CaseRow).where(CaseRow.incident_id == delivery.incident_id, CaseRow.platform == delivery.target)
    ).first()
    incident = session.get(IncidentRow, delivery.incident_id)
    if incident is None or case is None or case.platform_case_id is None:
        raise NotThereError(f"{delivery.target} has no case of incident {delivery.incident_id}")
    kind = _change_kind(delivery, incident)
    text = str(delivery.payload.get("text") or _CHANGE_WORDS[kind])
    return case.platform_case_id, CaseChange(
        reference=delivery.idempotency_key,
        kind=kind,
        text=text,
        at=now,
        closes=delivery.kind is DeliveryKind.CLOSE,
        evidence=evidence_of(session, incident.id, roles=("after", "after_annotated")),
    )


_EVIDENCE_OF = (
    select(EvidenceRow)
    .where(EvidenceRow.incident_id == bindparam("incident_id"))
    .order_by(EvidenceRow.captured_at, EvidenceRow.id)
)


def evidence_of(session: Session, incident_id: str, roles: Iterable[str] = ()) -> tuple[EvidenceFile, ...]:
    """The incident's files, oldest first; those of `roles` only, when any are named."""
    wanted = frozenset(roles)
    return tuple(
        EvidenceFile(row.id, row.role, row.media_type, row.sha256, row.size, row.captured_at, row.camera_id)
        for row in session.scalars(_EVIDENCE_OF, {"incident_id": incident_id})
        if not wanted or row.role in wanted
    )


_CHANGE_WORDS = {
    ChangeKind.NOTE: "视频监测:情况有更新",
    ChangeKind.STILL_THERE: "视频核实:问题仍然存在",
    ChangeKind.GONE: "视频核实:问题已消除",
    ChangeKind.WITHDRAWN: "人工复核:非违规情形,申请撤销",
}


def _change_kind(delivery: Delivery, incident: IncidentRow) -> ChangeKind:
    named = delivery.payload.get("change")
    if named in set(ChangeKind):
        return ChangeKind(named)
    if incident.status == IncidentStatus.REJECTED:
        return ChangeKind.WITHDRAWN
    if delivery.kind is DeliveryKind.CLOSE:
        return ChangeKind.GONE
    return ChangeKind.STILL_THERE if incident.status == IncidentStatus.REOPENED else ChangeKind.NOTE


def _corrected(draft: CaseDraft, overrides: Mapping[str, Any]) -> CaseDraft:
    known = {field.name for field in fields(draft)} & EDITABLE
    return replace(draft, **{name: value for name, value in overrides.items() if name in known})
