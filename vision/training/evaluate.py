"""Mean average precision of a predictor over a split, as Ultralytics and COCO count it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from ultralytics.utils.metrics import ap_per_class, box_iou
from ultralytics.utils.nms import non_max_suppression

from vision.training.dataset import DatasetError, Example, Split

Predict = Callable[[torch.Tensor], torch.Tensor]
"""Images (B, 3, H, W) float32 RGB in 0-1 to decoded outputs (B, 4 + C, A)."""

IOUS = np.linspace(0.5, 0.95, 10)
LOWEST_SCORE = 0.001
NMS_IOU = 0.7
_GREY = 114


@dataclass(frozen=True, slots=True)
class Found:
    """Detections and truth on one photograph, in its own pixels.

    boxes (N, 4) xyxy, score (N,), class_id (N,), hit (N, 10) bool at IoU 0.5-0.95; truth (M, 4) xyxy,
    truth_class (M,).
    """

    example: Example
    boxes: np.ndarray
    score: np.ndarray
    class_id: np.ndarray
    hit: np.ndarray
    truth: np.ndarray
    truth_class: np.ndarray


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Means over classes, and AP at IoU 0.5 and 0.5-0.95 by class name (classes without truth left out)."""

    map50: float
    map50_95: float
    precision: float
    recall: float
    ap50: dict[str, float]
    ap50_95: dict[str, float]


def detect(predict: Predict, split: Split, imgsz: int, batch: int = 8) -> list[Found]:
    """Run the predictor over a split, letterboxed to imgsz; return every photograph's detections and truth."""
    found: list[Found] = []
    for start in range(0, len(split.examples), batch):
        examples = split.examples[start : start + batch]
        pictures = [_letterboxed(example, imgsz) for example in examples]
        with torch.inference_mode():
            outputs = predict(torch.from_numpy(np.stack([image for image, *_ in pictures])))
        kept = non_max_suppression(
            outputs.float(), LOWEST_SCORE, NMS_IOU, multi_label=True, max_det=300, nc=len(split.names), max_time_img=10.0
        )
        for example, rows, (_, scale, shift, size) in zip(examples, kept, pictures, strict=True):
            table = rows.numpy()
            boxes = (table[:, :4] - np.tile(shift, 2)) / scale
            boxes = np.clip(boxes, 0, np.tile(size, 2)).astype(np.float32)
            found.append(_matched(example, boxes, table[:, 4], table[:, 5].astype(np.int32), size))
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


def letterbox(image: np.ndarray, imgsz: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Fit (H, W, 3) uint8 BGR into a grey square; return (3, S, S) float32 RGB 0-1, scale, and the shift x, y."""
    height, width = image.shape[:2]
    scale = imgsz / max(height, width)
    w, h = round(width * scale), round(height * scale)
    if (w, h) != (width, height):
        image = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR)
    left, top = (imgsz - w) // 2, (imgsz - h) // 2
    canvas = np.full((imgsz, imgsz, 3), _GREY, np.uint8)
    canvas[top : top + h, left : left + w] = image
    planes = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)).astype(np.float32) / 255.0
    return planes, scale, np.asarray([left, top], np.float32)


def _letterboxed(example: Example, imgsz: int) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    image = cv2.imread(str(example.image), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(f"{example.image}: expected a photograph that OpenCV can read")
    size = np.asarray([image.shape[1], image.shape[0]], np.float32)
    return (*letterbox(image, imgsz), size)


def _matched(example: Example, boxes: np.ndarray, score: np.ndarray, class_id: np.ndarray, size: np.ndarray) -> Found:
    centre, extent = example.boxes[:, :2], example.boxes[:, 2:]
    truth = np.hstack([centre - extent / 2, centre + extent / 2]) * np.tile(size, 2)
    hit = np.zeros((len(boxes), len(IOUS)), bool)
    if len(boxes) and len(truth):
        iou = box_iou(torch.from_numpy(truth.astype(np.float32)), torch.from_numpy(boxes)).numpy()
        iou = iou * (example.class_id[:, None] == class_id[None, :])
        taken = np.zeros((len(truth), len(IOUS)), bool)
        thresholds = np.arange(len(IOUS))
        for j in np.flatnonzero((iou >= IOUS[0]).any(axis=0)):  # best score first
            free = np.where(taken, 0.0, iou[:, j, None])
            best = free.argmax(axis=0)
            hit[j] = free[best, thresholds] >= IOUS
            taken[best, thresholds] |= hit[j]
    return Found(example, boxes, score, class_id, hit, truth.astype(np.float32), example.class_id)
