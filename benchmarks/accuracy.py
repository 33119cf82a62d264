"""`vision bench accuracy`: a model against any labelled photographs in YOLO's layout, without torch."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from benchmarks.harness import Result
from vision.core.detections import Detections
from vision.core.errors import ConfigError, NotThereError
from vision.core.frames import Image
from vision.core.ports import Detector
from vision.detectors.accuracy import BUCKETS, ClassAccuracy, Look, class_accuracy, mean
from vision.detectors.catalogue import CATALOGUE_FILE, find_spec, open_detector
from vision.detectors.labelled import Labelled, LabelledSet, read_picture, read_split

INPUT_PX = 640  # size buckets are told in pixels of an input this wide
NIGHT_LUMA = 70.0  # a photograph whose mean brightness (0–255) is lower counts as night
QUICK_PHOTOGRAPHS = 100
_CHUNK = 32
_NEIGHBOUR = Path(__file__).resolve().parents[2] / "shared/data/garbage-street-cn/data.yaml"
"""Measured on when no set is named: the development photographs that may lie beside the checkout."""
_TARGETS = {"map50": 0.90, "map50_garbage": 0.83, "map5095": 0.68}  # for the garbage classes' own set
_GARBAGE = {"garbage", "garbage_bin", "overflow"}


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=None, metavar="data.yaml", help="a set in YOLO's layout")
    parser.add_argument("--split", default="val", help="train, val (or valid) or test")
    parser.add_argument("--model", default="", help="a name in the catalogue (its default without) or a model file")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE_FILE, metavar="FILE", help="a models.yaml")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--score", type=float, default=0.25, help="least score of a box, as the product runs")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="only N photographs, spread evenly")


def run(args: argparse.Namespace) -> list[Result]:
    """Measure, and tell what the figures rest on."""
    data, labelled = asked(args)
    pictures = spread(labelled.pictures, args.limit or (QUICK_PHOTOGRAPHS if args.quick else 0))
    detector = open_to_measure(args.model, args.device, args.catalogue)
    try:
        ids, missing = common_classes(labelled, detector)
        looks = list(looks_at(detector, pictures, labelled, ids))
    finally:
        detector.close()
    nights = sum(look.night for look in looks)
    print(
        f"{detector.version} on {len(pictures)} photographs of {data} ({args.split}), {nights} of them dark "
        f"(mean brightness below {NIGHT_LUMA:g})"
    )
    if missing:
        print(f"left out, the model does not detect them: {', '.join(missing)}")
    return _results(looks, {name: labelled.names.index(name) for name in ids}, args.score)


def open_to_measure(model: str, device: str, catalogue: Path) -> Detector:
    """A model that tells every box, several classes a place too; duplicates are handled as the product does."""
    spec = find_spec(model, device, catalogue)
    measuring = replace(spec.decoding, score=0.001, candidates=4096, multi_label=True)
    return open_detector(replace(spec, decoding=measuring), device=device)


def asked(args: argparse.Namespace) -> tuple[Path, LabelledSet]:
    """The set that the arguments name, or the development photographs. Raises NotThereError, ConfigError."""
    data = args.data or _NEIGHBOUR
    if args.data is None and not data.is_file():
        raise NotThereError("no photographs to measure on: name a set in YOLO's layout with --data data.yaml")
    return data, read_split(data, args.split)


def main(argv: list[str] | None = None) -> int:
    return harness.main("accuracy", run, extend, argv)


def common_classes(labelled: LabelledSet, detector: Detector) -> tuple[dict[str, int], list[str]]:
    """The model's id by the set's class name, matched regardless of case, spaces and dashes; and names it lacks.

    Raises:
        ConfigError: they have none in common.
    """
    theirs = {plain(name): index for index, name in enumerate(detector.names)}
    ids = {name: theirs[plain(name)] for name in labelled.names if plain(name) in theirs}
    if not ids:
        raise ConfigError(
            f"the set's classes ({', '.join(labelled.names[:6])}…) and those of {detector.version} have none in common"
        )
    return ids, [name for name in labelled.names if name not in ids]


def plain(name: str) -> str:
    """A class name as the product spells it."""
    return name.lower().replace("-", "_").replace(" ", "_")


def spread(pictures: Sequence[Labelled], limit: int) -> Sequence[Labelled]:
    """At most `limit` of them, spread evenly; all where it is 0."""
    if limit <= 0 or limit >= len(pictures):
        return pictures
    return [pictures[index * len(pictures) // limit] for index in range(limit)]


def looks_at(
    detector: Detector, pictures: Sequence[Labelled], labelled: LabelledSet, ids: dict[str, int]
) -> Iterator[Look]:
    """What the detector sees on each photograph, in the set's own class numbers.

    Raises:
        ConfigError, NotThereError: a photograph is broken or not there.
    """
    to_set = np.full(len(detector.names), -1, np.int32)
    for name, index in ids.items():
        to_set[index] = labelled.names.index(name)
    remaining = iter(pictures)
    while chunk := list(islice(remaining, _CHUNK)):
        images = []
        for one in chunk:
            if not one.file.is_file():
                raise NotThereError(f"{one.file}: the set's list names this photograph, and it is not there")
            images.append(read_picture(one.file))
        for one, image, seen in zip(chunk, images, detector.detect(images), strict=True):
            yield _look(one, image, seen, to_set)


def _look(labelled: Labelled, image: Image, seen: Detections, to_set: NDArray[np.int32]) -> Look:
    height, width = image.shape[:2]
    class_id = to_set[seen.class_id]
    known = class_id >= 0
    return Look(
        seen.xyxy[known],
        seen.score[known],
        class_id[known],
        labelled.xyxy(width, height),
        labelled.class_id,
        scale=INPUT_PX / max(height, width),
        night=bool(image.mean() < NIGHT_LUMA),
    )


def _results(looks: Sequence[Look], classes: dict[str, int], running_score: float) -> list[Result]:
    by_class = {name: class_accuracy(looks, index, running_score=running_score) for name, index in classes.items()}
    by_class = {name: one for name, one in by_class.items() if one.truths}
    targets = _TARGETS if set(by_class) == _GARBAGE else {}
    results = [_row(name, value, targets) for name, value in _means(by_class).items()]
    for name, one in by_class.items():
        label = plain(name)
        results += [
            Result(f"truths_{label}", one.truths, "boxes"),
            _row(f"map50_{label}", one.map50, targets),
            _row(f"map5095_{label}", one.map5095, targets),
            Result(f"precision_{label}", one.precision, f"at score {one.score:.2f}"),
            Result(f"recall_{label}", one.recall, f"at score {one.score:.2f}"),
            Result(f"running_precision_{label}", one.running_precision, f"at score {running_score:g}"),
            Result(f"running_recall_{label}", one.running_recall, f"at score {running_score:g}"),
        ]
    for size, bucket in BUCKETS.items():
        figures = [class_accuracy(looks, index, bucket=bucket) for index in classes.values()]
        results.append(_part(f"map50_{size}", figures))
    for light, night in (("day", False), ("night", True)):
        part = [look for look in looks if look.night == night]
        results.append(_part(f"map50_{light}", [class_accuracy(part, index) for index in classes.values()]))
    return [result for result in results if not np.isnan(result.value)]


def _means(by_class: dict[str, ClassAccuracy]) -> dict[str, float]:
    every = list(by_class.values())
    return {
        "map50": mean([one.map50 for one in every]),
        "map5095": mean([one.map5095 for one in every]),
        "precision": mean([one.precision for one in every]),
        "recall": mean([one.recall for one in every]),
        "running_precision": mean([one.running_precision for one in every]),
        "running_recall": mean([one.running_recall for one in every]),
    }


def _row(name: str, value: float, targets: dict[str, float]) -> Result:
    return harness.at_least(name, value, "", targets[name]) if name in targets else Result(name, value, "")


def _part(name: str, figures: Sequence[ClassAccuracy]) -> Result:
    """Mean over the classes that have truths in a part of the set."""
    truths = sum(one.truths for one in figures)
    return Result(name, mean([one.map50 for one in figures]), f"over {truths} boxes")
