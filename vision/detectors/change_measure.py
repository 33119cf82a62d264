"""How different two pictures of one place are, pixel by pixel: by brightness, by structure, by gradient, by census."""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Measure = Callable[[Plane, Plane], Plane]
"""Grey (H, W) now and before, 0–255 -> (H, W) difference, 0 the same, about 1 another thing."""

_WINDOW_SIGMA_PX = 2.5
_STRUCTURE_NOISE = 60.0  # variance below which contrast is noise, grey levels squared
_GRADIENT_NOISE = 120.0
_CENSUS_STEP = 6.0  # grey levels
_FULL_BRIGHTNESS_DIFFERENCE = 40.0
_NEIGHBOURS = ((-2, -2), (-2, 0), (-2, 2), (0, -2), (0, 2), (2, -2), (2, 0), (2, 2))


def by_brightness(now: Plane, before: Plane) -> Plane:
    """Difference once the light of the whole view is taken out: what dual-background methods use."""
    gain = np.float32(np.median((now + 8) / (before + 8)))
    difference = np.asarray(np.abs(now - before * gain), np.float32)
    return _smooth(difference) / np.float32(_FULL_BRIGHTNESS_DIFFERENCE)


def by_structure(now: Plane, before: Plane) -> Plane:
    """One minus the contrast-structure term of SSIM (Wang et al., IEEE TIP 13(4), 2004, eq. 13 without luminance).

    A change of light scales both windows and leaves it near 0; something put on a plain ground or before another
    pattern drives it to 1.
    """
    a, b = now, before
    mean_a, mean_b = _smooth(a), _smooth(b)
    var_a, var_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    cov = _smooth(a * b) - mean_a * mean_b
    noise = np.float32(_STRUCTURE_NOISE)
    return np.asarray(1 - (2 * cov + noise) / (var_a + var_b + noise), np.float32)


def by_gradient(now: Plane, before: Plane) -> Plane:
    """One minus the normalised correlation of gradients: soft shadows and slow light have none."""
    ax, ay = _gradient(now)
    bx, by = _gradient(before)
    both, sum_of_squares = _smooth(ax * bx + ay * by), _smooth(ax * ax + ay * ay + bx * bx + by * by)
    noise = np.float32(_GRADIENT_NOISE)
    return np.asarray(1 - (2 * both + noise) / (sum_of_squares + noise), np.float32)


def by_census(now: Plane, before: Plane) -> Plane:
    """Share of census signs that differ (Zabih & Woodfill, ECCV 1994), with a dead band against noise."""
    a, b = (np.asarray(cv2.GaussianBlur(p, (0, 0), 1.0), np.float32) for p in (now, before))
    differs = np.zeros(a.shape, np.float32)
    for dy, dx in _NEIGHBOURS:
        differs += np.abs(_sign(a, dy, dx) - _sign(b, dy, dx)) / 2
    return _smooth(differs * np.float32(3.0 / len(_NEIGHBOURS)))


def structure(picture: Plane) -> Plane:
    """Strength of the picture's own edges, grey levels a pixel."""
    return np.asarray(cv2.magnitude(*_gradient(picture)), np.float32)


MEASURES: Mapping[str, Measure] = {
    "brightness": by_brightness,
    "structure": by_structure,
    "gradient": by_gradient,
    "census": by_census,
}


def _smooth(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), _WINDOW_SIGMA_PX), np.float32)


def _gradient(picture: Plane) -> tuple[Plane, Plane]:
    grey = cv2.GaussianBlur(picture, (0, 0), 1.0)
    x, y = cv2.Scharr(grey, cv2.CV_32F, 1, 0), cv2.Scharr(grey, cv2.CV_32F, 0, 1)
    return np.asarray(x / 16, np.float32), np.asarray(y / 16, np.float32)


def _sign(grey: Plane, dy: int, dx: int) -> Plane:
    difference = np.roll(grey, (dy, dx), axis=(0, 1)) - grey
    return np.asarray(np.where(np.abs(difference) < _CENSUS_STEP, 0, np.sign(difference)), np.float32)
