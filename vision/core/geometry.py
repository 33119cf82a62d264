"""Plane and ground geometry: polygons, boxes, homographies, distances on the earth."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in 0–1 of the view."""
Polygon = tuple[Point, ...]
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
_FOOT_SHARE = 0.35


def polygon_area(polygon: Sequence[Point]) -> float:
    """Area by the shoelace formula, in squared units of the points."""
    p = np.asarray(polygon, np.float64)
    x, y = p[:, 0], p[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def contains(polygon: Sequence[Point], points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the (N, 2) points lie inside the polygon: even-odd ray casting, edges half open."""
    p = np.asarray(polygon, np.float64)
    pts = np.asarray(points, np.float64).reshape(-1, 2)
    inside = np.zeros(len(pts), np.bool_)
    x1, y1 = p[:, 0], p[:, 1]
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    for ax, ay, bx, by in zip(x1, y1, x2, y2, strict=True):
        if ay == by:
            continue
        crosses = (ay > pts[:, 1]) != (by > pts[:, 1])
        at_x = (bx - ax) * (pts[:, 1] - ay) / (by - ay) + ax
        inside ^= crosses & (pts[:, 0] < at_x)
    return inside


def share_inside(polygon: Sequence[Point], box: Box, grid: int = 8) -> float:
    """Share (0–1) of the box that lies in the polygon, sampled on a grid of grid × grid cell centres."""
    x1, y1, x2, y2 = box
    xs = x1 + (np.arange(grid) + 0.5) / grid * (x2 - x1)
    ys = y1 + (np.arange(grid) + 0.5) / grid * (y2 - y1)
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    return float(contains(polygon, points).mean())


def foot(box: Box) -> Point:
    """Where a standing object touches the ground: the middle of the box's lower edge."""
    return (box[0] + box[2]) / 2, box[3]


def footprint(box: Box) -> Box:
    """The lower part of a box: what touches the ground, as seen from a mast."""
    x1, y1, x2, y2 = box
    return x1, y2 - _FOOT_SHARE * (y2 - y1), x2, y2


def iou_matrix(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, M) intersection over union of xyxy boxes (N, 4) and (M, 4)."""
    a64, b64 = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    low = np.maximum(a64[:, None, :2], b64[None, :, :2])
    high = np.minimum(a64[:, None, 2:], b64[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a = np.prod(a64[:, 2:] - a64[:, :2], axis=1)
    area_b = np.prod(b64[:, 2:] - b64[:, :2], axis=1)
    union = area_a[:, None] + area_b[None, :] - inter
    ratio: NDArray[np.float64] = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return ratio


def iou(a: Box, b: Box) -> float:
    return float(iou_matrix(np.array([a]), np.array([b]))[0, 0])


def haversine_m(a: Point, b: Point) -> float:
    """Great-circle distance in metres between two (longitude, latitude) points in degrees, WGS-84."""
    lon1, lat1, lon2, lat2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def centroid(polygon: Sequence[Point]) -> Point:
    """Mean of the corners: good enough for the small, nearly convex zones people draw."""
    p = np.asarray(polygon, np.float64)
    x, y = p.mean(axis=0)
    return float(x), float(y)


def homography(image: Sequence[Point], ground: Sequence[Point]) -> NDArray[np.float64]:
    """3×3 map from image to ground points by the direct linear transform (Hartley & Zisserman, 2nd ed., 4.1).

    Raises:
        ValueError: fewer than four pairs, or points on one line.
    """
    if len(image) < 4 or len(image) != len(ground):
        raise ValueError(f"a homography needs at least four pairs of points, got {len(image)} and {len(ground)}")
    src, dst = np.asarray(image, np.float64), np.asarray(ground, np.float64)
    t_src, t_dst = _normalising(src), _normalising(dst)
    s, d = apply_homography(t_src, src), apply_homography(t_dst, dst)
    rows = []
    for (x, y), (u, v) in zip(s, d, strict=True):
        rows.append([-x, -y, -1, 0, 0, 0, u * x, u * y, u])
        rows.append([0, 0, 0, -x, -y, -1, v * x, v * y, v])
    _, singular, vt = np.linalg.svd(np.asarray(rows))
    if singular[7] < 1e-9 * singular[0]:
        raise ValueError("the points of a homography should not lie on one line")
    h: NDArray[np.float64] = np.linalg.inv(t_dst) @ vt[-1].reshape(3, 3) @ t_src
    scaled: NDArray[np.float64] = h / h[2, 2]
    return scaled


def apply_homography(h: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map (N, 2) points."""
    pts = np.asarray(points, np.float64).reshape(-1, 2)
    mapped = np.column_stack([pts, np.ones(len(pts))]) @ h.T
    result: NDArray[np.float64] = mapped[:, :2] / mapped[:, 2:]
    return result


def _normalising(points: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = points.mean(axis=0)
    spread = float(np.sqrt(((points - mean) ** 2).sum(axis=1)).mean()) or 1.0
    s = math.sqrt(2) / spread
    return np.array([[s, 0, -s * mean[0]], [0, s, -s * mean[1]], [0, 0, 1.0]])
