"""How right a detector is: precision, recall and average precision against labelled photographs.

Matching follows COCO's evaluation (Lin et al., arXiv 1405.0312): best score first, each truth found once, at IoU 0.50
to 0.95 in steps of 0.05; truths outside a size bucket are neither asked for nor held against a detection. The area
under the precision-recall curve is taken as Ultralytics takes it: the curve's upper envelope at 101 recalls,
trapezoids between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.core.geometry import iou_matrix

IOUS = np.linspace(0.5, 0.95, 10)
Bucket = tuple[float, float]
"""Least and greatest (excluded) side of a box, the square root of its area, in pixels of the network's input."""
BUCKETS: dict[str, Bucket] = {"small": (0, 32), "medium": (32, 96), "large": (96, np.inf)}
_EVERY: Bucket = (0, np.inf)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen on one photograph and what is there, in its pixels, with the set's own class numbers.

    Attributes:
        xyxy (N, 4), score (N,), class_id (N,): the detections, best first.
        truth (M, 4), truth_class (M,): the labels.
        scale: pixels of the network's input for each pixel of the photograph.
        night: the photograph is dark.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]
    truth: NDArray[np.float32]
    truth_class: NDArray[np.int32]
    scale: float = 1.0
    night: bool = False


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One class.

    Attributes:
        truths: labels counted.
        ap: (10,) average precision by IOUS; nan without truths.
        precision, recall: at `score`, the threshold that gives the best F1 at IoU 0.5.
        running_precision, running_recall: at the threshold the product runs with.
    """

    truths: int
    ap: NDArray[np.float64]
    precision: float
    recall: float
    score: float
    running_precision: float
    running_recall: float

    @property
    def map50(self) -> float:
        return float(self.ap[0])

    @property
    def map5095(self) -> float:
        return float(self.ap.mean())


def class_accuracy(
    looks: Sequence[Look], class_id: int, *, bucket: Bucket = _EVERY, running_score: float = 0.25
) -> ClassAccuracy:
    """One class over all looks, of all sizes or of one bucket."""
    hits, scores, truths = [], [], 0
    for look in looks:
        mine, theirs = look.class_id == class_id, look.truth_class == class_id
        xyxy, truth = look.xyxy[mine], look.truth[theirs]
        asked = _in_bucket(truth, look.scale, bucket)
        hit, counts = match(xyxy, truth, asked, _in_bucket(xyxy, look.scale, bucket))
        # A detection may count at one IoU and not at another; where it does not it gets no row there.
        hits.append(np.where(counts, hit.astype(np.float64), np.nan))
        scores.append(look.score[mine])
        truths += int(asked.sum())
    score = np.concatenate(scores) if scores else np.zeros(0, np.float32)
    order = np.argsort(-score, kind="stable")
    rows = np.concatenate(hits) if hits else np.zeros((0, len(IOUS)))
    return _figures(rows[order], score[order], truths, running_score)


def match(
    xyxy: NDArray[np.float32], truth: NDArray[np.float32], asked: NDArray[np.bool_], own: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which detections, best first, find a truth, and which count at all; both (N, 10) by IOUS.

    A truth not `asked` for may be found, but the detection then does not count; one that finds nothing counts against
    the detector if it is of the bucket's `own` size.
    """
    hit = np.zeros((len(xyxy), len(IOUS)), np.bool_)
    counts = np.repeat(own[:, None], len(IOUS), axis=1)
    if len(truth) == 0 or len(xyxy) == 0:
        return hit, counts
    ious = iou_matrix(xyxy, truth)
    for at, least in enumerate(IOUS):
        free = np.ones(len(truth), np.bool_)
        for row in np.flatnonzero(ious.max(axis=1) >= least):
            # Truths asked for come first, then the others (COCO: ignored ones match last).
            for wanted in (asked, ~asked):
                candidates = np.where(free & wanted, ious[row], 0.0)
                best = int(candidates.argmax())
                if candidates[best] >= least:
                    free[best] = False
                    hit[row, at] = asked[best]
                    counts[row, at] = asked[best]
                    break
    return hit, counts


def mean(values: Sequence[float]) -> float:
    """Over the classes that have truths; nan if none has."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _figures(hit: NDArray[np.float64], score: NDArray[np.float32], truths: int, running_score: float) -> ClassAccuracy:
    if truths == 0:
        nan = float("nan")
        return ClassAccuracy(0, np.full(len(IOUS), nan), nan, nan, nan, nan, nan)
    ap = np.array([_area(*_curve(hit[:, at], truths)) for at in range(len(IOUS))])
    counted = ~np.isnan(hit[:, 0])
    precision, recall = _curve(hit[:, 0], truths)
    score = score[counted]
    if len(score) == 0:
        return ClassAccuracy(truths, ap, 0.0, 0.0, 1.0, 0.0, 0.0)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(f1.argmax())
    running = int((score >= running_score).sum()) - 1
    at_run = (float(precision[running]), float(recall[running])) if running >= 0 else (0.0, 0.0)
    return ClassAccuracy(truths, ap, float(precision[best]), float(recall[best]), float(score[best]), *at_run)


def _curve(hit: NDArray[np.float64], truths: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall after each detection that counts."""
    found = np.cumsum(hit[~np.isnan(hit)])
    return found / np.arange(1, len(found) + 1), found / truths


def _area(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    if len(precision) == 0:
        return 0.0
    envelope = np.maximum.accumulate(np.concatenate([[1.0], precision, [0.0, 0.0]])[::-1])[::-1]
    at = np.linspace(0, 1, 101)
    heights = np.interp(at, np.concatenate([[0.0], recall, recall[-1:], [1.0]]), envelope)
    return float(np.trapezoid(heights, at))


def _in_bucket(xyxy: NDArray[np.float32], scale: float, bucket: Bucket) -> NDArray[np.bool_]:
    side = np.sqrt((xyxy[:, 2:] - xyxy[:, :2]).clip(0).prod(axis=1)) * scale
    inside: NDArray[np.bool_] = (side >= bucket[0]) & (side < bucket[1])
    return inside
