"""What a training leaves to look at: curves, a confusion matrix, and its worst mistakes as a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.utils.metrics import ConfusionMatrix, ap_per_class

from vision.detectors.labelled import read_picture
from vision.training.evaluate import Found

SHOWN_SCORE = 0.25
_MATCH_IOU = 0.45
_TILE_PX = 320
_COLUMNS = 5
_TRUTH, _MISSED, _FALSE = (80, 200, 80), (0, 165, 255), (60, 60, 255)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One photograph's mistakes: what was missed and what was imagined, as indices, and how bad together."""

    found: Found
    missed: tuple[int, ...]
    false: tuple[int, ...]
    weight: float


def draw_plots(found: Sequence[Found], names: Sequence[str], out: Path) -> None:
    """Write PR_curve.png, F1_curve.png, P_curve.png, R_curve.png and confusion_matrix.png under `out`."""
    labels = dict(enumerate(names))
    ap_per_class(
        np.concatenate([f.hit for f in found]),
        np.concatenate([f.score for f in found]),
        np.concatenate([f.class_id for f in found]),
        np.concatenate([f.truth_class for f in found]),
        plot=True,
        save_dir=out,
        names=labels,
    )
    matrix = ConfusionMatrix(names=labels)
    for f in found:
        detections = {
            "bboxes": torch.from_numpy(f.boxes),
            "conf": torch.from_numpy(f.score),
            "cls": torch.from_numpy(f.class_id),
        }
        truth = {"bboxes": torch.from_numpy(f.truth), "cls": torch.from_numpy(f.truth_class)}
        matrix.process_batch(detections, truth, conf=SHOWN_SCORE, iou_thres=_MATCH_IOU)
    matrix.plot(normalize=False, save_dir=out)


def mistakes(found: Sequence[Found]) -> list[Mistake]:
    """Return the photographs with mistakes at the shown score, worst first."""
    wrong = [_mistake(f) for f in found]
    return sorted((m for m in wrong if m.missed or m.false), key=lambda m: -m.weight)


def contact_sheet(wrong: Sequence[Mistake], names: Sequence[str], path: Path, tiles: int = 20) -> None:
    """Draw the worst mistakes: truth green, missed truth orange, false detections red with their score."""
    pictures = [_tile(mistake, names) for mistake in wrong[:tiles]]
    if not pictures:
        return
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % _COLUMNS)
    rows = [np.hstack(pictures[i : i + _COLUMNS]) for i in range(0, len(pictures), _COLUMNS)]
    if not cv2.imwrite(str(path), np.vstack(rows)):
        raise OSError(f"{path}: could not be written")


def _mistake(found: Found) -> Mistake:
    shown = np.flatnonzero(found.score >= SHOWN_SCORE)
    false = tuple(int(i) for i in shown if not found.hit[i, 0])
    hit = [i for i in shown if found.hit[i, 0]]
    missed = []
    for j, (box, class_id) in enumerate(zip(found.truth, found.truth_class, strict=True)):
        same = [found.boxes[i] for i in hit if found.class_id[i] == class_id]
        if not any(_iou(box, other) >= 0.5 for other in same):
            missed.append(j)
    weight = sum(float(found.score[i]) for i in false) + 0.6 * len(missed)
    return Mistake(found, tuple(missed), false, weight)


def _iou(one: NDArray[Any], other: NDArray[Any]) -> float:
    w = min(one[2], other[2]) - max(one[0], other[0])
    h = min(one[3], other[3]) - max(one[1], other[1])
    overlap = max(w, 0) * max(h, 0)
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - overlap
    return float(overlap / max(union, 1e-6))


def _tile(mistake: Mistake, names: Sequence[str]) -> NDArray[np.uint8]:
    found = mistake.found
    image = read_picture(found.example.file)
    scale = _TILE_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile: NDArray[np.uint8] = np.zeros((_TILE_PX, _TILE_PX, 3), np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small
    for j, box in enumerate(found.truth * scale):
        colour = _MISSED if j in mistake.missed else _TRUTH
        _label(tile, box, names[int(found.truth_class[j])] if j in mistake.missed else "", colour)
    for i in mistake.false:
        _label(tile, found.boxes[i] * scale, f"{names[int(found.class_id[i])]} {found.score[i]:.2f}", _FALSE)
    return tile


def _label(tile: NDArray[np.uint8], box: NDArray[Any], text: str, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (int(v) for v in box)
    cv2.rectangle(tile, (x1, y1), (x2, y2), colour, 1)
    if text:
        cv2.putText(tile, text, (max(x1, 1), max(y1 - 3, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)
