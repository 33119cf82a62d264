"""From changed pixels to things: connected regions, and what tells a thing from light, a gap or a thin line."""

from dataclasses import dataclass

import cv2
import numpy as np

from vision.core.geometry import Box
from vision.detectors.change_measure import Plane, structure
from vision.detectors.change_memory import Mask
from vision.detectors.change_settings import ChangeSettings


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One changed region of the working picture.

    Attributes:
        mask: (H, W) its convex hull.
        box: 0–1 of the view.
        area: share (0–1) of the view.
        added: edge strength now over edge strength before: above 1 something came, below 1 something left.
        fill: share of the hull that changed.
        score: how much it looks like a thing, 0–1.
    """

    mask: Mask
    box: Box
    area: float
    added: float
    fill: float
    score: float


def regions(changed: Mask, difference: Plane, now: Plane, before: Plane, settings: ChangeSettings) -> list[Region]:
    """Every connected region that is large, thick and compact enough to be a thing."""
    closed = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels = cv2.connectedComponents(closed)
    found = []
    for label in range(1, count):
        region = _region(labels == label, difference, now, before, settings)
        if region is not None:
            found.append(region)
    return found


def _region(mask: Mask, difference: Plane, now: Plane, before: Plane, settings: ChangeSettings) -> Region | None:
    height, width = mask.shape
    points = cv2.findNonZero(mask.astype(np.uint8))
    hull = cv2.convexHull(points)
    (_, (side_a, side_b), _) = cv2.minAreaRect(points)
    filled = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, 1).astype(np.bool_)
    area = filled.sum()
    if area < settings.least_area * mask.size or min(side_a, side_b) + 1 < settings.least_side_px:
        return None
    fill = float(mask.sum() / area)
    if fill < settings.least_fill:
        return None
    x, y, w, h = cv2.boundingRect(points)
    added = _edge_ratio(mask, now, before)
    score = min(1.0, float(difference[mask].mean())) * min(1.0, 0.5 + fill / 2)
    box = x / width, y / height, (x + w) / width, (y + h) / height
    return Region(filled, box, float(area / mask.size), added, fill, score)


def _edge_ratio(mask: Mask, now: Plane, before: Plane) -> float:
    return float((structure(now)[mask].mean() + 4) / (structure(before)[mask].mean() + 4))
