"""What the street branch is taught beside the base model's opinion: a few of COCO's classes, small and from a slant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from ultralytics.utils.loss import v8DetectionLoss

from vision.core.errors import ConfigError
from vision.detectors.labelled import Labelled, LabelledSet, read_split
from vision.detectors.street_net import Raw
from vision.training.evaluate import Predict, detect
from vision.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Lesson:
    """The loss on the boxes told, and (B, A) bool: the anchors that they claim, where the teacher is overruled."""

    loss: torch.Tensor
    told: torch.Tensor


class Lessons:
    """Ultralytics' loss on the street head, of what is there only.

    The photographs are not labelled for all that COCO knows, so what is told of them says what is there and never
    what is not: that stays with the base model.
    """

    def __init__(self, loss: v8DetectionLoss, classes: Sequence[int]) -> None:
        loss.bce = _of_what_is_there
        self._loss = loss
        self._classes = torch.tensor(classes)

    def of(self, raw: Raw, batch: dict[str, Any]) -> Lesson:
        """`batch`: cls (N, 1) the place in the classes taught, bboxes (N, 4), batch_idx (N,)."""
        if not len(batch["cls"]):
            return Lesson(raw.scores.new_zeros(()), raw.scores.new_zeros(raw.scores[:, 0].shape, dtype=torch.bool))
        coco = {**batch, "cls": self._classes[batch["cls"].long()].float()}
        assigned, parts, _ = self._loss.get_assigned_targets_and_loss(raw.as_dict(), coco)
        return Lesson(parts.sum(), assigned[0].bool())


def _of_what_is_there(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(scores, target, reduction="none") * (target > 0)


def numbers_of(classes: Sequence[str], street: Sequence[str]) -> list[int]:
    """Where the classes taught stand among the street branch's. Raises ConfigError for one that is not there."""
    unknown = [name for name in classes if name not in street]
    if unknown:
        raise ConfigError(f"the recipe's street.classes: {unknown[0]!r} is none of the base model's classes")
    return [list(street).index(name) for name in classes]


def read_sets(files: Sequence[Path], classes: Sequence[str], first: int) -> list[Labelled]:
    """The training photographs of sets with boxes of COCO's classes; class k of `classes` becomes `first` + k.

    Raises:
        ConfigError: a set is broken, or shows none of the classes.
        NotThereError: it is not there.
    """
    found = []
    for file in files:
        split = read_split(file, "train")
        number = {split.names.index(name): first + k for k, name in enumerate(classes) if name in split.names}
        if not number:
            raise ConfigError(f"{file}: should show one of the recipe's street.classes ({', '.join(classes)})")
        found += [_renumbered(one, number) for one in split.pictures]
    return found


Seen = list[tuple[list[int], list[list[float]]]]
"""For each photograph the places in the classes taught, and the boxes x, y, w, h in 0-1."""


def seen_by(base: Predict, photographs: Sequence[Labelled], recipe: Recipe, numbers: Sequence[int]) -> Seen:
    """What the base model (its `street` output) is sure of on photographs as they are."""
    rows = [0, 1, 2, 3, *(4 + number for number in numbers)]
    bare = tuple(replace(one, xywh=one.xywh[:0], class_id=one.class_id[:0]) for one in photographs)
    split = LabelledSet(recipe.street.classes, bare)
    seen = []
    for found in detect(lambda images: base(images)[:, rows], split, recipe.imgsz):
        sure = found.score >= recipe.street.least_score
        corners = found.boxes[sure] / np.asarray(found.size_px * 2, np.float32)
        xywh = np.hstack([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]])
        seen.append((found.class_id[sure].tolist(), xywh.tolist()))
    return seen


def joined(one: Labelled, places: Sequence[int], boxes: Sequence[Sequence[float]], first: int) -> Labelled:
    """The photograph with boxes of the classes taught beside its own."""
    if not places:
        return one
    xywh = np.vstack([one.xywh, np.asarray(boxes, np.float32)]).astype(np.float32)
    class_id = np.append(one.class_id, np.asarray(places, np.int32) + first).astype(np.int32)
    return replace(one, xywh=xywh, class_id=class_id)


def _renumbered(one: Labelled, number: dict[int, int]) -> Labelled:
    kept = np.isin(one.class_id, list(number))
    numbers = np.asarray([number[int(k)] for k in one.class_id[kept]], np.int32)
    return replace(one, xywh=one.xywh[kept], class_id=numbers)
