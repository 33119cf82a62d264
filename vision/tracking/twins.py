"""Which sightings of one look are the same thing told twice."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vision.core.geometry import footprint, iou_matrix
from vision.tracking.place import Boxes
from vision.tracking.settings import family

BIKES = frozenset({"bicycle", "motorcycle"})
ONE_BIN = frozenset({"garbage_bin", "overflow"})
_FAMILY_IOU = 0.75  # neighbours in a dense row overlap less
_BIN_IOU = 0.55
_BIKE_IOU = 0.45
_BIKE_GROUND = 0.75
_PART = 0.85
_LEAST_PART = 0.1  # of the whole's area: what is smaller stands far behind it


def twins(boxes: Boxes, names: Sequence[str]) -> NDArray[np.bool_]:
    """(N, N) which of the (N, 4) boxes of classes `names` show one thing.

    Two classes of a family on one box; a bin told as full and as just a bin; and two bikes, of whatever class, that
    overlap and stand on the same ground: neighbours in a row overlap as much, but each on ground of its own.
    """
    overlap = iou_matrix(boxes, boxes)
    families = np.array([family(name) for name in names])
    same = (families[:, None] == families[None, :]) & (overlap > _FAMILY_IOU)
    bins = np.array([name in ONE_BIN for name in names], np.bool_)
    same |= bins[:, None] & bins[None, :] & (overlap >= _BIN_IOU)
    bikes = np.array([name in BIKES for name in names], np.bool_)
    if bikes.sum() > 1:
        feet = np.array([footprint((x1, y1, x2, y2)) for x1, y1, x2, y2 in boxes])
        one_bike = (share_of_smaller(feet) >= _BIKE_GROUND) & (
            (overlap >= _BIKE_IOU) | ((share_of_smaller(boxes) >= _PART) & (_size_ratio(boxes) >= _LEAST_PART))
        )
        same |= bikes[:, None] & bikes[None, :] & one_bike
    told_twice: NDArray[np.bool_] = same
    return told_twice


def distinct(boxes: Boxes, names: Sequence[str], score: NDArray[np.floating]) -> list[int]:
    """Rows of the (N, 4) boxes, strong first: one a thing, however often it was told. `score`: (N,)."""
    twin = twins(boxes, names)
    rows: list[int] = []
    for row in np.argsort(-score, kind="stable"):
        if not twin[row, rows].any():
            rows.append(int(row))
    return rows


def _size_ratio(boxes: Boxes) -> NDArray[np.float64]:
    """(N, N) area of the smaller of two boxes over that of the larger."""
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-12)
    ratio: NDArray[np.float64] = np.minimum(area[:, None], area) / np.maximum(area[:, None], area)
    return ratio


def share_of_smaller(boxes: Boxes) -> NDArray[np.float64]:
    """(N, N) share of the smaller of two boxes that the other covers."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-12)
    share: NDArray[np.float64] = inter / np.minimum(area[:, None], area[None, :])
    return share
