"""What the statistics page shows, put together from the hub's tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.findings import ViolationType
from vision.core.incidents import IncidentStatus
from vision.hub.statistics import Item, Table
from vision.storage.tables import AnnouncementRow

_RANKED = {"zone": "zone", "camera": "camera_total", "grid": "grid", "shop": "shop", "district": "district"}
_MOST_RANKED = 50
_MOST_CELLS = 500
_CAMERA_FIGURES = ("camera", "type", "raised", "confirmed", "rejected", "precision", "false_alarms_per_camera_day")


def figures(made: Mapping[str, Table], speakers: Mapping[str, int]) -> dict[str, Any]:
    """`made`: what `hub.statistics.tables` and `hub.bays.bay_tables` gave; `speakers` what `speaker_effect` did."""
    (total,) = made["total"]
    by_type = {row["type"]: row for row in made["type"]}
    nothing = {name: 0 if isinstance(total[name], int) else None for name in total}
    return {
        "totals": [_without_share({**nothing, **by_type.get(kind, {}), "type": kind}) for kind in ViolationType],
        "trend": made["trend"],
        "hours": {kind.value: [row[kind.value] for row in made["hour"]] for kind in ViolationType},
        "ranking": {name: _ranking(made[table], name) for name, table in _RANKED.items()},
        "cameras": [{name: row[name] for name in _CAMERA_FIGURES} for row in made["camera"][:_MOST_RANKED]],
        "cells": made["cell"][:_MOST_CELLS],
        "bays": made["bay"][:_MOST_RANKED],
        "bay_hours": made["bay_hour"],
        "total": _without_share(total),
        "ai_share": total["ai_share"],
        "share": {name: total[name] for name in _SHARE},
        "speakers": dict(speakers),
    }


_SHARE = ("ai_filed", "by_hand_filed", "all_filed", "ai_share")


def _without_share(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _SHARE}


def _ranking(rows: Table, name: str) -> Table:
    parts = ("raised", "rejected", "filed")
    return [{"key": row[name], **{part: row[part] for part in parts}} for row in rows[:_MOST_RANKED]]


def speaker_effect(session: Session, since: datetime, until: datetime, found: Sequence[Item]) -> dict[str, int]:
    """Uses of loudspeakers in [since, until), and how many of the incidents spoken to went away without a case."""
    made = session.execute(
        select(AnnouncementRow.incident_id, AnnouncementRow.outcome).where(
            AnnouncementRow.at >= since, AnnouncementRow.at < until
        )
    ).all()
    spoken_to = {incident_id for incident_id, outcome in made if outcome == "spoken" and incident_id}
    return {
        "spoken": sum(outcome == "spoken" for _id, outcome in made),
        "silent": sum(outcome == "silent" for _id, outcome in made),
        "rectified_after": sum(item.id in spoken_to and item.status == IncidentStatus.RECTIFIED for item in found),
    }
