"""From a network's raw outputs to boxes: decoding, suppression and class names, for every back end.

Decoders give candidates of one output in the input's pixels; `gather` joins the outputs of one picture, suppresses
duplicates within each class and goes back to the picture's own pixels and the product's class names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.detectors.letterbox import Letterbox

Floats = NDArray[np.float32]
Candidates = tuple[Floats, Floats, NDArray[np.int32]]
"""xyxy (N, 4) in the input's pixels, score (N,), class (N,) as the output numbers it."""
YOLOX_STRIDES = (8, 16, 32)
_WHOLE_MATRIX_BOXES = 512  # beyond it one matrix a class is cheaper than one over all


@dataclass(frozen=True, slots=True)
class Decoding:
    """What counts as a box.

    Attributes:
        score: lowest score kept, 0–1.
        iou: a box that overlaps a better one of its class by more is a duplicate.
        vote: boxes of its class that overlap a kept one by more have a say in where its edges are; 1: none.
        limit: most boxes of one picture.
        candidates: most boxes looked at before suppression, the best ones.
        multi_label: one place may carry several classes (measuring) or only its best one (running).
    """

    score: float = 0.25
    iou: float = 0.6
    vote: float = 0.7
    limit: int = 300
    candidates: int = 1024
    multi_label: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One output tensor: its layout, its own number of classes, and the product's class by each (-1: unwanted)."""

    layout: str
    class_ids: NDArray[np.int32]


def decode_ultralytics(output: Floats, decoding: Decoding, _input_px: tuple[int, int]) -> Candidates:
    """(4 + C, A): rows cx, cy, w, h in input pixels, then C class scores in 0–1, a column an anchor."""
    classes, anchors = _scored(output[4:], decoding)
    return _corners(output[:4, anchors].T), output[4 + classes, anchors], classes


def decode_end_to_end(output: Floats, decoding: Decoding, _input_px: tuple[int, int]) -> Candidates:
    """(K, 6): rows x1, y1, x2, y2, score, class of a network that suppresses duplicates itself."""
    kept = output[(output[:, 4] >= decoding.score) & np.isfinite(output[:, 5])]
    return kept[:, :4], kept[:, 4], kept[:, 5].astype(np.int32)


def decode_yolox(output: Floats, decoding: Decoding, input_px: tuple[int, int]) -> Candidates:
    """(A, 5 + C): offsets in cells, log sizes, objectness, class scores (Ge et al., arXiv 2107.08430)."""
    scores = (output[:, 5:] * output[:, 4:5]).T
    classes, anchors = _scored(scores, decoding)
    cells, strides = _yolox_grid(input_px)
    picked = output[anchors]
    centre = (picked[:, :2] + cells[anchors]) * strides[anchors, None]
    size = np.exp(picked[:, 2:4]) * strides[anchors, None]
    return _corners(np.hstack([centre, size])), scores[classes, anchors], classes


Decoder = Callable[[Floats, Decoding, tuple[int, int]], Candidates]
DECODERS: dict[str, Decoder] = {
    "ultralytics": decode_ultralytics,
    "end_to_end": decode_end_to_end,
    "yolox": decode_yolox,
}


def class_count(layout: str, shape: Sequence[int]) -> int | None:
    """How many classes an output of this shape (without the batch) has; None where the shape does not say."""
    if layout == "ultralytics":
        return shape[0] - 4
    return shape[1] - 5 if layout == "yolox" else None


@dataclass(frozen=True, slots=True)
class Reading:
    """How the outputs of one network are read.

    Attributes:
        names: the product's class names by id.
        outputs: one for each output tensor, in the network's order.
        input_px: height and width of the network's input.
    """

    names: tuple[str, ...]
    outputs: tuple[Output, ...]
    input_px: tuple[int, int]
    decoding: Decoding


def gather(tensors: Sequence[Floats], reading: Reading, place: Letterbox) -> Detections:
    """One picture's boxes from its output tensors (each without the batch axis), best first.

    Candidates that are not finite, as half precision has them when it overflows, are no boxes: by the vote (weight 0
    times NaN) one would make all others NaN.
    """
    boxes, scores, classes = [], [], []
    for tensor, output in zip(tensors, reading.outputs, strict=True):
        xyxy, score, class_id = DECODERS[output.layout](tensor, reading.decoding, reading.input_px)
        ours = output.class_ids[class_id]
        wanted = (ours >= 0) & np.isfinite(score) & np.isfinite(xyxy).all(axis=1)
        boxes.append(xyxy[wanted])
        scores.append(score[wanted])
        classes.append(ours[wanted])
    xyxy, score, class_id = np.concatenate(boxes), np.concatenate(scores), np.concatenate(classes)
    order = np.argsort(-score, kind="stable")[: reading.decoding.candidates]
    xyxy, score, class_id = xyxy[order], score[order], class_id[order]
    kept, voted = suppress(xyxy, score, class_id, reading.decoding)
    return Detections(place.undo(voted), score[kept].astype(np.float32), class_id[kept].astype(np.int32), reading.names)


