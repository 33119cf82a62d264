"""`vision bench layouts`: four ways to see COCO's and the garbage classes, trained alike for as long, and their cost.

All begin from the same YOLO11n of COCO and see the same batches at the same rates. What is measured is kept under
`--out`: a second run makes the table again without training, and a stopped one goes on from its last checkpoint.
"""

import argparse
import json
import statistics
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from ultralytics.utils.nms import non_max_suppression

from benchmarks import harness
from benchmarks.harness import Result
from benchmarks.layouts_nets import LAYOUTS, Layout, Pass
from vision.core.errors import ConfigError
from vision.core.geometry import iou_matrix
from vision.detectors.labelled import Labelled, LabelledSet, read_background, read_picture, read_split
from vision.detectors.letterbox import letterboxed
from vision.detectors.street_net import StreetNet
from vision.training.batches import Photographs, open_photographs
from vision.training.evaluate import NMS_IOU, planes
from vision.training.loop import Run
from vision.training.recipe import Recipe, Stage, read_recipe

PSEUDO_SCORE = 0.3
_SAME_IOU = 0.5
_RATE = 1e-3
_BACKBONE_RATE = 0.25


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recipe", type=Path, default=Path("configs/train/street-n.yaml"), metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("runs/layouts"), metavar="FOLDER", help="kept between runs")
    parser.add_argument("--batches", type=int, default=100, help="that each is trained for")
    parser.add_argument("--imgsz", type=int, default=416, metavar="PX", help="to train and measure accuracy at")
    parser.add_argument("--frozen-layers", type=int, default=5, metavar="N", help="of the backbone, not trained")
    parser.add_argument("--only", action="append", choices=LAYOUTS, help="these; again for more (all without)")


def run(args: argparse.Namespace) -> list[Result]:
    """Train what is not trained yet, measure, and print the table of layouts."""
    product = read_recipe(args.recipe)
    if args.quick:
        recipe = short(product, batches=2, imgsz=96, frozen_layers=0, batch=2, readers=0)
        with tempfile.TemporaryDirectory() as folder:
            return compare(Comparison(recipe, Path(folder), limit=8), args.only, cost_px=96, rounds=2)
    recipe = short(product, batches=args.batches, imgsz=args.imgsz, frozen_layers=args.frozen_layers)
    return compare(Comparison(recipe, args.out, limit=0), args.only, cost_px=product.imgsz, rounds=12)


def compare(comparison: "Comparison", only: Sequence[str] | None, *, cost_px: int, rounds: int) -> list[Result]:
    """Every layout's figures, its weights and its CPU time at the size that the product runs."""
    names = only or list(LAYOUTS)
    recipe = comparison.recipe
    base, figures = comparison.base(), {name: comparison.figures(name) for name in names}
    weights = {name: parameters(comparison.built(name), LAYOUTS[name]) for name in names}
    costs = cpu_ms({name: comparison.built(name) for name in names}, cost_px, rounds)
    print(
        f"{recipe.stages[0].batches} batches of {recipe.batch} at {recipe.imgsz} px each; CPU at {cost_px} px\n\n"
        f"{markdown(figures, base, costs, weights)}\n"
    )
    rows = [Result("coco_map50_base", base["map50"], ""), Result("coco_map5095_base", base["map50_95"], "")]
    for name in names:
        garbage, coco = figures[name]["garbage"], figures[name]["coco"]
        rows += [Result(f"map50_{name}", garbage["map50"], ""), Result(f"map5095_{name}", garbage["map50_95"], "")]
        rows += [Result(f"map50_{key}_{name}", value, "") for key, value in garbage["ap50"].items()]
        rows += [Result(f"map5095_{key}_{name}", value, "") for key, value in garbage["ap50_95"].items()]
        rows += [Result(f"coco_map50_{name}", coco["map50"], ""), Result(f"coco_map5095_{name}", coco["map50_95"], "")]
        rows += [Result(f"parameters_{name}", weights[name], ""), Result(f"cpu_ms_{name}", costs[name], "ms/image")]
    return rows


def short(product: Recipe, *, batches: int, imgsz: int, frozen_layers: int, **changes: Any) -> Recipe:
    """The product's recipe cut down to what all four can follow: one stage from COCO's weights, nothing pasted."""
    stage = Stage(
        train="all",
        batches=batches,
        learning_rate=_RATE,
        backbone_rate=_BACKBONE_RATE,
        frozen_layers=frozen_layers,
        warmup_batches=batches // 10,
        final_rate=0.05,
        close_mosaic=batches // 3,
    )
    return product.model_copy(
        update={
            # A new name or version of the product's recipe makes no other comparison.
            "name": "layouts",
            "version": "1",
            "trained_on": (),
            "imgsz": imgsz,
            "start": product.start.model_copy(update={"garbage": None, "weights": None}),
            # Pasted chairs and plants have no label: a head that knows both sets would learn to overlook them.
            "data": product.data.model_copy(update={"cutouts": None}),
            "augment": product.augment.model_copy(update={"paste_as": {}, "distractors": ()}),
            "stages": (stage,),
            "validate_every": batches,
            "checkpoint_every": 20,
            **changes,
        }
    )


