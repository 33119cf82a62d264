"""Mean average precision of a predictor over a split, as Ultralytics and COCO count it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.utils.metrics import ap_per_class, box_iou
from ultralytics.utils.nms import non_max_suppression

from vision.detectors.labelled import Labelled, LabelledSet, read_picture
from vision.detectors.letterbox import Letterbox, letterboxed

Predict = Callable[[torch.Tensor], torch.Tensor]
"""Images (B, 3, H, W) float32 RGB in 0-1 to decoded outputs (B, 4 + C, A)."""

IOUS = np.linspace(0.5, 0.95, 10)
LOWEST_SCORE = 0.001
NMS_IOU = 0.7


@dataclass(frozen=True, slots=True)
class Found:
    """Detections and truth on one photograph, in its own pixels.

    boxes (N, 4) xyxy, score (N,), class_id (N,), hit (N, 10) bool at IoU 0.5-0.95; truth (M, 4) xyxy,
    truth_class (M,); size_px: the photograph's width and height.
    """

    example: Labelled
    boxes: NDArray[Any]
    score: NDArray[Any]
    class_id: NDArray[Any]
    hit: NDArray[Any]
    truth: NDArray[Any]
    truth_class: NDArray[Any]
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Means over classes, and AP at IoU 0.5 and 0.5-0.95 by class name (classes without truth left out)."""

    map50: float
    map50_95: float
    precision: float
    recall: float
    ap50: dict[str, float]
    ap50_95: dict[str, float]


def detect(predict: Predict, split: LabelledSet, imgsz: int, batch: int = 8) -> list[Found]:
    """Run the predictor over a split, letterboxed to imgsz; return every photograph's detections and truth.

    Raises ConfigError for a photograph that cannot be read.
    """
    found: list[Found] = []
    for start in range(0, len(split.pictures), batch):
        examples = split.pictures[start : start + batch]
        pictures = [_letterboxed(example, imgsz) for example in examples]
        with torch.inference_mode():
            outputs = predict(torch.from_numpy(np.stack([image for image, _ in pictures])))
        kept = non_max_suppression(
            outputs.float(),
            LOWEST_SCORE,
            NMS_IOU,
            multi_label=True,
            max_det=300,
            nc=len(split.names),
            max_time_img=10.0,
        )
        for example, rows, (_, place) in zip(examples, kept, pictures, strict=True):
            table = rows.numpy()
            boxes = place.undo(table[:, :4])
            found.append(_matched(example, boxes, table[:, 4], table[:, 5].astype(np.int32), place))
    return found


def accuracy(found: Sequence[Found], names: Sequence[str]) -> Accuracy:
    """Return the accuracy over all photographs."""
    tp = np.concatenate([f.hit for f in found])
    score = np.concatenate([f.score for f in found])
    predicted = np.concatenate([f.class_id for f in found])
    truth = np.concatenate([f.truth_class for f in found])
    _, _, p, r, _, ap, classes, *_ = ap_per_class(tp, score, predicted, truth)
    by_class = {names[int(c)]: row for c, row in zip(classes, ap, strict=True)}
    return Accuracy(
        map50=float(ap[:, 0].mean()),
        map50_95=float(ap.mean()),
        precision=float(p.mean()),
        recall=float(r.mean()),
        ap50={name: float(row[0]) for name, row in by_class.items()},
        ap50_95={name: float(row.mean()) for name, row in by_class.items()},
    )


def _letterboxed(example: Labelled, imgsz: int) -> tuple[NDArray[np.float32], Letterbox]:
    """The photograph as the product shows it to the network, (3, S, S) RGB 0-1, and where it lies there."""
    canvas, place = letterboxed(read_picture(example.file), (imgsz, imgsz))
    return planes(canvas), place


def planes(canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) uint8 BGR as the network takes it: (3, H, W) float32 RGB in 0-1."""
    return np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def _matched(
    example: Labelled,
    boxes: NDArray[np.float32],
    score: NDArray[np.float32],
    class_id: NDArray[np.int32],
    place: Letterbox,
) -> Found:
    """Give every truth the best free detection of its class, best score first, at each IoU (as COCO does)."""
    centre, extent = example.xywh[:, :2], example.xywh[:, 2:]
    size = np.asarray([place.width_px, place.height_px] * 2, np.float32)
    truth = np.hstack([centre - extent / 2, centre + extent / 2]).astype(np.float32) * size
    hit = np.zeros((len(boxes), len(IOUS)), bool)
    if len(boxes) and len(truth):
        iou = box_iou(torch.from_numpy(truth), torch.from_numpy(boxes)).numpy()
        iou = iou * (example.class_id[:, None] == class_id[None, :])
        taken = np.zeros((len(truth), len(IOUS)), bool)
        thresholds = np.arange(len(IOUS))
        for j in np.flatnonzero((iou >= IOUS[0]).any(axis=0)):
            free = np.where(taken, 0.0, iou[:, j, None])
            best = free.argmax(axis=0)
            hit[j] = free[best, thresholds] >= IOUS
            taken[best, thresholds] |= hit[j]
    return Found(example, boxes, score, class_id, hit, truth, example.class_id, (place.width_px, place.height_px))
