"""Looks written down by hand: boxes in 0–1 of a 1000 × 1000 picture."""

from datetime import datetime, timedelta

import numpy as np

from vision.core.detections import Detections
from vision.core.geometry import Box
from vision.core.scene import StaticObject
from vision.testing import EPOCH
from vision.tracking.static import StaticTracker

NAMES = ("person", "bicycle", "motorcycle", "car", "garbage", "chair")
SIZE = (1000, 1000)
BIKE: Box = (0.40, 0.40, 0.52, 0.50)

Sighting = tuple[str, Box, float]


def detections(*sightings: Sighting) -> Detections:
    return Detections(
        np.array([box for _, box, _ in sightings], np.float32).reshape(-1, 4) * 1000,
        np.array([score for _, _, score in sightings], np.float32),
        np.array([NAMES.index(name) for name, _, _ in sightings], np.int32),
        NAMES,
    )


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def look(tracker: StaticTracker, seconds: float, *sightings: Sighting) -> tuple[StaticObject, ...]:
    return tracker.update(at(seconds), detections(*sightings), SIZE)


def moved_by(box: Box, dx: float, dy: float = 0.0) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy
