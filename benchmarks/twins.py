"""`vision bench twins`: how often one bin or bike is told twice, before and after the tracker takes each thing once.

A thing is told once for every box of its family at IoU 0.5 or more with its label that fits no other label better;
what is told beyond the first is doubled. A label that had a box and has none afterwards is lost: two things were
taken for one.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from benchmarks.accuracy import QUICK_PHOTOGRAPHS, asked, common_classes, extend, looks_at, plain, spread
from benchmarks.harness import Result
from vision.core.errors import ConfigError
from vision.core.geometry import iou_matrix
from vision.detectors.accuracy import Look
from vision.detectors.catalogue import open_detector
from vision.tracking.twins import BIKES, ONE_BIN, distinct

FAMILIES = {"bins": ONE_BIN, "bikes": BIKES}
_SAME_IOU = 0.5


@dataclass(slots=True)
class Told:
    """One family over a set: labels, those that were told, and boxes beyond the first, before and after."""

    labels: int = 0
    found: int = 0
    found_once: int = 0
    doubled: int = 0
    doubled_once: int = 0
    lost: int = 0

    def add(self, before: NDArray[np.int64], after: NDArray[np.int64]) -> None:
        """(M,) boxes at each label of one photograph."""
        self.labels += len(before)
        self.found += int((before > 0).sum())
        self.found_once += int((after > 0).sum())
        self.doubled += int(np.maximum(before - 1, 0).sum())
        self.doubled_once += int(np.maximum(after - 1, 0).sum())
        self.lost += int(((before > 0) & (after == 0)).sum())


def run(args: argparse.Namespace) -> list[Result]:
    """Measure every family that the set labels."""
    data, labelled = asked(args)
    pictures = spread(labelled.pictures, args.limit or (QUICK_PHOTOGRAPHS if args.quick else 0))
    detector = open_detector(args.model, device=args.device, score=args.score, catalogue_file=args.catalogue)
    try:
        ids, _ = common_classes(labelled, detector)
        looks = list(looks_at(detector, pictures, labelled, ids))
    finally:
        detector.close()
    names = tuple(plain(name) for name in labelled.names)
    families = {key: family for key, family in FAMILIES.items() if family & {plain(name) for name in ids}}
    if not families:
        wanted = ", ".join(sorted(frozenset().union(*FAMILIES.values())))
        raise ConfigError(f"{data}: should label one of {wanted} at least, for these are told twice")
    print(
        f"{detector.version} on {len(pictures)} photographs of {data} ({args.split}), boxes from score {args.score:g}"
    )
    return [row for key, family in families.items() for row in _rows(key, told(looks, names, family))]


def told(looks: Sequence[Look], names: Sequence[str], family: frozenset[str]) -> Told:
    """How often the things of a family are told. `names`: of the looks' class numbers."""
    sums = Told()
    for look in looks:
        seen = np.array([names[number] in family for number in look.class_id], np.bool_)
        truth = look.truth[np.array([names[number] in family for number in look.truth_class], np.bool_)]
        boxes, score = look.xyxy[seen].astype(np.float64), look.score[seen]
        once = distinct(boxes, [names[number] for number in look.class_id[seen]], score)
        sums.add(_boxes_at(truth, boxes), _boxes_at(truth, boxes[once]))
    return sums


def _boxes_at(truth: NDArray[np.floating], boxes: NDArray[np.floating]) -> NDArray[np.int64]:
    """(M,) how many of the boxes show each of the M labels; a box shows the one that it fits best."""
    if not len(truth) or not len(boxes):
        return np.zeros(len(truth), np.int64)
    overlap = iou_matrix(boxes, truth)
    best = overlap.argmax(axis=1)[overlap.max(axis=1) >= _SAME_IOU]
    return np.bincount(best, minlength=len(truth)).astype(np.int64)


def _rows(family: str, sums: Told) -> list[Result]:
    labels = f"of {sums.labels} labels"
    return [
        Result(f"doubled_{family}_told", sums.doubled, "boxes"),
        harness.at_most(f"doubled_{family}_tracked", sums.doubled_once, "boxes", 0.02 * sums.labels),
        Result(f"found_{family}_told", sums.found / max(1, sums.labels), labels),
        Result(f"found_{family}_tracked", sums.found_once / max(1, sums.labels), labels),
        harness.at_most(f"lost_{family}", sums.lost, "labels", 0.01 * sums.labels),
    ]


def main(argv: list[str] | None = None) -> int:
    return harness.main("twins", run, extend, argv)


if __name__ == "__main__":
    raise SystemExit(main())
