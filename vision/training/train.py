"""`vision train`: from a recipe to weights, an int8 model, plots, a model card and a catalogue entry."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vision.core.errors import ConfigError, NotThereError
from vision.detectors.labelled import LabelledSet, read_background, read_picture, read_split
from vision.detectors.letterbox import letterboxed
from vision.detectors.street_net import StreetNet, load_pt
from vision.training import card, export, lessons, report
from vision.training.batches import open_photographs
from vision.training.evaluate import Accuracy, Predict, accuracy, detect, planes
from vision.training.loop import BEST, Run
from vision.training.model import from_checkpoints
from vision.training.recipe import Recipe, read_recipe

SEEN = "seen.json"


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training made.

    `garbage` and `street` are the final model's accuracy on the validation and the COCO photographs (None
    without such), `base_street` the base model's; the `int8` ones are the exported model's.
    """

    out: Path
    files: tuple[Path, ...]
    batches: int
    seconds: float
    garbage: Accuracy
    garbage_int8: Accuracy
    street: Accuracy | None = None
    street_int8: Accuracy | None = None
    base_street: Accuracy | None = None


def train(recipe_path: Path, out: Path, resume: bool = False) -> TrainReport:  # noqa: FBT001, FBT002 - the command's flag
    """Train as the recipe says; write everything under `out`.

    With `resume` a run that was stopped goes on from its last checkpoint and ends as if it had not been.

    Raises:
        ConfigError: the recipe or the data set is wrong, or `out` holds another run and `resume` is not set.
        NotThereError: a file that the recipe names is missing.
    """
    began = time.perf_counter()
    recipe = read_recipe(recipe_path)
    for path in (recipe.start.street, recipe.start.garbage, recipe.start.weights):
        if path is not None and not path.is_file():
            raise NotThereError(f"{path}: the weights that {recipe_path} starts from are not there")
    split, valid, coco, background = _data(recipe)
    torch.set_num_threads(recipe.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    taught = lessons.numbers_of(recipe.street.classes, street_names(recipe))
    run = Run(recipe, from_checkpoints(recipe.start.street, recipe.start.garbage, len(split.names)), out, taught)
    known = run.load()
    if known and not resume:
        raise ConfigError(f"{out}: holds a training already; go on with --resume, or name another folder")
    if not known and recipe.start.weights is not None:
        run.go_on_from(load_pt(recipe.start.weights)[0])
    split = _with_lessons(recipe, split, out, taught)
    run.train(open_photographs(recipe, split, background, recipe.street.classes), split, valid, coco)
    return finish(recipe, out, valid, coco, began=began, batches=run.progress.total)


def finish(
    recipe: Recipe, out: Path, valid: LabelledSet, coco: LabelledSet | None, *, began: float, batches: int
) -> TrainReport:
    """Measure the best weights, export them, and write plots, card and catalogue entry."""
    net = from_checkpoints(recipe.start.street, recipe.start.garbage, len(valid.names))
    names = street_names(recipe)
    base = None if coco is None else _measure(_torch_predict(net, "street"), coco, recipe.imgsz)
    state = torch.load(out / BEST, map_location="cpu", weights_only=True)["state"]
    net.load_state_dict(state)
    metadata = _metadata(recipe, names, valid.names)
    files = write_models(net, recipe, out, metadata, read_split(recipe.data.garbage, "train"))
    net, _ = load_pt(out / f"{recipe.name}.pt")  # measured as shipped, rounding included
    found = detect(_torch_predict(net, "garbage"), valid, recipe.imgsz)
    report.draw_plots(found, valid.names, out)
    report.contact_sheet(report.mistakes(found), valid.names, out / "worst_mistakes.png")
    xml = out / f"{recipe.name}.xml"
    made = TrainReport(
        out=out,
        files=files,
        batches=batches,
        seconds=time.perf_counter() - began,
        garbage=accuracy(found, valid.names),
        garbage_int8=_measure(openvino_predict(xml, "garbage"), valid, recipe.imgsz),
        street=None if coco is None else _measure(_torch_predict(net, "street"), coco, recipe.imgsz),
        street_int8=None if coco is None else _measure(openvino_predict(xml, "street"), coco, recipe.imgsz),
        base_street=base,
    )
    card.write(made_values(made), recipe, metadata, files, out)
    return made


def write_models(
    net: StreetNet, recipe: Recipe, out: Path, metadata: dict[str, Any], calibration: LabelledSet
) -> tuple[Path, ...]:
    """Write NAME.pt, NAME.xml, NAME.bin and metadata.yaml under `out`; return their paths."""
    pt, xml, yaml_file = out / f"{recipe.name}.pt", out / f"{recipe.name}.xml", out / "metadata.yaml"
    export.save_pt(net, pt, metadata)
    fused, _ = load_pt(pt)
    model = export.to_openvino(fused.fuse(), recipe.imgsz)
    every = max(len(calibration.pictures) // recipe.calibration_images, 1)
    pictures = [_picture(example.file, recipe.imgsz) for example in calibration.pictures[::every]]
    export.save_openvino(export.quantized(model, pictures[: recipe.calibration_images]), xml)
    export.save_metadata(yaml_file, metadata)
    return pt, xml, xml.with_suffix(".bin"), yaml_file


def openvino_predict(xml: Path, branch: str) -> Predict:
    """Return a predictor that runs one output of an exported model."""
    import openvino as ov

    compiled = ov.Core().compile_model(xml, "CPU")
    output = compiled.output(branch)

    def predict(images: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(np.concatenate([compiled(image[None].numpy())[output].copy() for image in images]))

    return predict


def street_names(recipe: Recipe) -> list[str]:
    """Return the base model's class names."""
    checkpoint = torch.load(recipe.start.street, map_location="cpu", weights_only=False)
    return list((checkpoint.get("ema") or checkpoint["model"]).names.values())


def made_values(made: TrainReport) -> dict[str, Any]:
    """Return the report as plain values."""
    return {**asdict(made), "out": str(made.out), "files": [file.name for file in made.files]}


def _data(recipe: Recipe) -> tuple[LabelledSet, LabelledSet, LabelledSet | None, list[Any]]:
    split = read_split(recipe.data.garbage, "train")
    valid = read_split(recipe.data.garbage, "val")
    coco = None if recipe.data.coco is None else read_split(recipe.data.coco, "val")
    background = [example for folder in recipe.data.background for example in read_background(folder)]
    background += lessons.read_sets(recipe.data.street, recipe.street.classes, len(split.names))
    return split, valid, coco, background


def _with_lessons(recipe: Recipe, split: LabelledSet, out: Path, taught: Sequence[int]) -> LabelledSet:
    """The photographs with what the base model sees on them of the classes taught; looked at once a training."""
    if not taught:
        return split
    file = out / SEEN
    if file.is_file():
        seen: lessons.Seen = json.loads(file.read_text(encoding="utf-8"))
    else:
        base = from_checkpoints(recipe.start.street, recipe.start.garbage, len(split.names))
        seen = lessons.seen_by(_torch_predict(base, "street"), split.pictures, recipe, taught)
        file.write_text(json.dumps(seen), encoding="utf-8")
    first = len(split.names)
    both = (lessons.joined(one, *of, first) for one, of in zip(split.pictures, seen, strict=True))
    return LabelledSet(split.names, tuple(both))


def _metadata(recipe: Recipe, street: list[str], garbage: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "version": recipe.version,
        "imgsz": recipe.imgsz,
        "outputs": [{"name": "street", "classes": street}, {"name": "garbage", "classes": list(garbage)}],
        "trained_on": list(recipe.trained_on),
        "licence": recipe.licence,
    }


def _measure(predict: Predict, split: LabelledSet, imgsz: int) -> Accuracy:
    return accuracy(detect(predict, split, imgsz), split.names)


def _torch_predict(net: StreetNet, branch: str) -> Predict:
    net = net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(images: torch.Tensor) -> torch.Tensor:
        return net.decoded(images.contiguous(memory_format=torch.channels_last))[branch]

    return predict


def _picture(path: Path, imgsz: int) -> NDArray[np.float32]:
    return planes(letterboxed(read_picture(path), (imgsz, imgsz))[0])[None]
