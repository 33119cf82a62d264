"""What is done to a training photograph beyond Ultralytics' own: cut-outs pasted, nights, wide frames."""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from ultralytics.data.augment import BaseTransform
from ultralytics.utils.instance import Instances

from vision.training.dataset import DatasetError
from vision.training.recipe import Augment

_TRIES = 12
_SHORTEST_PX = 20
_SHORTEST_STREET_PX = 7
_NARROWEST = 0.3
_COARSEST = 3.0
_COARSE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Cutout:
    """An object cut out of a photograph: colour (H, W, 3) uint8 BGR, alpha (H, W) uint8; class_id None: unlabelled.

    `far`: it may be as small as far things are, and be seen from a slant, which narrows what is as flat as a bicycle.
    """

    colour: NDArray[Any]
    alpha: NDArray[Any]
    class_id: int | None
    far: bool = False

    def slanted(self) -> "Cutout":
        """Return it narrowed by chance."""
        width = max(round(self.alpha.shape[1] * random.uniform(_NARROWEST, 1.0)), 2)
        size = (width, self.alpha.shape[0])
        colour, alpha = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (self.colour, self.alpha))
        return Cutout(colour, alpha, self.class_id, self.far)

    def coarse(self, to: tuple[int, int]) -> "Cutout":
        """Return it as large as asked (W, H), by chance from fewer pixels, as a close look enlarges them."""
        width, height = to
        times = random.uniform(1.0, _COARSEST) if random.random() < _COARSE_SHARE else 1.0
        few = max(round(width / times), 2), max(round(height / times), 2)
        smaller = cv2.INTER_AREA if few[0] < self.alpha.shape[1] else cv2.INTER_LINEAR
        made = [cv2.resize(one, few, interpolation=smaller) for one in (self.colour, self.alpha)]
        if times > 1.0:
            made = [cv2.resize(one, to, interpolation=cv2.INTER_LINEAR) for one in made]
        return Cutout(made[0], made[1], self.class_id, self.far)


def read_cutouts(
    folder: Path, kind: str, class_id: int | None, *, far: bool = False, half: bool = False
) -> list[Cutout]:
    """Read the RGBA cut-outs of one kind; with `half` only those of photographs from which none is held out.

    Of a kind's files in the order of their names every second one is held out, as in `benchmarks/inject.py`. A name
    is KIND_PHOTOGRAPH_NUMBER.

    Raises:
        DatasetError: there are none, or one is not RGBA.
    """
    found = sorted((folder / kind).glob("*.*"))
    if half:
        held_out = {_photograph(path) for path in found[1::2]}
        found = [path for path in found[::2] if _photograph(path) not in held_out]
    if not found:
        raise DatasetError(f"{folder / kind}: should hold cut-outs of {kind}, holds none")
    cutouts = []
    for path in found:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or image.ndim != 3 or image.shape[2] != 4:
            raise DatasetError(f"{path}: should be a cut-out with a transparent ground (RGBA)")
        cutouts.append(Cutout(np.ascontiguousarray(image[..., :3]), np.ascontiguousarray(image[..., 3]), class_id, far))
    return cutouts


def _photograph(cutout: Path) -> str:
    """KIND_PHOTOGRAPH of KIND_PHOTOGRAPH_NUMBER; the whole name where it has no such parts."""
    stem = cutout.stem
    return stem.rpartition("_")[0] if stem.count("_") > 1 else stem


@dataclass(frozen=True, slots=True)
class Cutouts:
    """What there is to paste: labelled as the data set's classes, as COCO's, and not labelled."""

    labelled: list[Cutout]
    street: list[Cutout]
    distractors: list[Cutout]


