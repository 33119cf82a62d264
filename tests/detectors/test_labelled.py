from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from vision.core.errors import ConfigError, NotThereError
from vision.detectors.labelled import read_background, read_picture, read_split


def set_of(folder: Path, labels: str = "0 0.5 0.5 0.2 0.4\n", images: str = "test/images", **content: object) -> Path:
    """A set with one 40×20 photograph and its labels."""
    (folder / images).mkdir(parents=True)
    cv2.imwrite(str(folder / images / "street.png"), np.full((20, 40, 3), 90, np.uint8))
    beside = folder / Path(*("labels" if part == "images" else part for part in Path(images).parts))
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "street.txt").write_text(labels, encoding="utf-8")
    file = folder / "data.yaml"
    file.write_text(yaml.safe_dump({"names": ["garbage", "bin"], "test": images} | content), encoding="utf-8")
    return file


def test_boxes_come_in_the_photographs_pixels(tmp_path: Path) -> None:
    labelled = read_split(set_of(tmp_path), "test")
    assert labelled.names == ("garbage", "bin")
    (one,) = labelled.pictures
    np.testing.assert_allclose(one.xyxy(40, 20), [[16, 6, 24, 14]], atol=1e-4)
    assert read_picture(one.file).shape == (20, 40, 3)


@pytest.mark.parametrize("images", ["images/test", "test/images"])
def test_a_split_is_found_by_its_folder_where_the_file_names_none(tmp_path: Path, images: str) -> None:
    assert len(read_split(set_of(tmp_path, images=images, test=None), "test").pictures) == 1


@pytest.mark.parametrize("asked", ["val", "valid"])
@pytest.mark.parametrize("named", ["val", "valid"])
def test_val_and_valid_are_one(tmp_path: Path, asked: str, named: str) -> None:
    file = set_of(tmp_path, images="valid/images", test=None, **{named: "valid/images"})
    assert len(read_split(file, asked).pictures) == 1


def test_a_path_one_step_too_high_is_forgiven(tmp_path: Path) -> None:
    assert len(read_split(set_of(tmp_path, test="../test/images"), "test").pictures) == 1


def test_photographs_may_be_listed_in_a_file(tmp_path: Path) -> None:
    file = set_of(tmp_path, test="test.txt")
    (tmp_path / "test.txt").write_text("test/images/street.png\n", encoding="utf-8")
    assert [one.file.name for one in read_split(file, "test").pictures] == ["street.png"]


def test_a_list_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = set_of(tmp_path, test="test.txt")
    (tmp_path / "test.txt").write_bytes(b"\xff\xd8\xff\xe0 a photograph, not a list")
    with pytest.raises(ConfigError, match=r"test\.txt: should be text, the path of a photograph in each line"):
        read_split(file, "test")


@pytest.mark.parametrize(
    "stored",
    [
        np.full((33, 71), 128, np.uint8),  # grey, of odd size
        np.full((33, 71, 3), 0x8080, np.uint16),
        np.full((33, 71), 0x8080, np.uint16),
        np.full((33, 71, 4), 128, np.uint8),
    ],
    ids=["grey", "16 bits", "grey of 16 bits", "transparent"],
)
def test_whatever_a_photograph_is_stored_as_it_is_seen_in_eight_bits_of_colour(
    tmp_path: Path, stored: NDArray[np.integer]
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), stored)
    seen = read_picture(tmp_path / "a.png")
    assert (seen.shape, str(seen.dtype), int(seen.min()), int(seen.max())) == ((33, 71, 3), "uint8", 128, 128)


def test_an_outline_becomes_its_box(tmp_path: Path) -> None:
    (one,) = read_split(set_of(tmp_path, "1 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.4\n"), "test").pictures
    np.testing.assert_allclose(one.xywh, [[0.3, 0.4, 0.4, 0.4]], atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("0 0.5 0.5\n", r"street\.txt:1: should be `class x y width height`"),
        ("bin 0.5 0.5 0.1 0.1\n", "street.txt:1: should be"),
        ("0 0.5 0.5 nan 0.1\n", "street.txt:1: should be"),
        ("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n", r"street\.txt:2: class 7 is not one of the 2"),
        ("0 20 10 8 8\n", "in 0–1 of the photograph"),
        ("", "no photograph of `test` has a label"),
    ],
)
def test_a_broken_label_is_told_with_its_line(tmp_path: Path, labels: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_split(set_of(tmp_path, labels), "test")


def test_a_split_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no split `train`; it has test"):
        read_split(set_of(tmp_path), "train")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"`test` leads to .*elsewhere, where there are no photographs"):
        read_split(set_of(tmp_path, test="elsewhere"), "test")


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"data\.yaml: this file, a data set"):
        read_split(tmp_path / "data.yaml", "test")


@pytest.mark.parametrize("content", ["names: [", "just text", "names: {0: a, 2: b}\ntest: images", "test: images"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "data.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data\.yaml"):
        read_split(file, "test")


def test_a_picture_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (80, 90, 3), np.uint8))[1].tobytes()
    for content in (b"", b"\xff\xd8 no more", whole[: len(whole) // 2], whole[:-2]):
        (tmp_path / "broken.jpg").write_bytes(content)
        with pytest.raises(ConfigError, match=r"broken\.jpg: not a photograph that can be read; expected a whole"):
            read_picture(tmp_path / "broken.jpg")


def test_a_box_saved_twice_is_there_once_and_none_reaches_outside(tmp_path: Path) -> None:
    (one,) = read_split(
        set_of(tmp_path, "0 0.5 0.5 0.2 0.4\n0 0.5 0.5 0.2 0.4\n1 0.95 0.5 0.12 0.2\n"), "test"
    ).pictures
    assert one.class_id.tolist() == [0, 1]
    np.testing.assert_allclose(one.xywh, [[0.5, 0.5, 0.2, 0.4], [0.945, 0.5, 0.11, 0.2]], atol=1e-6)


def test_labels_may_lie_in_the_next_folder(tmp_path: Path) -> None:
    file = set_of(tmp_path, images="photographs")
    (tmp_path / "labels").mkdir()
    (tmp_path / "photographs/street.txt").rename(tmp_path / "labels/street.txt")
    (one,) = read_split(file, "test").pictures
    assert len(one.class_id) == 1


def test_background_has_to_be_there(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(NotThereError, match="there are none"):
            read_background(folder)
    cv2.imwrite(str(tmp_path / "street.png"), np.zeros((4, 4, 3), np.uint8))
    assert [len(one.class_id) for one in read_background(tmp_path)] == [0]


def test_the_shared_set_reads(shared: Path) -> None:
    valid = read_split(shared / "data/garbage-street-cn/data.yaml", "val")
    counts = np.bincount(np.concatenate([one.class_id for one in valid.pictures]))
    assert (len(valid.pictures), counts.tolist()) == (367, [219, 420, 393])