class Comparison:
    """The runs under one folder, by one recipe; `limit` photographs of each set at most (0: all)."""

    def __init__(self, recipe: Recipe, out: Path, limit: int) -> None:
        if recipe.data.coco is None:
            raise ConfigError("a recipe is wanted whose data.coco names photographs with COCO's labels")
        self.recipe, self.out = recipe, out
        self._split, self._valid = (self._read(recipe.data.garbage, one, limit) for one in ("train", "val"))
        self._coco = self._read(recipe.data.coco, "val", limit)
        every = [one for folder in recipe.data.background for one in read_background(folder)]
        self._background = tuple(every[:limit] if limit else every)
        self._photographs: tuple[bool, Photographs] | None = None
        out.mkdir(parents=True, exist_ok=True)
        self._kept("recipe", lambda: recipe.model_dump(mode="json"))
        if self._kept("recipe", dict) != recipe.model_dump(mode="json"):
            raise ConfigError(f"{out}: holds another comparison; name another folder, or the same figures")
        torch.set_num_threads(recipe.threads)
        cv2.setNumThreads(1)

    def base(self) -> dict[str, Any]:
        """The base model's accuracy on COCO's photographs."""
        return self._kept("base", lambda: asdict(self._run("two_models", "base").measure(self._coco, "street")))

    def figures(self, name: str) -> dict[str, Any]:
        """`garbage` and `coco` accuracies of a layout; trains it unless they are kept."""
        return self._kept(name, lambda: self._trained(name))

    def built(self, name: str) -> StreetNet:
        """The layout at its start, the same for all."""
        torch.manual_seed(self.recipe.seed)
        return LAYOUTS[name].build(self.recipe.start.street, len(self._valid.names)).eval()

    def _trained(self, name: str) -> dict[str, Any]:
        layout = LAYOUTS[name]
        split, valid, coco, background = self._split, self._valid, self._coco, self._background
        if layout.pseudo_labels:
            split, background = self._pseudo_labelled()
            valid, coco = both(self._coco.names, valid), LabelledSet(split.names, coco.pictures)
        run = self._run(name, name)
        run.load()
        if run.progress.stage == 0:
            run.train(self._opened(split, background, pseudo=layout.pseudo_labels), split, valid, None)
        return {
            "garbage": run.progress.history[-1]["garbage"],
            "coco": self.base() if layout.untouched else asdict(run.measure(coco, layout.coco)),
        }

    def _run(self, name: str, folder: str) -> Run:
        hold = self.recipe.distil.model_copy(update=LAYOUTS[name].hold)
        out = self.out / folder
        out.mkdir(exist_ok=True)
        return Run(self.recipe.model_copy(update={"distil": hold}), self.built(name), out)

    def _opened(self, split: LabelledSet, background: Sequence[Labelled], *, pseudo: bool) -> Photographs:
        if self._photographs is None or self._photographs[0] != pseudo:
            self._photographs = None  # the others leave memory before these come
            self._photographs = (pseudo, open_photographs(self.recipe, split, background))
        return self._photographs[1]

    def _pseudo_labelled(self) -> tuple[LabelledSet, tuple[Labelled, ...]]:
        """The training photographs with the base model's boxes as labels of COCO's classes."""
        split = both(self._coco.names, self._split)
        pictures = (*split.pictures, *self._background)
        answers = Pass(self.built("two_necks").fuse(), ("street",))
        answers(torch.zeros(1, 3, self.recipe.imgsz, self.recipe.imgsz))  # the head lays out its anchors

        def found() -> dict[str, Any]:
            with ThreadPoolExecutor(self.recipe.threads) as pool:
                rows = pool.map(lambda one: pseudo_labels(answers, one, self.recipe.imgsz), pictures)
                return {"labels": [one.tolist() for one in rows]}

        labels = self._kept("pseudo_labels", found)["labels"]
        more = tuple(_with(one, np.array(rows, np.float32)) for one, rows in zip(pictures, labels, strict=True))
        return LabelledSet(split.names, more[: len(split.pictures)]), more[len(split.pictures) :]

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        file = self.out / f"{name}.json"
        if not file.is_file():
            content = make()
            partial = file.with_suffix(".part")
            partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
            partial.replace(file)
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return kept

    @staticmethod
    def _read(data: Path, split: str, limit: int) -> LabelledSet:
        labelled = read_split(data, split)
        return LabelledSet(labelled.names, labelled.pictures[: limit or None])


