"""Scenes written down by hand for the rules."""

from datetime import timedelta

from vision.core.geometry import Box
from vision.core.registry import View, Zone, ZoneKind
from vision.core.scene import Scene, StaticObject
from vision.testing import EPOCH

AT = EPOCH + timedelta(seconds=600)
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
IN_LEFT: Box = (0.2, 0.4, 0.3, 0.5)
IN_RIGHT: Box = (0.7, 0.4, 0.8, 0.5)


def thing(
    name: str = "bicycle",
    box: Box = IN_LEFT,
    *,
    stood_s: float = 100.0,
    unseen_s: float = 0.0,
    still: bool = True,
    covered: bool = False,
    attended: float = 0.0,
    arrived: bool = True,
    score: float = 0.6,
    after_vehicle_s: float | None = None,
) -> StaticObject:
    return StaticObject(
        id=1,
        name=name,
        box=box,
        first_seen=AT - timedelta(seconds=stood_s),
        last_seen=AT - timedelta(seconds=unseen_s),
        looks=10,
        presence=0.9,
        attended=attended,
        score=score,
        still=still,
        covered=covered,
        arrived=arrived,
        after_vehicle_s=after_vehicle_s,
    )


def scene(*objects: StaticObject, **more: object) -> Scene:
    return Scene("gate", AT, objects=objects, **more)  # type: ignore[arg-type]


def view(*zones: Zone) -> View:
    return View(zones=zones)


def zone(kind: ZoneKind, polygon: tuple[tuple[float, float], ...] = LEFT, zone_id: str = "z", **more: object) -> Zone:
    return Zone(zone_id, kind, polygon, **more)  # type: ignore[arg-type]
