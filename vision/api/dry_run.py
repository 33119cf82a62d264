"""What a zone would have found: kept findings' objects judged again by where they stood and for how long."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from vision.core.findings import FindingObject
from vision.core.geometry import foot, iou, share_inside
from vision.core.registry import Zone
from vision.hub.keep import sightings
from vision.rules.ground import stands_in

_SAME_PLACE_IOU = 0.5
_INSIDE = 0.5
_DEFAULT_DWELL_S = 180.0


def tried(session: Session, view: tuple[str, str], zone: Zone, since: datetime, until: datetime) -> dict[str, Any]:
    """Objects of a (camera, view) whose foot or most of whose box lies in the zone.

    `kept` are those that stayed longer than its dwell; `looks` counts first and last looks of what stood there.
    """
    looks = sightings(session, *view, since=since, until=until)
    places: list[FindingObject] = []
    for look in reversed(looks):
        for thing in look.objects:
            if not any(thing.name == known.name and iou(thing.box, known.box) > _SAME_PLACE_IOU for known in places):
                places.append(thing)
    inside = [thing for thing in places if _stands_in(zone, thing) and thing.name not in zone.allowed]
    dwell_s = zone.dwell_s or _DEFAULT_DWELL_S
    return {
        "looks": len({look.at for look in looks}),
        "objects": [
            {
                "name": thing.name,
                "box": list(thing.box),
                "stayed_s": (thing.last_seen - thing.first_seen).total_seconds(),
                "kept": (thing.last_seen - thing.first_seen).total_seconds() >= dwell_s,
            }
            for thing in inside
        ],
    }


def _stands_in(zone: Zone, thing: FindingObject) -> bool:
    if zone.blocks:
        return stands_in(zone, thing.box)
    x, y = foot(thing.box)
    at_foot = (x - 0.001, y - 0.002, x + 0.001, y)
    return share_inside(zone.polygon, at_foot, grid=2) > 0 or share_inside(zone.polygon, thing.box) >= _INSIDE
