"""What a street does to a camera's pictures without anything being put down: SYNTHETIC, drawn over real footage."""

from collections.abc import Callable, Mapping
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.frames import Image
from vision.core.geometry import Box, Polygon

BEGIN_S = 150.0
LAMP_OFF_S = 420.0
_SHADOW = 0.55
_SHADOW_CREEPS = 0.10  # of the view's width in ten minutes
_LAMP = 0.9
_DUSK = 0.55
_RAMP_S = (60.0, 660.0)
_RAMP_TO = 0.4
_STREAKS = 220

Disturb = Callable[[Image, float, Polygon], Image]
"""A picture, the scene time in seconds and the ground that is watched -> the picture as it would look then."""


def undisturbed(picture: Image, _now_s: float, _ground: Polygon) -> Image:
    return picture


def shadow(picture: Image, now_s: float, ground: Polygon) -> Image:
    """A house's shadow falls across the ground, with a penumbra of a few pixels, and creeps on with the sun."""
    if now_s < BEGIN_S:
        return picture
    height, width = picture.shape[:2]
    corners = np.array(ground)
    middle = corners.mean(axis=0)[0] + _SHADOW_CREEPS * (now_s - BEGIN_S) / 600
    top = corners[:, 1].min() - 0.1
    edge = np.array([[-0.1, top], [middle - 0.12, top], [middle + 0.04, 1.1], [-0.1, 1.1]]) * (width, height)
    shade = np.zeros((height, width), np.float32)
    cv2.fillPoly(shade, [edge.astype(np.int32)], 1.0)
    soft = np.asarray(cv2.GaussianBlur(shade, (0, 0), 2.5 * width / 640), np.float32)
    return _lit(picture, 1 - (1 - _SHADOW) * soft[..., None])


def lamp(picture: Image, now_s: float, ground: Polygon) -> Image:
    """Dusk; a street lamp is switched on, and off again while things stand there."""
    light: NDArray[np.float32] = np.full((*picture.shape[:2], 1), _DUSK, np.float32)
    if BEGIN_S <= now_s < LAMP_OFF_S:
        height, width = picture.shape[:2]
        x, y = np.array(ground).mean(axis=0) * (width, height)
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        away = ((columns - x) / (0.3 * width)) ** 2 + ((rows - y) / (0.3 * height)) ** 2
        light = light + np.float32(_LAMP) / (1 + away[..., None])
    return _lit(picture, light * np.array([0.85, 0.97, 1.1], np.float32))


def rain(picture: Image, now_s: float, _ground: Polygon) -> Image:
    """Streaks elsewhere at every look, haze and a sensor's noise."""
    if now_s < BEGIN_S:
        return picture
    random, out = Random(int(now_s * 10)), picture.astype(np.float32) * 0.85 + 18
    height, width = picture.shape[:2]
    for _ in range(_STREAKS):
        x, y, long = random.randrange(width), random.randrange(height), random.uniform(0.02, 0.05) * height
        cv2.line(out, (x, y), (int(x + long * 0.15), int(y + long)), (195, 195, 190), 1, cv2.LINE_AA)
    noise = np.random.default_rng(int(now_s * 10)).normal(0, 4, picture.shape).astype(np.float32)
    return np.asarray((out + noise).clip(0, 255), np.uint8)


def daylight(picture: Image, now_s: float, _ground: Polygon) -> Image:
    """Ten minutes in which the light falls to two fifths, as before a thunderstorm or at nightfall."""
    begin_s, end_s = _RAMP_S
    gone = min(1.0, max(0.0, (now_s - begin_s) / (end_s - begin_s)))
    return _lit(picture, np.float32(1 - (1 - _RAMP_TO) * gone))


def somebody(picture: Image, box: Box) -> Image:
    """A person who stands there: a dark coat, a head, legs apart."""
    height, width = picture.shape[:2]
    x1, y1, x2, y2 = (round(v * s) for v, s in zip(box, (width, height, width, height), strict=True))
    tall, middle, out = y2 - y1, (x1 + x2) // 2, picture.copy()
    shoulders, hips = y1 + round(0.17 * tall), y1 + round(0.55 * tall)
    cv2.rectangle(out, (x1, shoulders), (x2, hips), (52, 44, 40), -1)
    cv2.rectangle(out, (x1 + 1, hips), (middle - 1, y2), (70, 52, 46), -1)
    cv2.rectangle(out, (middle + 1, hips), (x2 - 1, y2), (66, 50, 46), -1)
    cv2.circle(out, (middle, y1 + round(0.08 * tall)), max(1, round(0.075 * tall)), (110, 130, 170), -1)
    return np.asarray(out, np.uint8)


DISTURBANCES: Mapping[str, Disturb] = {
    "passers_by": undisturbed,
    "unnamed_passers_by": undisturbed,
    "shadow": shadow,
    "lamp": lamp,
    "rain": rain,
    "daylight": daylight,
}
"""By name. `passers_by` are the clip's own; `unnamed_passers_by` the same with nobody telling that they are people."""


def _lit(picture: Image, light: NDArray[np.float32] | np.float32) -> Image:
    return np.asarray((picture.astype(np.float32) * light).clip(0, 255), np.uint8)
