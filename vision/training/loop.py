"""The training loop: stages, distillation, lessons, moving average, checkpoints that resume to the same state."""

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from ultralytics.utils.loss import v8DetectionLoss

from vision.core.errors import ConfigError
from vision.detectors.labelled import LabelledSet
from vision.detectors.street_net import StreetNet
from vision.training.batches import Photographs, batches, to_images
from vision.training.distil import drift
from vision.training.evaluate import Accuracy, accuracy, detect
from vision.training.lessons import Lessons
from vision.training.recipe import Recipe, Stage

CHECKPOINT = "checkpoint.pt"
BEST = "best.pt"
LOG = "log.jsonl"
_MOMENTUM = (0.9, 0.999)
_CLIP_NORM = 10.0
_EMA_RAMP = 150.0


@dataclass(slots=True)
class Progress:
    """Where a run is; all that a resumed run needs beside the weights."""

    stage: int = 0
    done: int = 0
    """Batches of this stage."""
    total: int = 0
    """Batches of all stages: numbers the next batch."""
    averaged: int = 0
    """Updates of the moving average since the stage began."""
    best: float = -1.0
    worse: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Run:
    """One training: model, its moving average, its teacher, and the files under `out`."""

    def __init__(self, recipe: Recipe, net: StreetNet, out: Path, taught: Sequence[int] = ()) -> None:
        """`taught`: numbers, among the street branch's, of the recipe's `street.classes`."""
        self.recipe = recipe
        self.net: StreetNet = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        self.teacher = copy.deepcopy(net).eval().requires_grad_(False)
        self.average = copy.deepcopy(net).eval().requires_grad_(False)
        self.progress = Progress()
        self.out = out
        self._optimizer: torch.optim.Optimizer | None = None
        self._held = nn.ModuleList([self.net.backbone, self.net.street])
        self._replicas = [self.net, *(_twin(self.net) for _ in range(recipe.threads - 1))]
        self._losses = [v8DetectionLoss(_LossView(replica.garbage.head)) for replica in self._replicas]
        self._lessons = [Lessons(v8DetectionLoss(_LossView(replica.street.head)), taught) for replica in self._replicas]
        self._pool = ThreadPoolExecutor(recipe.threads)

    def train(self, photographs: Photographs, split: LabelledSet, valid: LabelledSet, coco: LabelledSet | None) -> None:
        """Go through the stages that are left; afterwards `best.pt` holds the best average."""
        while self.progress.stage < len(self.recipe.stages):
            stage = self.recipe.stages[self.progress.stage]
            self._run_stage(stage, photographs, len(split.pictures), valid, coco)
            self.progress.stage += 1
            self.progress.done = self.progress.averaged = self.progress.worse = 0
            self._optimizer = None
            self.net.load_state_dict(self.average.state_dict())
            self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        optimizer = None if self._optimizer is None else self._optimizer.state_dict()
        content = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": optimizer,
            "progress": asdict(self.progress),
        }
        partial = self.out / (CHECKPOINT + ".part")
        torch.save(content, partial)
        partial.replace(self.out / CHECKPOINT)

    def load(self) -> bool:
        """Take up the checkpoint under `out`; return whether there was one."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        content = torch.load(path, map_location="cpu", weights_only=True)
        self.progress = Progress(**content["progress"])
        self.net.load_state_dict(content["net"])
        self.average.load_state_dict(content["average"])
        if content["optimizer"] is not None and self.progress.stage < len(self.recipe.stages):
            self.begin_stage(self.recipe.stages[self.progress.stage])
            assert self._optimizer is not None
            self._optimizer.load_state_dict(content["optimizer"])
        return True

    def go_on_from(self, net: StreetNet) -> None:
        """Begin with the weights of an earlier training; the teacher stays what it was."""
        self.net.load_state_dict(net.state_dict())
        self.average.load_state_dict(net.state_dict())

    def step(self, stage: Stage, batch: dict[str, Any]) -> dict[str, float]:
        """Train on one batch, its parts side by side on one core each; return the loss's parts."""
        assert self._optimizer is not None
        parts = _split(batch, len(self._replicas))
        records = list(
            self._pool.map(
                lambda one: self._backward(stage, *one),
                zip(self._replicas, self._losses, self._lessons, parts, strict=True),
            )
        )
        self._gather()
        # Each on its own: what holds the street branch must not scale down what the garbage branch learns.
        norms = [nn.utils.clip_grad_norm_(part.parameters(), _CLIP_NORM) for part in (self.net.garbage, self._held)]
        self._optimizer.step()
        for replica in self._replicas:
            replica.zero_grad(set_to_none=True)
        self._follow()
        return {key: sum(record[key] for record in records) / len(records) for key in records[0]} | {
            "norm": float(norms[0])
        }

    def _backward(
        self, stage: Stage, net: StreetNet, loss_of: v8DetectionLoss, lessons: Lessons, batch: dict[str, Any]
    ) -> dict[str, float]:
        """Add the gradients of one part of a batch to a replica's."""
        # One thread a replica: on a busy machine two threads inside one convolution wait for each other.
        torch.set_num_threads(1)
        images = to_images(batch)
        whole = stage.train == "all"
        own, street = _by_branch(batch, net.garbage.head.nc)
        held = self._held_pictures(street, len(images)) if whole and self.recipe.distil.share else []
        with self._autocast():
            with torch.set_grad_enabled(whole):
                maps = net.maps(images)
            garbage = net.garbage(maps)
            if held:
                student = net.street({key: value[held] for key, value in maps.items()})
                with torch.no_grad():
                    teacher = self.teacher.street(self.teacher.maps(images[held]))
        parts, _ = loss_of(garbage.as_dict(), own)
        loss = parts.sum() / len(images)
        record = {"detect": float(loss.detach())}
        if held:
            lesson = lessons.of(student, _of_pictures(street, held))
            away = drift(student, teacher, ~lesson.told)
            loss = loss + away.weighed(self.recipe.distil) + self.recipe.street.weight * lesson.loss
            record |= away.as_floats() | {"taught": float(lesson.loss.detach())}
        (loss / len(self._replicas)).backward()
        return record

    def _held_pictures(self, street: dict[str, Any], count: int) -> list[int]:
        """The pictures that go through the street branch: those that teach it something first."""
        teaching: list[int] = torch.unique(street["batch_idx"]).long().tolist()
        order = teaching + [one for one in range(count) if one not in teaching]
        return order[: max(round(count * self.recipe.distil.share), 1)]

    @torch.no_grad()
    def _gather(self) -> None:
        """Sum the replicas' gradients into the net's, in order, and give all the mean of their statistics."""
        for replica in self._replicas[1:]:
            for ours, theirs in zip(self.net.parameters(), replica.parameters(), strict=True):
                if theirs.grad is not None:
                    assert ours.grad is not None
                    ours.grad += theirs.grad
        for buffers in zip(*(replica.buffers() for replica in self._replicas), strict=True):
            if buffers[0].is_floating_point():
                mean = torch.stack(buffers).mean(dim=0)
                for buffer in buffers:
                    buffer.copy_(mean)

    def begin_stage(self, stage: Stage) -> None:
        """Set what is trained and make the optimizer, unless a checkpoint brought it."""
        whole = stage.train == "all"
        for net in self._replicas:
            for ours, theirs in zip(self.net.buffers(), net.buffers(), strict=True):
                theirs.copy_(ours)
            net.requires_grad_(whole)
            net.garbage.requires_grad_(True)
            for layer in net.backbone[: stage.frozen_layers]:
                layer.requires_grad_(False)
            for branch in (net.garbage, net.street):
                branch.head.dfl.requires_grad_(False)  # a fixed ramp, not weights
            net.train()
            # COCO's batch statistics stay: the photographs here are another, narrower world.
            net.backbone.eval()
            net.street.eval()
        if self._optimizer is None:
            self._optimizer = self._optimizer_for(stage)

    def _run_stage(
        self, stage: Stage, photographs: Photographs, main: int, valid: LabelledSet, coco: LabelledSet | None
    ) -> None:
        recipe, progress = self.recipe, self.progress
        self.begin_stage(stage)
        first = progress.total - progress.done
        numbers = range(progress.total, first + stage.batches)
        mosaic_until = first + stage.batches - stage.close_mosaic
        began = time.perf_counter()
        for batch in batches(photographs, main, recipe, numbers, mosaic_until):
            rate = self._set_rate(stage, progress.done)
            record = self.step(stage, batch)
            progress.done += 1
            progress.total += 1
            if progress.done % 10 == 0:
                self._log({"batch": progress.total, "rate": rate, "s": time.perf_counter() - began, **record})
            last = progress.done == stage.batches
            if progress.done % recipe.validate_every == 0 or last:
                self._validate(valid, coco, with_coco=stage.train == "all")
            if progress.done % recipe.checkpoint_every == 0 or last:
                self.save()
            if progress.worse >= recipe.patience:
                break

    def _validate(self, valid: LabelledSet, coco: LabelledSet | None, *, with_coco: bool) -> None:
        progress = self.progress
        score = self.measure(valid, "garbage")
        entry: dict[str, Any] = {"batch": progress.total, "garbage": asdict(score)}
        if coco is not None and with_coco:
            street = self.measure(coco, "street")
            entry["coco"] = {"map50": street.map50, "map50_95": street.map50_95}
        progress.history.append(entry)
        self._log(entry)
        fitness = 0.5 * score.map50 + 0.5 * score.map50_95
        if fitness > progress.best:
            progress.best, progress.worse = fitness, 0
            torch.save({"state": self.average.state_dict(), "entry": entry}, self.out / BEST)
        else:
            progress.worse += 1

    def measure(self, split: LabelledSet, branch: str) -> Accuracy:
        """Return the moving average's accuracy on a split."""
        net = copy.deepcopy(self.average).fuse()

        def predict(images: torch.Tensor) -> torch.Tensor:
            torch.set_num_threads(1)
            with self._autocast():
                return net.decoded(images.contiguous(memory_format=torch.channels_last))[branch]

        size = self.recipe.imgsz
        predict(torch.zeros(1, 3, size, size))  # the head lays out its anchors on the first picture of a size
        count = len(self._replicas)
        parts = [LabelledSet(split.names, split.pictures[first::count]) for first in range(count)]
        found = self._pool.map(lambda part: detect(predict, part, size), parts)
        return accuracy([one for some in found for one in some], split.names)

    def _optimizer_for(self, stage: Stage) -> torch.optim.Optimizer:
        groups = []
        for part, share in (
            (self.net.garbage, 1.0),
            (self.net.street, stage.backbone_rate),
            (self.net.backbone, stage.backbone_rate),
        ):
            if part is not self.net.garbage and stage.train != "all":
                continue
            weights = [p for p in part.parameters() if p.requires_grad and p.ndim > 1]
            rest = [p for p in part.parameters() if p.requires_grad and p.ndim <= 1]
            groups.append({"params": weights, "share": share, "weight_decay": self.recipe.weight_decay})
            groups.append({"params": rest, "share": share, "weight_decay": 0.0})
        return torch.optim.AdamW(groups, lr=stage.learning_rate, betas=_MOMENTUM)

    def _set_rate(self, stage: Stage, done: int) -> float:
        """Linear warm-up, then half a cosine down to `final_rate` (Loshchilov & Hutter, ICLR 2017)."""
        assert self._optimizer is not None
        if done < stage.warmup_batches:
            factor = (done + 1) / stage.warmup_batches
        else:
            way = (done - stage.warmup_batches) / max(stage.batches - stage.warmup_batches, 1)
            factor = stage.final_rate + (1.0 - stage.final_rate) * 0.5 * (1.0 + math.cos(math.pi * way))
        for group in self._optimizer.param_groups:
            group["lr"] = stage.learning_rate * group["share"] * factor
        return stage.learning_rate * factor

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average a step towards the weights; sooner at first, as it starts from the old ones."""
        self.progress.averaged += 1
        decay = self.recipe.ema_decay * (1.0 - math.exp(-self.progress.averaged / _EMA_RAMP))
        ours = self.net.state_dict()
        for key, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(ours[key], 1.0 - decay)
            else:
                value.copy_(ours[key])

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.recipe.precision == "bfloat16")

    def _log(self, record: dict[str, Any]) -> None:
        with (self.out / LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in record.items()}) + "\n")


def _twin(net: StreetNet) -> StreetNet:
    """Return a net with the same weights (the very same memory) and gradients of its own."""
    twin = copy.deepcopy(net)
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        theirs.data = ours.data
    return twin


def _split(batch: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the batch in `count` parts of as many pictures."""
    size = len(batch["img"])
    if size % count:
        raise ConfigError(f"a batch of {size} does not split into {count} threads' parts")
    each = size // count
    return [
        {"img": batch["img"][first : first + each], **_of_pictures(batch, range(first, first + each))}
        for first in range(0, size, each)
    ]


def _of_pictures(batch: dict[str, Any], pictures: Sequence[int]) -> dict[str, Any]:
    """The boxes of some of a batch's pictures, which are numbered anew."""
    rows = [(batch["batch_idx"] == picture).nonzero().flatten() for picture in pictures]
    numbers = [torch.full((len(some),), float(place)) for place, some in enumerate(rows)]
    chosen = torch.cat(rows)
    return {"cls": batch["cls"][chosen], "bboxes": batch["bboxes"][chosen], "batch_idx": torch.cat(numbers)}


def _by_branch(batch: dict[str, Any], own: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The boxes of the data set's own classes, and those that the street branch is taught, numbered from nought."""
    of_street = batch["cls"].flatten() >= own
    keys = ("cls", "bboxes", "batch_idx")
    mine, street = ({key: batch[key][rows] for key in keys} for rows in (~of_street, of_street))
    return mine, {**street, "cls": street["cls"] - own}


class _LossView:
    """The garbage head as Ultralytics' loss wants to see a model: `args`, `model[-1]`, `parameters()`."""

    def __init__(self, head: nn.Module) -> None:
        self.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
        self.model = [head]

    def parameters(self) -> Iterator[nn.Parameter]:
        return self.model[-1].parameters()