def both(street: Sequence[str], garbage: LabelledSet) -> LabelledSet:
    """A garbage set in the numbers of one head: COCO's classes first."""
    pictures = (Labelled(one.file, one.xywh, one.class_id + len(street)) for one in garbage.pictures)
    return LabelledSet((*street, *garbage.names), tuple(pictures))


def pseudo_labels(answers: Pass, labelled: Labelled, imgsz: int) -> NDArray[np.float32]:
    """(N, 5) class, centre x, y, width, height in 0–1 of what the base model sees on a photograph.

    Left out are boxes on a labelled thing: bins and heaps come out as suitcases and hydrants, and are told by people
    (as Zhao et al., ECCV 2020, keep human labels over pseudo-labels at the same place).
    """
    torch.set_num_threads(1)
    canvas, place = letterboxed(read_picture(labelled.file), (imgsz, imgsz))
    with torch.inference_mode():
        (output,) = answers(torch.from_numpy(planes(canvas)[None]))
    rows = non_max_suppression(output, PSEUDO_SCORE, NMS_IOU)[0].numpy()
    size = np.array([place.width_px, place.height_px] * 2, np.float32)
    boxes: NDArray[np.float32] = place.undo(rows[:, :4]) / size
    new = (iou_matrix(boxes, labelled.xyxy(1, 1)) < _SAME_IOU).all(axis=1)
    boxes, class_id = boxes[new], rows[new, 5:6]
    return np.hstack([class_id, (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]])


def _with(labelled: Labelled, rows: NDArray[np.float32]) -> Labelled:
    rows = rows.reshape(-1, 5)
    xywh = np.vstack([labelled.xywh, rows[:, 1:]]).astype(np.float32)
    return Labelled(labelled.file, xywh, np.concatenate([labelled.class_id, rows[:, 0].astype(np.int32)]))


def parameters(net: StreetNet, layout: Layout) -> int:
    return sum(part.numel() for branches in layout.passes for part in Pass(net, branches).parameters())


def cpu_ms(nets: dict[str, StreetNet], imgsz: int, rounds: int) -> dict[str, float]:
    """Median CPU milliseconds an image: OpenVINO, float32, one thread, the layouts in turn within every round."""
    compiled = {
        name: [_compiled(Pass(net.fuse(), branches), imgsz) for branches in LAYOUTS[name].passes]
        for name, net in nets.items()
    }
    image = np.zeros((1, 3, imgsz, imgsz), np.float32)
    spent: dict[str, list[float]] = {name: [] for name in nets}
    for turn in range(rounds + 1):  # the first is the warm-up
        for name, models in compiled.items():
            before = harness.cpu_seconds()
            for model in models:
                model(image)
            if turn:
                spent[name].append(1000 * (harness.cpu_seconds() - before))
    return {name: statistics.median(times) for name, times in spent.items()}


def _compiled(whole: Pass, imgsz: int) -> Any:
    import openvino as ov

    example = torch.zeros(1, 3, imgsz, imgsz)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Converting a tensor to a Python boolean")
        whole.eval()(example)
        traced = torch.jit.trace(whole, example, check_trace=False)  # type: ignore[no-untyped-call]
    model = ov.convert_model(traced, input=[("images", [1, 3, imgsz, imgsz])], example_input=example)
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    return ov.Core().compile_model(model, "CPU", settings)


def markdown(
    figures: dict[str, dict[str, Any]], base: dict[str, Any], costs: dict[str, float], weights: dict[str, int]
) -> str:
    """One row a layout: AP50 / AP50-95."""
    first = next(iter(figures.values()))["garbage"]["ap50"]
    lines = [
        f"| layout | mean | {' | '.join(first)} | COCO | million weights | CPU ms |",
        f"|{'---|' * (5 + len(first))}",
        f"| the base model |{' |' * (1 + len(first))} {base['map50']:.3f} / {base['map50_95']:.3f} | | |",
    ]
    for name, one in figures.items():
        garbage, coco = one["garbage"], one["coco"]
        cells = [f"{garbage['map50']:.3f} / {garbage['map50_95']:.3f}"]
        cells += [f"{garbage['ap50'][key]:.3f} / {garbage['ap50_95'][key]:.3f}" for key in first]
        cells += [f"{coco['map50']:.3f} / {coco['map50_95']:.3f}", f"{weights[name] / 1e6:.2f}", f"{costs[name]:.0f}"]
        lines.append(f"| {LAYOUTS[name].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    return harness.main("layouts", run, extend, argv)


if __name__ == "__main__":
    raise SystemExit(main())
