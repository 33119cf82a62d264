"""What a zone looks like when it is clear, what it has looked like of late, and the camera's shake between the two."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detectors.change_measure import Plane
from vision.detectors.change_settings import ChangeSettings

Mask = NDArray[np.bool_]
_LIGHT_STEP = 8  # light differs over lengths so great that an eighth of the resolution tells it
_GAINS = (0.2, 5.0)
_BRIGHTEST = np.float32(1e6)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """One remembered look: the working picture and where no passer-by hid it."""

    at: datetime
    picture: Plane
    visible: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Lately:
    """The short memory summed up.

    Attributes:
        picture: (H, W) median of the visible looks.
        known: seen often enough to be judged.
        steady: and nothing moved there.
    """

    picture: Plane
    known: Mask
    steady: Mask


class ShortMemory:
    """The last few looks, at least `least_gap_s` apart."""

    def __init__(self, settings: ChangeSettings) -> None:
        self._settings = settings
        self.looks: deque[Past] = deque(maxlen=settings.memory_looks)

    def add(self, past: Past) -> None:
        if len(self.looks) > 1 and (past.at - self.looks[-2].at).total_seconds() < self._settings.least_gap_s:
            self.looks.pop()
        self.looks.append(past)

    def lately(self) -> Lately:
        pictures = np.stack([past.picture for past in self.looks])
        visible = np.stack([past.visible for past in self.looks])
        count = visible.sum(axis=0)
        ordered = np.sort(np.where(visible, pictures, _BRIGHTEST), axis=0)
        middle = np.maximum(count - 1, 0) // 2
        median = np.take_along_axis(ordered, middle[None].astype(np.intp), axis=0)[0]
        median = np.where(count > 0, median, pictures[-1])
        near = np.abs(pictures - median[None]) <= self._settings.steady_levels
        known = count >= self._settings.least_looks
        steady = known & ((near & visible).sum(axis=0) >= 0.6 * count)
        return Lately(np.asarray(median, np.float32), known, steady)


def in_light_of(picture: Plane, reference: Plane, known: Mask, reach_px: float) -> Plane:
    """The picture as it would look in the reference's light: local gain, averaged over `reach_px`, taken out.

    Args:
        picture: (H, W), 0–255.
        reference: the same size, the light wanted.
        known: where both show the same ground (no passer-by now, reference learnt).
        reach_px: light differs over lengths above this, things are smaller.
    """
    height, width = picture.shape
    coarse = max(1, width // _LIGHT_STEP), max(1, height // _LIGHT_STEP)
    weight = known.astype(np.float32)
    here, there, seen = (
        cv2.GaussianBlur(cv2.resize(p, coarse, interpolation=cv2.INTER_AREA), (0, 0), reach_px / _LIGHT_STEP)
        for p in (picture * weight, reference * weight, weight)
    )
    floor = 2 * seen + np.float32(0.05)
    gain = np.clip((there + floor) / (here + floor), *_GAINS)
    return np.asarray(picture * cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def shake(now: Plane, reference: Plane) -> tuple[float, float]:
    """(dx, dy) pixels by which the camera's picture moved against the reference, by phase correlation of edges.

    A guess only: a lorry that fills the view correlates too. The caller keeps it where it makes the pictures fit.
    """
    a, b = _edges(reference), _edges(now)
    window = cv2.createHanningWindow((a.shape[1], a.shape[0]), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(a, b, window)
    return float(dx), float(dy)


def moved_back(picture: Plane, dx: float, dy: float) -> Plane:
    if abs(dx) < 0.3 and abs(dy) < 0.3:
        return picture
    matrix = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _edges(picture: Plane) -> NDArray[np.float32]:
    x, y = cv2.Scharr(picture, cv2.CV_32F, 1, 0), cv2.Scharr(picture, cv2.CV_32F, 0, 1)
    return np.asarray(np.minimum(cv2.magnitude(x, y), 600), np.float32)
