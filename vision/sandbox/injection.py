"""Synthetic incidents: real cut-outs pasted into real fixed-camera pictures at known times. Labelled as such.

No public footage shows most violations, so they are made: scale from the ground plane (how tall people are at each
height of the picture), a contact shadow, the picture's own brightness, sharpness and noise, and passers-by who walk
before the thing hide it. After "cut, paste and learn" (Dwibedi et al., ICCV 2017) and copy-paste augmentation
(Ghiasi et al., CVPR 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.errors import NotThereError
from vision.core.frames import Image
from vision.core.geometry import Box

PERSON_M = 1.68
HEIGHTS_M = {
    "bicycle": 1.05,
    "motorcycle": 1.1,
    "chair": 0.9,
    "table": 0.78,
    "umbrella": 2.2,
    "potted_plant": 0.9,
    "carton": 0.55,
    "garbage_bag": 0.6,
    "other": 0.7,
}
CUTOUTS_OF_TYPE = {
    "bike_misparked": ("bicycle", "motorcycle"),
    "garbage": ("garbage_bag",),
    "out_of_store": ("carton", "table", "chair", "umbrella", "potted_plant"),
}
LABEL = "SYNTHETIC"
_SHADOW = 0.45
_LEAST_PEOPLE = 6
_MOVED_LEVELS = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """A thing without its background: BGRA, cropped to what is not transparent."""

    name: str
    kind: str
    bgra: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class GroundPlane:
    """How tall a person appears at each height of the picture: `height = slope × (foot_y - horizon)`, all in 0–1."""

    slope: float
    horizon: float

    def height_of(self, metres: float, foot_y: float) -> float:
        """Height in 0–1 of something that tall standing at `foot_y`."""
        return max(0.0, self.slope * (foot_y - self.horizon)) * metres / PERSON_M


@dataclass(frozen=True, slots=True)
class Injection:
    """One thing put down at `foot` (0–1) from `start_s` to `end_s`."""

    cutout: Cutout
    foot: tuple[float, float]
    start_s: float
    end_s: float
    scale: float = 1.0
    mirrored: bool = False


def read_cutouts(folder: Path, kinds: Sequence[str], least_px: int = 60) -> list[Cutout]:
    """Every RGBA picture of `folder/KIND` at least that large.

    Raises:
        NotThereError: there is none.
    """
    found = []
    for kind in kinds:
        for file in sorted(f for f in (folder / kind).glob("*") if f.suffix in {".png", ".webp"}):
            picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            if picture is None or picture.ndim != 3 or picture.shape[2] != 4 or max(picture.shape[:2]) < least_px:
                continue
            rows, columns = np.nonzero(picture[..., 3] > 32)
            if len(rows):
                crop = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
                found.append(Cutout(file.stem, kind, np.asarray(crop, np.uint8)))
    if not found:
        raise NotThereError(f"no cut-outs of {', '.join(kinds)} in {folder}")
    return found


def ground_plane(people: Sequence[Box]) -> GroundPlane:
    """Fit the ground plane to where people stand; a usual mast camera's where too few were seen.

    A line through (foot, height) by medians of slopes (Theil–Sen), so that half-hidden people do no harm.
    """
    whole = [(box[3], box[3] - box[1]) for box in people if box[3] < 0.985 and box[1] > 0.01]
    if len(whole) >= _LEAST_PEOPLE:
        foot, height = np.array(whole).T
        i, j = np.triu_indices(len(foot), 1)
        apart = np.abs(foot[i] - foot[j]) > 0.04
        if apart.sum() >= _LEAST_PEOPLE:
            slope = float(np.median((height[i] - height[j])[apart] / (foot[i] - foot[j])[apart]))
            if 0.05 < slope < 2:
                return GroundPlane(slope, float(np.median(foot - height / slope)))
        middle = float(np.median(height / np.maximum(foot + 0.3, 0.1)))
        return GroundPlane(middle, -0.3)
    return GroundPlane(0.28, -0.1)


def background(pictures: Sequence[Image]) -> Image:
    """The street without passers-by: the median of pictures spread over a clip."""
    return np.asarray(np.median(np.stack(pictures), axis=0), np.uint8)


def box_of(injection: Injection, plane: GroundPlane, size: tuple[int, int]) -> Box:
    """Where the thing will be, 0–1."""
    width, height = size
    rows, columns = injection.cutout.bgra.shape[:2]
    tall = plane.height_of(HEIGHTS_M.get(injection.cutout.kind, 0.7) * injection.scale, injection.foot[1])
    wide = tall * height * columns / rows / width
    x, y = injection.foot
    return x - wide / 2, y - tall, x + wide / 2, y


def paste(picture: Image, injection: Injection, plane: GroundPlane, empty: Image, people: Sequence[Box]) -> Image:
    """The picture with the thing in it.

    Args:
        picture: (H, W, 3) uint8 BGR.
        injection: what and where.
        plane: gives its size.
        empty: the same street without passers-by.
        people: boxes in 0–1 of those who may walk before it.
    """
    height, width = picture.shape[:2]
    box = box_of(injection, plane, (width, height))
    x1, y1, x2, y2 = (round(v * s) for v, s in zip(box, (width, height, width, height), strict=True))
    if x2 - x1 < 3 or y2 - y1 < 3:
        return picture
    colour, alpha = _fitted(injection, picture, (x2 - x1, y2 - y1))
    canvas, cover = picture.astype(np.float32), np.zeros((height, width), np.float32)
    layer = np.zeros_like(canvas)
    left, top = max(0, x1), max(0, y1)
    right, bottom = min(width, x2), min(height, y2)
    if right <= left or bottom <= top:
        return picture
    cover[top:bottom, left:right] = alpha[top - y1 : bottom - y1, left - x1 : right - x1]
    layer[top:bottom, left:right] = colour[top - y1 : bottom - y1, left - x1 : right - x1]
    front = _in_front(picture, empty, people, injection.foot[1])
    shade = _contact_shadow((height, width), (x1, x2, y2)) * (1 - front)
    canvas *= 1 - _SHADOW * shade[..., None]
    weight = (cover * (1 - front))[..., None]
    return np.asarray((canvas * (1 - weight) + layer * weight).clip(0, 255), np.uint8)


def labelled(picture: Image) -> Image:
    """The picture with the word that it is not real, for every file that leaves this module."""
    out = picture.copy()
    scale = max(0.4, picture.shape[1] / 1600)
    cv2.putText(out, LABEL, (6, round(24 * scale) + 6), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 255), 1, cv2.LINE_AA)
    return out


def _fitted(
    injection: Injection, picture: Image, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The cut-out at its size, in the picture's light, sharpness and noise; (h, w, 3) colour and (h, w) cover."""
    bgra = injection.cutout.bgra[:, ::-1] if injection.mirrored else injection.cutout.bgra
    sized = cv2.resize(bgra, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = np.asarray(cv2.GaussianBlur(sized, (0, 0), 0.6), np.float32)
    alpha = small[..., 3] / 255
    colour = np.asarray(small[..., :3], np.float32)
    inside = alpha > 0.5
    if inside.any():
        own = float(colour[inside].mean())
        scene = float(picture.mean())
        target = own * float(np.clip(scene / 115, 0.35, 1.15))
        grey = np.asarray(colour[inside].mean(axis=0), np.float32)
        cast = np.clip(picture.reshape(-1, 3).mean(axis=0) / max(1.0, scene), 0.85, 1.15)
        gain = target / max(1.0, own)
        colour = np.asarray((colour - grey) * (0.9 * gain) + grey * gain * cast, np.float32)
    noise = np.random.default_rng(size[0]).normal(0, _noise_levels(picture), colour.shape)
    return np.asarray((colour + noise).clip(0, 255), np.float32), np.asarray(alpha, np.float32)


def _noise_levels(picture: Image) -> float:
    """Robust standard deviation of the picture's noise (Immerkær, CVIU 64(2), 1996, with a median)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(grey, -1, kernel))) / 0.6745 / 6)


def _contact_shadow(shape: tuple[int, int], feet: tuple[int, int, int]) -> NDArray[np.float32]:
    x1, x2, y = feet
    shade = np.zeros(shape, np.float32)
    wide = max(2, x2 - x1)
    cv2.ellipse(shade, ((x1 + x2) // 2, y - max(1, wide // 20)), (wide // 2, max(2, wide // 8)), 0, 0, 360, 1.0, -1)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), max(1.0, wide / 12)), np.float32)


def _in_front(picture: Image, empty: Image, people: Sequence[Box], foot_y: float) -> NDArray[np.float32]:
    """Where somebody stands nearer to the camera than the thing: feet lower, and not the empty street's colour."""
    height, width = picture.shape[:2]
    front = np.zeros((height, width), np.float32)
    moved = np.abs(picture.astype(np.float32) - empty).max(axis=2) > _MOVED_LEVELS
    for px1, py1, px2, py2 in people:
        if py2 <= foot_y:
            continue
        rows = slice(max(0, int(py1 * height)), int(np.ceil(py2 * height)))
        columns = slice(max(0, int(px1 * width)), int(np.ceil(px2 * width)))
        front[rows, columns] = np.maximum(front[rows, columns], moved[rows, columns])
    closed = cv2.morphologyEx(front, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), 0.8), np.float32)
