"""Which two-wheelers carry their rider, by the geometry of boxes alone."""

import numpy as np
from numpy.typing import NDArray

_OVER_SHARE = 0.5  # of the person's width lies over the bike
_LEAST_WIDTH = 0.2  # of the bike's width: whoever is thinner walks far behind it
_CENTRE_SHARE = 0.4  # the person's middle is this near to the bike's middle, in bike widths


def ridden(bikes: NDArray[np.floating], people: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) which of the (N, 4) xyxy bikes has one of the (M, 4) people in riding posture on it.

    A rider sits over the bike: the head is above it, the hips within its upper part, the feet on pedals or a
    footboard, so higher than the tyres. Somebody who stands before a parked bike reaches below it, somebody who
    stands behind it or beside it is off its middle, far taller than what shows of a rider, or, far
    away, too thin.
    """
    if not len(bikes) or not len(people):
        return np.zeros(len(bikes), np.bool_)
    b, p = np.asarray(bikes, np.float64)[:, None, :], np.asarray(people, np.float64)[None, :, :]
    bike_w, bike_h = b[..., 2] - b[..., 0], b[..., 3] - b[..., 1]
    person_w, person_h = p[..., 2] - p[..., 0], p[..., 3] - p[..., 1]
    across = np.minimum(b[..., 2], p[..., 2]) - np.maximum(b[..., 0], p[..., 0])
    over = across >= _OVER_SHARE * person_w
    middle = np.abs((p[..., 0] + p[..., 2]) - (b[..., 0] + b[..., 2])) / 2 <= _CENTRE_SHARE * np.maximum(
        bike_w, person_w
    )
    head_above = p[..., 1] < b[..., 1] - 0.1 * bike_h
    feet_on = (p[..., 3] > b[..., 1] + 0.35 * bike_h) & (p[..., 3] < b[..., 3] - 0.04 * bike_h)
    sits = person_h <= 2.2 * bike_h
    near = person_w >= _LEAST_WIDTH * bike_w
    rides: NDArray[np.bool_] = (over & middle & head_above & feet_on & sits & near).max(axis=1)
    return rides
