import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from benchmarks.accuracy import main
from tests.detectors.networks import save_colour_network
from vision.core.errors import ConfigError, ModelFileError, NotThereError


def painted_set(folder: Path, names: list[str]) -> Path:
    """Ten blue and ten red photographs, labelled where the colour network sees them."""
    for part in ("images", "labels"):
        (folder / "test" / part).mkdir(parents=True)
    for index in range(20):
        class_id = index % 2
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[..., 0 if class_id == 0 else 2] = 200
        cv2.imwrite(str(folder / "test/images" / f"{index:02}.png"), picture)
        (folder / "test/labels" / f"{index:02}.txt").write_text(f"{class_id} 0.5 0.5 0.5 0.25\n", encoding="utf-8")
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump({"names": names, "test": "test/images"}), encoding="utf-8")
    return file


def measured(file: Path, model: Path, result: Path, *more: str) -> dict[str, float]:
    assert main(["--data", str(file), "--split", "test", "--model", str(model), "--json", str(result), *more]) == 0
    document = json.loads(result.read_text(encoding="utf-8"))
    assert document["benchmark"] == "accuracy"
    return {one["name"]: one["value"] for one in document["results"]}


def test_a_right_model_is_right(tmp_path: Path) -> None:
    figures = measured(painted_set(tmp_path, ["Blue", "red"]), save_colour_network(tmp_path / "m"), tmp_path / "r.json")
    assert figures["map50"] == pytest.approx(1.0, abs=0.01)
    assert figures["map5095_blue"] == pytest.approx(1.0, abs=0.01)
    assert figures["truths_red"] == 10
    assert (figures["running_precision_red"], figures["running_recall_red"]) == (1.0, 1.0)


def test_classes_are_matched_by_name_not_by_number(tmp_path: Path) -> None:
    figures = measured(painted_set(tmp_path, ["red", "blue"]), save_colour_network(tmp_path / "m"), tmp_path / "r.json")
    assert figures["map50"] == 0.0


def test_a_class_the_model_lacks_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = painted_set(tmp_path, ["blue", "purple"])
    figures = measured(file, save_colour_network(tmp_path / "m"), tmp_path / "r.json", "--limit", "10")
    assert "left out, the model does not detect them: purple" in capsys.readouterr().out
    assert "map50_purple" not in figures
    assert figures["truths_blue"] == 10  # every other photograph: the blue ones


def test_nothing_in_common_is_an_error(tmp_path: Path) -> None:
    file = painted_set(tmp_path, ["cat", "dog"])
    with pytest.raises(ConfigError, match="have none in common"):
        measured(file, save_colour_network(tmp_path / "m"), tmp_path / "r.json")


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (lambda folder: (folder / "data.yaml").unlink(), r"data\.yaml: this file, a data set's description"),
        (lambda folder: (folder / "data.yaml").write_bytes(b""), r"data\.yaml: should be a mapping with `names`"),
        (lambda folder: shutil.rmtree(folder / "test/images"), r"test/images, where there are no photographs"),
        (lambda folder: shutil.rmtree(folder / "test/labels"), r"no photograph of `test` has a label"),
        (lambda folder: (folder / "test/labels/03.txt").write_bytes(b"\xff\xfe"), r"03\.txt: should be text"),
        (lambda folder: (folder / "test/images/03.png").write_bytes(b""), r"03\.png: not a photograph"),
    ],
    ids=["missing", "empty", "no photographs", "no labels", "broken label", "empty photograph"],
)
def test_a_broken_or_empty_set_is_one_sentence(tmp_path: Path, breaks: Callable[[Path], object], told: str) -> None:
    file, model = painted_set(tmp_path, ["blue", "red"]), save_colour_network(tmp_path / "m")
    breaks(tmp_path)
    with pytest.raises((ConfigError, NotThereError), match=told) as caught:
        measured(file, model, tmp_path / "r.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (lambda folder: (folder / "colours.xml").unlink(), r"colours\.xml: this model file is not there"),
        (lambda folder: (folder / "colours.bin").unlink(), r"colours\.bin: the weights of colours\.xml are not there"),
        (lambda folder: (folder / "colours.bin").write_bytes(b"half"), r"colours\.xml: OpenVINO cannot read it"),
        (lambda folder: (folder / "metadata.yaml").unlink(), r"colours\.xml: carries no class names"),
        (lambda folder: (folder / "metadata.yaml").write_bytes(b"\xff"), r"metadata\.yaml: should be YAML that names"),
        (lambda folder: (folder / "metadata.yaml").write_text("names: [a]"), r"has 3 classes, but 1 are named"),
    ],
    ids=["missing", "no weights", "truncated weights", "no names", "broken names", "other names"],
)
def test_a_broken_model_is_one_sentence(tmp_path: Path, breaks: Callable[[Path], object], told: str) -> None:
    file, model = painted_set(tmp_path, ["blue", "red"]), save_colour_network(tmp_path / "m")
    breaks(tmp_path / "m")
    with pytest.raises(ModelFileError, match=told) as caught:
        measured(file, model, tmp_path / "r.json")
    assert "\n" not in str(caught.value)