def suppress(
    xyxy: Floats, score: Floats, class_id: NDArray[np.int32], decoding: Decoding
) -> tuple[NDArray[np.intp], Floats]:
    """Greedy non-maximum suppression within each class; boxes come best first, and stay so.

    Returns:
        The indices kept, `decoding.limit` at most, and their boxes: each the mean of all that overlap it by more than
        `decoding.vote`, weighed by score and overlap (box voting, Gidaris & Komodakis, ICCV 2015).

    The greedy answer is the fixed point of "kept unless a kept better one overlaps" and is found by iterating on the
    whole overlap matrix (Cluster-NMS, Zheng et al., arXiv 2005.03572), which needs no loop over boxes.
    """
    if len(xyxy) <= _WHOLE_MATRIX_BOXES:
        same = class_id[:, None] == class_id[None, :]
        kept, voted = _settled(xyxy, score, _overlaps(xyxy) * same, decoding)
    else:
        groups = [np.flatnonzero(class_id == one) for one in np.unique(class_id)]
        parts = [_settled(xyxy[group], score[group], _overlaps(xyxy[group]), decoding) for group in groups]
        kept = np.concatenate([group[part] for group, (part, _) in zip(groups, parts, strict=True)])
        order = np.argsort(kept)
        kept, voted = kept[order], np.concatenate([boxes for _, boxes in parts])[order]
    return kept[: decoding.limit], voted[: decoding.limit]


def _settled(xyxy: Floats, score: Floats, overlaps: Floats, decoding: Decoding) -> tuple[NDArray[np.intp], Floats]:
    kept = fixed_point(overlaps > decoding.iou)
    weight = overlaps[kept] * score
    weight[overlaps[kept] <= decoding.vote] = 0
    weight[np.arange(len(kept)), kept] = score[kept]  # its own, whatever its area
    voted: Floats = weight @ xyxy / weight.sum(axis=1, keepdims=True)
    return kept, voted


def fixed_point(overlapping: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Rows kept when a kept better (earlier) one rules out those that overlap it, by an (N, N) matrix of overlaps."""
    by_better: NDArray[np.bool_] = np.triu(overlapping, 1)
    kept = np.ones(len(by_better), np.bool_)
    while True:
        again = np.logical_not(by_better[kept].any(axis=0))
        if np.array_equal(again, kept):
            return np.flatnonzero(kept)
        kept = again


def _overlaps(xyxy: Floats) -> Floats:
    """(N, N) intersection over union in float32; degenerate boxes overlap nothing."""
    x1, y1, x2, y2 = xyxy.T
    wide = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    high = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    inter = np.maximum(wide, 0) * np.maximum(high, 0)
    area = (x2 - x1) * (y2 - y1)
    union = area[:, None] + area - inter
    ratio: Floats = inter / np.maximum(union, np.float32(1e-9))
    return ratio


def _scored(scores: Floats, decoding: Decoding) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """(class, anchor) of every score of a (C, A) matrix that counts; the threshold comes before all other work."""
    flat = np.flatnonzero(scores >= np.float32(decoding.score))
    classes, anchors = np.divmod(flat, scores.shape[1])
    if not decoding.multi_label:
        anchors = np.unique(anchors)
        classes = scores[:, anchors].argmax(axis=0)
    return classes.astype(np.int32), anchors


def _corners(xywh: Floats) -> Floats:
    half = xywh[:, 2:] / 2
    return np.hstack([xywh[:, :2] - half, xywh[:, :2] + half])


def _yolox_grid(input_px: tuple[int, int]) -> tuple[Floats, Floats]:
    """Cell (x, y) and stride of each anchor, finest level first, row by row."""
    cells, strides = [], []
    for stride in YOLOX_STRIDES:
        rows, columns = input_px[0] // stride, input_px[1] // stride
        y, x = np.mgrid[:rows, :columns]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(rows * columns, stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)
