"""Where things stand: footprints, zones, masked areas."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vision.core.geometry import Box, apply_homography, footprint, haversine_m, homography, share_inside
from vision.core.registry import View, Zone, ZoneKind
from vision.core.scene import ChangeObject, Scene, StaticObject

_STANDS_SHARE = 0.5
_BLOCKS_SHARE = 0.15  # a tactile path is narrower than a bike is long
_MASKED_SHARE = 0.5
_EXPLAINED_SHARE = 0.4  # of a change that a known thing covers
_WITHIN_MORE = 0.3  # a known thing has to lie within a change by so much more


def stands_in(zone: Zone, box: Box) -> bool:
    """Half of its footprint is in the zone; where it would block a way, part of it is enough."""
    least = _BLOCKS_SHARE if zone.blocks else _STANDS_SHARE
    return share_inside(zone.polygon, footprint(box)) >= least


def lies_in(zone: Zone, box: Box) -> bool:
    """For flat things and heaps: most of it in the zone, or its foot."""
    return share_inside(zone.polygon, box) >= _STANDS_SHARE or stands_in(zone, box)


def stands_in_any(zones: Iterable[Zone], box: Box) -> bool:
    return any(stands_in(zone, box) for zone in zones)


def of_kind(zones: Iterable[Zone], *kinds: ZoneKind) -> tuple[Zone, ...]:
    return tuple(zone for zone in zones if zone.kind in kinds)


def of_shop(zone: Zone) -> bool:
    """Whether the ground is a shop's strip."""
    return zone.shop_id is not None or zone.kind is ZoneKind.SHOPFRONT


def masked(view: View, box: Box) -> bool:
    """Whether an ignored area hides the thing."""
    return any(share_inside(zone.polygon, box) >= _MASKED_SHARE for zone in of_kind(view.zones, ZoneKind.IGNORE))


def standing(view: View, scene: Scene, names: frozenset[str]) -> tuple[StaticObject, ...]:
    """The still, unmasked objects of some classes."""
    return tuple(o for o in scene.objects if o.still and o.name in names and not masked(view, o.box))


def unexplained(view: View, scene: Scene, known: Iterable[Box]) -> list[ChangeObject]:
    """The unmasked changes that neither a known thing nor somebody who passes at this look accounts for."""
    covers = [*known, *scene.people, *scene.vehicles]
    return [
        change
        for change in scene.changes
        if not masked(view, change.box) and not any(_accounts_for(box, change.box) for box in covers)
    ]


def _accounts_for(known: Box, change: Box) -> bool:
    """It covers a good part of the change, or is most of it within a change that has a shadow about it."""
    return max(overlap_share(change, known), overlap_share(known, change) - _WITHIN_MORE) >= _EXPLAINED_SHARE


def size_px(box: Box, scene: Scene) -> tuple[float, float]:
    """(width, height) of a box in pixels of the look."""
    return (box[2] - box[0]) * scene.size[0], (box[3] - box[1]) * scene.size[1]


def width_m(view: View, box: Box) -> float | None:
    """Width of a standing thing on the ground in metres; None without calibration."""
    if len(view.calibration) < 4:
        return None
    plane = homography([a for a, _ in view.calibration], [b for _, b in view.calibration])
    left, right = apply_homography(plane, _lower_corners(box))
    distance = haversine_m((float(left[0]), float(left[1])), (float(right[0]), float(right[1])))
    return distance if math.isfinite(distance) else None


def _lower_corners(box: Box) -> NDArray[np.float64]:
    return np.array([[box[0], box[3]], [box[2], box[3]]], np.float64)


def overlap_share(box: Box, other: Box) -> float:
    """Share (0–1) of `box` that `other` covers."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0