class PasteCutouts(BaseTransform):  # type: ignore[misc]  # ultralytics is untyped
    """Paste cut-outs: `labelled` with chance `paste`, `street` with `paste_street`, unlabelled with `distract`.

    Simple copy-paste (Ghiasi et al., CVPR 2021) without blending beyond the cut-out's own alpha: size,
    brightness and mirror vary, larger ones stand lower as on a street, a soft shadow lies under each, and
    boxes already there stay visible.
    """

    def __init__(self, cutouts: "Cutouts", chances: Augment) -> None:
        super().__init__()
        self._cutouts = cutouts
        self._chances = chances

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Return the labels with image and instances changed; coordinates are pixels, xyxy."""
        there, chances = self._cutouts, self._chances
        chosen: list[Cutout] = []
        if there.labelled and random.random() < chances.paste:
            chosen += random.choices(there.labelled, k=random.choice((1, 1, 1, 2)))
        if there.street and random.random() < chances.paste_street:
            chosen += random.choices(there.street, k=random.choice((1, 2, 3)))
        if there.distractors and random.random() < chances.distract:
            chosen += random.choices(there.distractors, k=random.choice((1, 1, 2)))
        if not chosen:
            return labels
        image = np.ascontiguousarray(labels["img"])
        height, width = image.shape[:2]
        instances = labels["instances"]
        instances.convert_bbox("xyxy")
        instances.denormalize(width, height)
        taken = [box.copy() for box in instances.bboxes]
        boxes, classes = [], []
        for cutout in chosen:
            box = _paste_one(image, cutout, taken)
            if box is None:
                continue
            taken.append(box)
            if cutout.class_id is not None:
                boxes.append(box)
                classes.append([cutout.class_id])
        labels["img"] = image
        if boxes:
            added = Instances(
                np.asarray(boxes, np.float32),
                np.zeros((len(boxes), *instances.segments.shape[1:]), np.float32),
                bbox_format="xyxy",
                normalized=False,
            )
            labels["instances"] = Instances.concatenate([instances, added], axis=0)
            labels["cls"] = np.concatenate([labels["cls"], np.asarray(classes, labels["cls"].dtype)])
        return labels


class Night(BaseTransform):  # type: ignore[misc]  # ultralytics is untyped
    """Turn a photograph into a night one: a dark gamma, less colour, a lamp's pool of light, sensor noise."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self._p = p

    def __call__(self, labels: dict[str, Any]) -> dict[str, Any]:
        """Return the labels with the image darkened, with the chance given."""
        if random.random() >= self._p:
            return labels
        image = labels["img"]
        height, width = image.shape[:2]
        table = (255.0 * (np.arange(256) / 255.0) ** random.uniform(1.2, 2.2)).astype(np.uint8)
        dark = cv2.LUT(image, table).astype(np.float32)
        grey = dark.mean(axis=2, keepdims=True)
        keep = random.uniform(0.3, 0.9)
        dark = dark * keep + grey * (1.0 - keep)
        if random.random() < 0.5:
            y, x = np.ogrid[:height, :width]
            centre_x, centre_y = random.uniform(0, width), random.uniform(0, height)
            spread = random.uniform(0.3, 0.8) * max(height, width)
            pool = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * spread**2)).astype(np.float32)
            dark *= (0.35 + 0.9 * pool)[..., None]
        generator = np.random.default_rng(random.randrange(2**32))
        noise = generator.standard_normal((height // 2 + 1, width // 2 + 1), np.float32)
        dark += cv2.resize(noise, (width, height))[..., None] * random.uniform(2.0, 7.0)
        labels["img"] = np.clip(dark, 0, 255).astype(np.uint8)
        return labels


def _paste_one(image: NDArray[Any], cutout: Cutout, taken: list[NDArray[Any]]) -> NDArray[Any] | None:
    """Paste into `image` in place; return the box xyxy, or None where no free place was found."""
    height, width = image.shape[:2]
    least, most, shortest = (0.025, 0.22, _SHORTEST_STREET_PX) if cutout.far else (0.04, 0.30, _SHORTEST_PX)
    if cutout.far:
        cutout = cutout.slanted()
    longest = max(cutout.alpha.shape)
    for _ in range(_TRIES):
        # A person's eye for a street: what stands lower in the picture is nearer, so larger.
        depth = random.random() ** 0.7
        size = (least + most * depth * random.uniform(0.5, 1.3)) * min(height, width)
        scale = min(size / longest, 2.0)
        w, h = round(cutout.alpha.shape[1] * scale), round(cutout.alpha.shape[0] * scale)
        if min(w, h) < shortest or w >= width or h >= height:
            continue
        left = random.randint(0, width - w)
        bottom = int(height * (0.35 + 0.65 * depth * random.uniform(0.8, 1.0)))
        top = min(max(bottom - h, 0), height - h)
        box = np.asarray([left, top, left + w, top + h], np.float32)
        if all(_covered(box, other) < 0.15 and _covered(other, box) < 0.15 for other in taken):
            _blend(image, cutout, box)
            return box
    return None


def _covered(by: NDArray[Any], box: NDArray[Any]) -> float:
    """Return the share of `box` that lies under `by`."""
    w = min(by[2], box[2]) - max(by[0], box[0])
    h = min(by[3], box[3]) - max(by[1], box[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return float(max(w, 0) * max(h, 0) / max(area, 1e-6))


def _blend(image: NDArray[Any], cutout: Cutout, box: NDArray[np.float32]) -> None:
    left, top, w, h = int(box[0]), int(box[1]), int(box[2] - box[0]), int(box[3] - box[1])
    shown = cutout.coarse((w, h))
    colour, alpha = shown.colour.astype(np.float32), shown.alpha.astype(np.float32)[..., None] / 255.0
    if random.random() < 0.5:
        colour, alpha = colour[:, ::-1], alpha[:, ::-1]
    _shade(image, left, top, w, h)
    place = image[top : top + h, left : left + w]
    # Half of the way to the place's own brightness: a black bag stays black, at night it is darker.
    light = (place.mean() / 128.0) ** 0.5 * random.uniform(0.75, 1.2)
    colour = np.clip(colour * light + random.uniform(-10, 10), 0, 255)
    if random.random() < 0.5:
        colour = cv2.GaussianBlur(colour, (3, 3), 0)
    place[:] = (colour * alpha + place * (1.0 - alpha)).astype(np.uint8)


def _shade(image: NDArray[Any], left: int, top: int, w: int, h: int) -> None:
    """Darken a soft ellipse where the object meets the ground."""
    height, width = image.shape[:2]
    tall = max(h // 6, 3)
    y0, y1 = max(top + h - tall, 0), min(top + h + tall // 2, height)
    x0, x1 = max(left - w // 12, 0), min(left + w + w // 12, width)
    if y1 - y0 < 2 or x1 - x0 < 2:
        return
    y = np.linspace(-1, 1, y1 - y0, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, x1 - x0, dtype=np.float32)[None, :]
    shadow = random.uniform(0.2, 0.6) * np.clip(1.0 - (x**2 + y**2), 0, 1)
    part = image[y0:y1, x0:x1]
    part[:] = (part * (1.0 - shadow[..., None])).astype(np.uint8)
