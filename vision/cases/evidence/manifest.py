"""The manifest of an evidence package: everything that is known of an incident, and the hash of every file."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from vision import __version__
from vision.core.frames import TimeSource
from vision.storage.tables import CaseRow, EvidenceRow, IncidentRow, LogRow, WitnessRow

FORMAT = "streetward-evidence-1"
FIRST = "0" * 64
"""What the first manifest of a chain names as the one before."""
UNCERTAINTY_S: Mapping[str, float] = {
    # A camera that keeps NTP is right within a second; whether it does is for the centre to see to.
    TimeSource.CAMERA: 1.0,
    # Network, buffers and the wait for the next keyframe.
    TimeSource.ARRIVAL: 5.0,
    TimeSource.FILE: 3600.0,
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A manifest as it was hashed: `body` is its exact text."""

    seq: int
    previous: str
    sha256: str
    body: str

    @property
    def document(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


def seal(document: Mapping[str, Any], *, seq: int, previous: str, sealed_at: datetime) -> Sealed:
    """Chain a manifest to the one before: its hash covers that one's hash."""
    whole = {"format": FORMAT, "seq": seq, "previous": previous, "sealed_at": _time(sealed_at), **document}
    body = json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Sealed(seq, previous, hashlib.sha256(body.encode()).hexdigest(), body)


def describe(
    incident: IncidentRow,
    *,
    cases: Iterable[CaseRow],
    evidence: Iterable[EvidenceRow],
    log: Iterable[LogRow],
    witnesses: Iterable[WitnessRow],
) -> dict[str, Any]:
    """A manifest without its place in the chain."""
    return {
        "software": f"streetward {__version__}",
        "incident": {
            "id": incident.id,
            "type": incident.type,
            "subtype": incident.subtype,
            "status": incident.status,
            "standard_ref": incident.standard_ref,
            "event_code": incident.event_code,
            "began_at": _time(incident.began_at),
            "confirmed_at": _time(incident.confirmed_at),
            "last_seen_at": _time(incident.last_seen_at),
            "ended_at": _time(incident.ended_at),
            "object_count": incident.object_count,
            "confidence": incident.confidence,
            "offences": incident.offences,
            "colour": incident.colour,
            "previous": [one["id"] for one in incident.previous],
            "why": {"zh": incident.why_zh, "en": incident.why_en},
        },
        "place": {
            "place": incident.place,
            "district": incident.district,
            "grid_id": incident.grid_id,
            "shop_id": incident.shop_id,
            "area_class": incident.area_class,
            "department": incident.department,
            "department_code": incident.department_code,
            "camera_id": incident.camera_id,
            "view_id": incident.view_id,
            "zone_id": incident.zone_id,
            "longitude": incident.longitude,
            "latitude": incident.latitude,
            "crs": "WGS-84",
        },
        "review": {"verdict": incident.verdict, "reviewer": incident.verdict_by},
        "cases": [
            {
                "platform": case.platform,
                "case_id": case.platform_case_id,
                "status": case.status,
                "filed_at": _time(case.filed_at),
                "due_at": _time(case.due_at),
                "handled_at": _time(case.handled_at),
                "closed_at": _time(case.closed_at),
            }
            for case in cases
        ],
        "witnesses": [
            {
                "camera_id": w.camera_id,
                "view_id": w.view_id,
                "zone_id": w.zone_id,
                "first_seen_at": _time(w.first_seen_at),
            }
            for w in witnesses
        ],
        "files": [file_entry(row) for row in evidence],
        "log": [
            {
                "seq": step.seq,
                "from": step.from_status,
                "to": step.to_status,
                "cause": step.cause,
                "actor": step.actor,
                "scene_at": _time(step.scene_at),
                "wall_at": _time(step.wall_at),
                "zh": step.text_zh,
                "en": step.text_en,
            }
            for step in log
        ],
    }


def file_entry(row: EvidenceRow) -> dict[str, Any]:
    """One file: its name in the package, its hash, and when and by what it was made."""
    detail = row.detail
    return {
        "name": f"files/{row.role}-{row.sha256[:12]}{PurePosixPath(row.id).suffix}",
        "key": row.id,
        "role": row.role,
        "media_type": row.media_type,
        "sha256": row.sha256,
        "size": row.size,
        "camera_id": row.camera_id,
        "view_id": row.view_id,
        "captured_at": _time(row.captured_at),
        "time_source": row.time_source,
        "uncertainty_s": UNCERTAINTY_S.get(row.time_source),
        "received_at": _time(row.received_at),
        "model": detail.get("model", ""),
        "rules": detail.get("rules", ""),
        "finding": detail.get("finding", ""),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
