from pathlib import Path

import numpy as np
import pytest

from vision.core.errors import ConfigError
from vision.training.dataset import read_background, read_split


def test_reads_boxes_and_names(data_yaml: Path) -> None:
    split = read_split(data_yaml, "train")
    assert split.names == ("garbage", "garbage_bin", "overflow")
    assert len(split.examples) == 6
    assert split.examples[0].class_id.tolist() == [0, 1, 2]
    assert split.examples[0].boxes.dtype == np.float32


def test_an_outline_becomes_its_box(data_yaml: Path) -> None:
    label = data_yaml.parent / "train/labels/0.txt"
    label.write_text("1 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n")
    np.testing.assert_allclose(read_split(data_yaml, "train").examples[0].boxes, [[0.3, 0.4, 0.4, 0.4]], atol=1e-6)


def test_a_box_saved_twice_counts_once(data_yaml: Path) -> None:
    label = data_yaml.parent / "train/labels/0.txt"
    label.write_text("1 0.5 0.5 0.2 0.2\n1 0.5 0.5 0.2 0.2\n")
    assert len(read_split(data_yaml, "train").examples[0].boxes) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3 0.5 0.5 0.1 0.1", "class 3 is unknown, the data set names 0 to 2"),
        ("0 0.5 0.5 0.1", "should be `class x y width height`"),
        ("0 0.5 0.5 nan 0.1", "should be `class x y width height`"),
        ("bag 0.5 0.5 0.1 0.1", "should be `class x y width height`"),
        ("0 1.5 0.5 0.1 0.1", "should lie in 0-1"),
    ],
)
def test_a_broken_label_is_named_with_its_line(data_yaml: Path, text: str, said: str) -> None:
    label = data_yaml.parent / "train/labels/2.txt"
    label.write_text("0 0.5 0.5 0.1 0.1\n" + text)
    with pytest.raises(ConfigError) as caught:
        read_split(data_yaml, "train")
    assert str(caught.value).startswith(f"{label}:2: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("names: [", "should be YAML"),
        ("- 1", "should be YAML"),
        ("train: train/images", "`names` should list the classes"),
        ("names: {1: a}\ntrain: train/images", "`names` should list the classes"),
        ("names: [a]", "`train` should name the folder"),
        ("names: [a]\ntrain: nowhere", "there is no such folder"),
        ("names: [a]\ntrain: empty", "should hold photographs"),
        ("names: [a]\ntrain: bare", "should have a labels folder"),
    ],
)
def test_a_broken_description_is_one_sentence(tmp_path: Path, text: str | None, said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/one.png").touch()
    file = tmp_path / "data.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read_split(file, "train")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_background_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is none"):
        read_background(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="holds none"):
        read_background(tmp_path)


def test_the_shared_set_reads(shared: Path) -> None:
    valid = read_split(shared / "data/garbage-street-cn/data.yaml", "val")
    assert len(valid.examples) == 367
    counts = np.bincount(np.concatenate([example.class_id for example in valid.examples]))
    assert counts.tolist() == [219, 420, 393]
