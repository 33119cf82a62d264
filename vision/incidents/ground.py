"""From a point of the picture to a place on the ground, with the error in metres."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.core.geometry import EARTH_RADIUS_M, Box, Point, apply_homography, foot, homography

_CLICK = 0.005  # of the view: how exactly people place a calibration point, and boxes touch the ground
_FARTHEST_M = 500.0  # beyond it the plane's horizon is near and the map means nothing


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something stands: (longitude, latitude) WGS-84, and the radius within which that is true."""

    position: Point
    error_m: float


@dataclass(frozen=True, slots=True)
class Plane:
    """Metres east and north of an origin: flat enough for a street (under 1 cm at 1 km from it)."""

    origin: Point

    def metres(self, position: Point) -> Point:
        east = math.radians(position[0] - self.origin[0]) * EARTH_RADIUS_M * math.cos(math.radians(self.origin[1]))
        return east, math.radians(position[1] - self.origin[1]) * EARTH_RADIUS_M

    def position(self, metres: Point) -> Point:
        per_degree = EARTH_RADIUS_M * math.pi / 180
        longitude = self.origin[0] + metres[0] / (per_degree * math.cos(math.radians(self.origin[1])))
        return longitude, self.origin[1] + metres[1] / per_degree


class GroundMap:
    """The homography of one view from pairs of (view point in 0–1, ground point), four or more.

    Its error at a point is the root of the squares of two parts: how badly the pairs fit (none with exactly four), and
    what a misplaced click of half a hundredth of the view means there, by the map's own derivative: centimetres in the
    foreground, many metres towards the horizon.
    """

    def __init__(self, pairs: Sequence[tuple[Point, Point]]) -> None:
        """Raises ValueError: fewer than four pairs, or points on one line."""
        self.plane = Plane(pairs[0][1])
        view = [point for point, _ in pairs]
        metres = [self.plane.metres(position) for _, position in pairs]
        matrix = homography(view, metres)
        self._h: list[float] = [float(value) for value in matrix.ravel()]
        fitted = apply_homography(matrix, np.asarray(view, np.float64))
        self.residual_m = float(np.sqrt(((fitted - np.asarray(metres)) ** 2).sum(axis=1).mean()))
        self._side = math.copysign(1.0, self._depth(view[0]))

    def metres(self, point: Point) -> Point | None:
        """Metres east and north of the plane's origin; None above the horizon or too far away to mean anything."""
        depth = self._depth(point)
        if depth * self._side <= 1e-9:
            return None
        h, (x, y) = self._h, point
        found = (h[0] * x + h[1] * y + h[2]) / depth, (h[3] * x + h[4] * y + h[5]) / depth
        return found if math.hypot(*found) <= _FARTHEST_M else None

    def spot(self, box: Box) -> Spot | None:
        """Where a box stands on the ground."""
        at = foot(box)
        metres = self.metres(at)
        if metres is None:
            return None
        return Spot(self.plane.position(metres), math.hypot(self.residual_m, self._stretch(at) * _CLICK))

    def _depth(self, point: Point) -> float:
        return self._h[6] * point[0] + self._h[7] * point[1] + self._h[8]

    def _stretch(self, point: Point) -> float:
        """Metres on the ground per view width at the point, in the direction where that is most."""
        x, y = point
        h = self._h
        depth = self._depth(point)
        u, v = (h[0] * x + h[1] * y + h[2]) / depth, (h[3] * x + h[4] * y + h[5]) / depth
        jacobian: NDArray[np.float64] = (
            np.array([[h[0] - u * h[6], h[1] - u * h[7]], [h[3] - v * h[6], h[4] - v * h[7]]]) / depth
        )
        return float(np.linalg.norm(jacobian, 2))
