import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from vision.core.errors import ConfigError, NotThereError
from vision.detectors.labelled import read_split
from vision.training.batches import batches, open_photographs
from vision.training.distil import drift
from vision.training.loop import CHECKPOINT, Run
from vision.training.model import from_checkpoints
from vision.training.recipe import Recipe, read_recipe
from vision.training.train import train

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def new_run(recipe: Recipe, out: Path) -> Run:
    out.mkdir(exist_ok=True)
    torch.manual_seed(recipe.seed)
    return Run(recipe, from_checkpoints(recipe.start.street, recipe.start.garbage, 3), out)


def layer_of(name: str) -> str:
    """backbone.3, street.layers.5…: the layer that a parameter belongs to."""
    return ".".join(name.split(".")[: 2 if name.startswith("backbone") else 3])


def go(recipe: Recipe, out: Path) -> Run:
    """Train, or go on, to the recipe's end."""
    split, valid = read_split(recipe.data.garbage, "train"), read_split(recipe.data.garbage, "val")
    run = new_run(recipe, out)
    run.load()
    run.train(open_photographs(recipe, split, []), split, valid, None)
    return run


def test_a_street_branch_that_is_not_held_is_left_alone(recipe_file: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    recipe = recipe.model_copy(update={"distil": recipe.distil.model_copy(update={"share": 0.0})})
    run = new_run(recipe, tmp_path / "out")
    photographs = open_photographs(recipe, read_split(recipe.data.garbage, "train"), [])
    run.begin_stage(recipe.stages[1])
    record = run.step(recipe.stages[1], next(iter(batches(photographs, 6, recipe, range(1), 0))))
    assert set(record) == {"detect", "norm"}
    for ours, theirs in zip(run.net.street.parameters(), run.teacher.street.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    backbones = zip(run.net.backbone.parameters(), run.teacher.backbone.parameters(), strict=True)
    assert any(not torch.equal(ours, theirs) for ours, theirs in backbones)


def test_steps_lower_the_loss_and_hold_the_street_branch(recipe_file: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    stage = recipe.stages[1].model_copy(update={"learning_rate": 0.001})
    run = new_run(recipe, tmp_path / "out")
    split = read_split(recipe.data.garbage, "train")
    photographs = open_photographs(recipe, split, [])
    batch = next(iter(batches(photographs, 6, recipe, range(1), 0)))
    run.begin_stage(stage)
    losses = [run.step(stage, batch)["detect"] for _ in range(25)]
    # It rises first: while nothing is found yet, there is little to be counted wrong.
    assert losses[-1] < 0.7 * max(losses[:8])
    images = batch["img"].float() / 255
    run.net.eval()
    with torch.no_grad():
        away = drift(run.net(images)["street"], run.teacher(images)["street"])
    assert float(away.features) < 0.05


def test_backbone_stays_to_the_bit_while_only_the_garbage_branch_is_trained(recipe_file: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    run = new_run(recipe, tmp_path / "out")
    before = {key: value.clone() for key, value in run.net.state_dict().items()}
    split = read_split(recipe.data.garbage, "train")
    batch = next(iter(batches(open_photographs(recipe, split, []), 6, recipe, range(1), 0)))
    run.begin_stage(recipe.stages[0])
    run.step(recipe.stages[0], batch)
    changed = {key.split(".")[0] for key, value in run.net.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"garbage"}


@pytest.mark.parametrize("frozen", [0, 2])
def test_every_layer_is_trained_but_those_to_be_frozen(recipe_file: Path, tmp_path: Path, frozen: int) -> None:
    recipe = read_recipe(recipe_file)
    run = new_run(recipe, tmp_path / "out")
    before = {name: value.detach().clone() for name, value in run.net.named_parameters()}
    split = read_split(recipe.data.garbage, "train")
    numbers = batches(open_photographs(recipe, split, []), 6, recipe, range(4), 0)
    stage = recipe.stages[1].model_copy(update={"frozen_layers": frozen})
    run.begin_stage(stage)
    for batch in numbers:
        run.step(stage, batch)
    changed = {layer_of(name) for name, value in run.net.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {layer_of(name) for name in before} - {f"backbone.{number}" for number in range(frozen)}


def test_a_stopped_run_ends_as_if_it_had_not_been(recipe_file: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    whole = go(recipe, tmp_path / "whole")

    class Stopped(Exception):  # noqa: N818 - not an error: somebody pulled the plug
        pass

    class Unplugged(Run):
        def save(self) -> None:
            super().save()
            if self.progress.total == 3:
                raise Stopped

    out = tmp_path / "halves"
    out.mkdir()
    split, valid = read_split(recipe.data.garbage, "train"), read_split(recipe.data.garbage, "val")
    torch.manual_seed(recipe.seed)
    first = Unplugged(recipe, from_checkpoints(recipe.start.street, recipe.start.garbage, 3), out)
    with pytest.raises(Stopped):
        first.train(open_photographs(recipe, split, []), split, valid, None)
    resumed = go(recipe, out)
    assert resumed.progress.total == whole.progress.total == 4
    for key, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[key], value, rtol=0, atol=0, msg=key)


def test_a_training_goes_on_from_an_earlier_ones_weights(recipe_file: Path, tmp_path: Path) -> None:
    recipe = read_recipe(recipe_file)
    earlier, run = new_run(recipe, tmp_path / "earlier"), new_run(recipe, tmp_path / "out")
    with torch.no_grad():
        earlier.net.garbage.head.cv3[0][-1].bias.add_(1.0)
    run.go_on_from(earlier.net)
    for name, net in (("weights", run.net), ("average", run.average)):
        for key, value in earlier.net.state_dict().items():
            torch.testing.assert_close(net.state_dict()[key], value, rtol=0, atol=0, msg=f"{name} {key}")
    base = from_checkpoints(recipe.start.street, recipe.start.garbage, 3).garbage.head.cv3[0][-1].bias
    torch.testing.assert_close(run.teacher.garbage.head.cv3[0][-1].bias, base)


def test_the_command_leaves_all_it_promises(recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # In a process of its own: with NNCF and matplotlib loaded, later tests of other parts crashed in native code.
    command = [sys.executable, "-m", "vision", "train", "--recipe", str(recipe_file), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "after 4 batches" in done.stdout
    for name in ("tiny.pt", "tiny.xml", "tiny.bin", "metadata.yaml", "MODEL_CARD.md", "PR_curve.png",
                 "confusion_matrix.png", "worst_mistakes.png", CHECKPOINT):  # fmt: skip
        assert (out / name).stat().st_size > 0, name
    entry = yaml.safe_load((out / "models.yaml").read_text())["models"]["tiny"]
    assert set(entry["files"]) == {"tiny.pt", "tiny.xml", "tiny.bin", "metadata.yaml"}
    assert len((out / "log.jsonl").read_text().splitlines()) >= 2
    assert all(json.loads(line) for line in (out / "log.jsonl").read_text().splitlines())

    network = (out / "tiny.xml").read_text()
    assert all(f'names="{name}"' in network for name in ("images", "street", "garbage"))
    with pytest.raises(ConfigError, match="holds a training already"):
        train(recipe_file, out)


def test_a_missing_recipe_or_start_is_one_sentence(recipe_file: Path, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="a training recipe is expected here"):
        train(tmp_path / "nowhere.yaml", tmp_path / "out")
    (tmp_path / "base.pt").unlink()
    with pytest.raises(NotThereError, match="starts from are not there"):
        train(recipe_file, tmp_path / "out")
    content = yaml.safe_load(recipe_file.read_text())
    recipe_file.write_text(yaml.safe_dump({**content, "start": {"street": "recipe.yaml", "weights": "gone.pt"}}))
    with pytest.raises(NotThereError, match=r"gone\.pt: the weights"):
        train(recipe_file, tmp_path / "out")


def _break_labels(folder: Path) -> None:
    (folder / "train/labels/0.txt").write_text("9 0.5 0.5 0.1 0.1")


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (lambda folder: (folder / "data.yaml").unlink(), r"data\.yaml: this file, a data set's description"),
        (lambda folder: (folder / "data.yaml").write_bytes(b""), r"data\.yaml: should be a mapping with `names`"),
        (lambda folder: shutil.rmtree(folder / "train/images"), r"train/images, where there are no photographs"),
        (lambda folder: shutil.rmtree(folder / "valid/labels"), r"no photograph of `val` has a label"),
        (_break_labels, r"0\.txt:1: class 9 is not one of the 3 that the set names"),
        (
            lambda folder: (folder / "train/images/3.png").write_bytes(b""),
            r"3\.png: not a photograph that can be read; expected",
        ),
        (lambda folder: shutil.rmtree(folder / "cutouts/garbage_bag"), r"cutouts/garbage_bag: should hold cut-outs"),
    ],
    ids=["missing", "empty", "no photographs", "no labels", "wrong label", "empty photograph", "no cut-outs"],
)
def test_a_broken_or_empty_data_set_is_one_sentence(
    recipe_file: Path, tmp_path: Path, breaks: Callable[[Path], object], told: str
) -> None:
    breaks(tmp_path)
    with pytest.raises((ConfigError, NotThereError), match=told) as caught:
        train(recipe_file, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_recipe_refuses_what_it_does_not_know(recipe_file: Path) -> None:
    content = yaml.safe_load(recipe_file.read_text())
    recipe_file.write_text(yaml.safe_dump({**content, "epochs": 3, "batch": 0}))
    with pytest.raises(ConfigError) as caught:
        read_recipe(recipe_file)
    assert len(caught.value.problems) == 2
    assert any("epochs" in problem for problem in caught.value.problems)
