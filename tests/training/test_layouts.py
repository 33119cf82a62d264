"""The benchmark that trains other layouts with the training's own parts, on the training's tiny data set."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from benchmarks.layouts import Comparison, both, main, parameters, pseudo_labels, short
from benchmarks.layouts_nets import LAYOUTS, Pass
from vision.core.errors import ConfigError
from vision.detectors.labelled import Labelled, read_split
from vision.training.model import from_checkpoints
from vision.training.recipe import Recipe, read_recipe


@pytest.fixture
def recipe(recipe_file: Path) -> Recipe:
    """The tiny recipe with photographs that carry COCO's numbers."""
    coco = recipe_file.parent / "coco.yaml"
    names = {i: f"class {i}" for i in range(80)}
    coco.write_text(yaml.safe_dump({"train": "train/images", "val": "valid/images", "names": names}))
    content = yaml.safe_load(recipe_file.read_text())
    content["data"]["coco"] = "coco.yaml"
    recipe_file.write_text(yaml.safe_dump(content))
    return short(read_recipe(recipe_file), batches=2, imgsz=96, frozen_layers=0, batch=2)


@pytest.mark.slow
def test_layouts_begin_with_the_base_models_answers_and_share_what_they_say(base_weights: Path) -> None:
    nets = {name: layout.build(base_weights, 3).eval() for name, layout in LAYOUTS.items()}
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        (known,) = Pass(nets["two_models"], ("street",))(images)
        for name, layout in LAYOUTS.items():
            answers = [one for branches in layout.passes for one in Pass(nets[name], branches)(images)]
            torch.testing.assert_close(answers[0][:, :84], known)
            assert [one.shape[1] for one in answers] == ([4 + 83] if layout.pseudo_labels else [4 + 80, 4 + 3])

    counted = {name: parameters(nets[name], layout) for name, layout in LAYOUTS.items()}
    neck = list(nets["shared_neck"].garbage.layers)[:-1]
    assert counted["two_necks"] - counted["shared_neck"] == sum(p.numel() for layer in neck for p in layer.parameters())
    assert counted["two_models"] > counted["two_necks"] > counted["shared_neck"] > counted["one_head"]

    for net in nets.values():
        net.train()  # batch statistics stay wherever COCO's classes pass
    assert not any(module.training for layer in neck for module in layer.modules())
    assert nets["shared_neck"].garbage.head.training
    assert not any(module.training for module in nets["one_head"].garbage.modules())


def test_what_people_labelled_is_no_pseudo_label(base_weights: Path, data_yaml: Path) -> None:
    net = from_checkpoints(base_weights, None, 3).eval()
    for tower in net.street.head.cv3:
        tower[-1].bias.data[5] = 2.0  # sure of one class
    answers = Pass(net, ("street",))
    bare = read_split(data_yaml, "train").pictures[0]
    nothing = Labelled(bare.file, np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    found = pseudo_labels(answers, nothing, 96)
    assert len(found)
    assert set(found[:, 0]) == {5}
    assert found[:, 1:].min() >= 0
    assert found[:, 1:].max() <= 1
    taken = Labelled(bare.file, found[:1, 1:].astype(np.float32), np.zeros(1, np.int32))
    left = pseudo_labels(answers, taken, 96)
    assert len(left) < len(found)
    assert not (np.abs(left[:, 1:] - found[0, 1:]).max(axis=1) < 1e-3).any()


def test_one_head_numbers_cocos_classes_first(data_yaml: Path) -> None:
    garbage = read_split(data_yaml, "val")
    one = both([f"class {i}" for i in range(80)], garbage)
    assert [one.names[i] for i in one.pictures[0].class_id] == [garbage.names[i] for i in garbage.pictures[0].class_id]


@pytest.mark.slow
def test_a_comparison_is_kept_and_belongs_to_one_recipe(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = Comparison(recipe, out, limit=4).figures("one_head")
    assert set(first["garbage"]["ap50"]) == {"garbage", "garbage_bin", "overflow"}
    assert json.loads((out / "pseudo_labels.json").read_text())["labels"]
    (out / "one_head" / "checkpoint.pt").unlink()  # nothing is trained again
    assert Comparison(recipe, out, limit=4).figures("one_head") == first
    with pytest.raises(ConfigError, match="another comparison"):
        Comparison(recipe.model_copy(update={"seed": 7}), out, limit=4)


@pytest.mark.slow
def test_the_command_prints_a_row_a_layout(
    recipe: Recipe, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--quick", "--recipe", str(recipe_file), "--only", "two_models"]
    assert main([*command, "--json", str(tmp_path / "r.json")]) == 0
    figures = {row["name"]: row["value"] for row in json.loads((tmp_path / "r.json").read_text())["results"]}
    assert figures["coco_map50_two_models"] == figures["coco_map50_base"]
    assert figures["parameters_two_models"] > 5e6
    assert figures["cpu_ms_two_models"] > 0
    assert "| two separate models |" in capsys.readouterr().out
