"""`python -m benchmarks.tiling`: what tiles find on high views that the whole picture does not, and what they cost.

The truth is people and vehicles on four frames of three fixed-camera clips, judged by eye from the pooled answers of
every setting (so what no setting finds is not asked for). Boxes of things hard to judge are left out on both sides.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from benchmarks.harness import Result
from vision.core.detections import Detections
from vision.core.errors import NotThereError
from vision.core.frames import Image
from vision.core.geometry import Polygon, iou_matrix
from vision.core.ports import Detector
from vision.detectors.catalogue import CATALOGUE_FILE, open_detector
from vision.detectors.tiling import Tiling

Boxes = tuple[tuple[int, int, int, int], ...]
_PEOPLE = ("person",)
_VEHICLES = ("car", "truck", "bus")
_SAME_IOU = 0.4
_EVERYWHERE: Polygon = ((0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99))
_FAR: Polygon = ((0.01, 0.01), (0.99, 0.01), (0.99, 0.45), (0.01, 0.45))


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame: boxes in its pixels; `unsure` ones count neither way."""

    clip: str
    frame: int
    people: Boxes
    vehicles: Boxes
    unsure: Boxes = ()


FRAMES = (
    Judged(
        "campus_road_high_80s.mp4",
        150,
        (
            (388, 195, 416, 280),
            (588, 228, 625, 317),
            (658, 112, 678, 168),
            (636, 107, 657, 167),
            (713, 110, 728, 176),
            (74, 90, 88, 128),
            (434, 194, 461, 277),
            (445, 180, 475, 252),
        ),
        ((651, 45, 724, 100), (734, 53, 768, 92)),
    ),
    Judged(
        "campus_road_high_80s.mp4",
        500,
        ((306, 188, 331, 264), (570, 284, 614, 392), (615, 274, 640, 375), (557, 239, 592, 348), (762, 271, 768, 300)),
        ((652, 45, 724, 100), (734, 54, 768, 93)),
        ((743, 48, 768, 57),),
    ),
    Judged(
        "rooftop_wide_road_6s.mp4",
        60,
        ((650, 405, 665, 427), (685, 408, 694, 424)),
        (
            (252, 160, 329, 200),
            (356, 121, 446, 163),
            (913, 150, 960, 197),
            (186, 0, 227, 15),
            (500, 427, 737, 516),
            (57, 280, 272, 350),
        ),
        ((376, 496, 407, 524),),
    ),
    Judged(
        "shopping_street_1080p_4s.mp4",
        40,
        (
            (935, 168, 1003, 327),
            (447, 365, 531, 577),
            (1778, 189, 1854, 381),
            (1710, 436, 1823, 669),
            (1054, 284, 1116, 454),
            (1587, 41, 1652, 162),
            (1027, 129, 1115, 274),
            (756, 348, 831, 558),
            (840, 346, 923, 577),
            (45, 316, 125, 528),
            (990, 31, 1057, 174),
            (1518, 542, 1613, 763),
            (1399, 17, 1445, 140),
            (1152, 0, 1199, 73),
            (284, 357, 361, 534),
            (141, 329, 208, 550),
            (245, 326, 309, 528),
            (825, 73, 875, 201),
            (0, 319, 14, 435),
            (758, 148, 812, 236),
            (1747, 0, 1802, 38),
            (1480, 701, 1570, 870),
            (1077, 0, 1096, 38),
            (1787, 530, 1841, 683),
        ),
        (),
        ((1895, 850, 1920, 1080),),
    ),
)


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=Path, required=True, metavar="FOLDER", help="where the three clips lie")
    parser.add_argument("--model", default="", help="a name in the catalogue (its default without) or a model file")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE_FILE, metavar="FILE", help="a models.yaml")


def run(args: argparse.Namespace) -> list[Result]:
    frames = [(one, _frame(args.clips / one.clip, one.frame)) for one in FRAMES]
    detector = open_detector(args.model, catalogue_file=args.catalogue)
    settings: list[tuple[str, int, tuple[Polygon, ...]]] = [("whole", 1, ())]
    for parts in (2, 3) if not args.quick else (3,):
        settings += [(f"far_zone_{parts}x", parts, (_FAR,)), (f"all_{parts}x", parts, (_EVERYWHERE,))]
    results = []
    for name, parts, zones in settings:
        results += _row(name, detector, frames, parts, zones)
    detector.close()
    return results


def main(argv: list[str] | None = None) -> int:
    return harness.main("tiling", run, extend, argv)


def _row(
    name: str, detector: Detector, frames: Sequence[tuple[Judged, Image]], parts: int, zones: tuple[Polygon, ...]
) -> list[Result]:
    """Tiles whose side is the longer side of the picture divided by `parts`: shown `parts` times as large."""
    found = asked = wrong = passes = 0
    for judged, image in frames:
        height, width = image.shape[:2]
        tile_px = max(width, height) // parts
        tiling = Tiling.of(zones, width, height, tile_px=tile_px, object_px=tile_px // 3, limit=100)
        pictures = tiling.cut(image)
        passes += len(pictures)
        seen = tiling.merge(detector.detect(pictures))
        for names, truth in ((_PEOPLE, judged.people), (_VEHICLES, judged.vehicles)):
            hits, alarms = _compared(seen.of(*names), _array(truth), _array(judged.unsure))
            found, asked, wrong = found + hits, asked + len(truth), wrong + alarms
    return [
        Result(f"recall_{name}", found / asked, f"of {asked}"),
        Result(f"false_{name}", wrong / len(frames), "boxes/picture"),
        Result(f"passes_{name}", passes / len(frames), "network passes/picture"),
    ]


def _compared(seen: Detections, truth: NDArray[np.float64], unsure: NDArray[np.float64]) -> tuple[int, int]:
    """Truths found (each by one box), and boxes that are neither a truth nor unsure."""
    ious = iou_matrix(seen.xyxy, truth)
    free = np.ones(len(truth), np.bool_)
    wrong = 0
    for row in range(len(seen)):
        candidates = np.where(free, ious[row], 0.0)
        if len(truth) and candidates.max() >= _SAME_IOU:
            free[int(candidates.argmax())] = False
        elif not (iou_matrix(seen.xyxy[row : row + 1], unsure) >= _SAME_IOU / 2).any():
            wrong += 1
    return int((~free).sum()), wrong


def _array(boxes: Boxes) -> NDArray[np.float64]:
    return np.array(boxes, np.float64).reshape(-1, 4)


def _frame(clip: Path, index: int) -> Image:
    capture = cv2.VideoCapture(str(clip))
    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
    read, picture = capture.read()
    capture.release()
    if not read:
        raise NotThereError(f"{clip}: frame {index} cannot be read")
    return picture.astype(np.uint8, copy=False)


if __name__ == "__main__":
    raise SystemExit(main())
