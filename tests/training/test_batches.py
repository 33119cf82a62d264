from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vision.core.errors import ConfigError
from vision.detectors.labelled import read_split
from vision.training.augment import Cutout, Cutouts, PasteCutouts, read_cutouts
from vision.training.batches import batches, open_photographs
from vision.training.recipe import Augment, read_recipe

pytestmark = pytest.mark.slow


def test_batch_n_is_the_same_however_it_is_reached(recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    split = read_split(recipe.data.garbage, "train")
    photographs = open_photographs(recipe, split, [])
    run = list(batches(photographs, 6, recipe, range(4), 3))
    resumed = list(batches(photographs, 6, recipe, range(2, 4), 3))
    for one, other in zip(run[2:], resumed, strict=True):
        for key in ("img", "cls", "bboxes", "batch_idx"):
            assert torch.equal(one[key], other[key])
    assert run[0]["img"].shape == (2, 3, 96, 96)
    assert run[0]["img"].dtype == torch.uint8
    assert float(run[0]["bboxes"].max()) <= 1


def test_an_epoch_shows_every_photograph_once(recipe_file: Path) -> None:
    from vision.training.batches import _Numbered

    recipe = read_recipe(recipe_file)
    photographs = open_photographs(recipe, read_split(recipe.data.garbage, "train"), [])
    numbered = _Numbered(photographs, 6, recipe, 0)
    assert sorted(numbered._index(place) for place in range(6)) == list(range(6))
    assert [numbered._index(place) for place in range(6)] != [numbered._index(place) for place in range(6, 12)]


def test_a_picture_that_does_not_open_is_named(recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    broken = recipe.data.garbage.parent / "train/images/3.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="not a photograph that can be read; expected a whole") as caught:
        open_photographs(recipe, read_split(recipe.data.garbage, "train"), [])
    assert str(broken) in str(caught.value)


def test_an_unknown_class_to_paste_as_is_named(recipe_file: Path) -> None:
    recipe_file.write_text(recipe_file.read_text().replace("garbage_bag: garbage", "garbage_bag: rubbish"))
    recipe = read_recipe(recipe_file)
    with pytest.raises(ConfigError, match="class 'rubbish' of `paste_as` is unknown"):
        open_photographs(recipe, read_split(recipe.data.garbage, "train"), [])


def test_a_cutout_without_transparency_is_refused(recipe_file: Path) -> None:
    recipe = read_recipe(recipe_file)
    assert recipe.data.cutouts is not None
    bag = recipe.data.cutouts / "garbage_bag/bag.png"
    assert cv2.imwrite(str(bag), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ConfigError, match="transparent ground"):
        open_photographs(recipe, read_split(recipe.data.garbage, "train"), [])


def test_pasted_boxes_lie_where_the_picture_changed() -> None:
    from ultralytics.utils.instance import Instances

    white = Cutout(np.full((40, 40, 3), 255, np.uint8), np.full((40, 40), 255, np.uint8), 1)
    paste = PasteCutouts(Cutouts([white], [], []), Augment(paste=1.0, distract=0.0))
    image = np.full((320, 320, 3), 60, np.uint8)
    there = Instances(np.array([[0, 0, 50, 50]], np.float32), bbox_format="xyxy", normalized=False)
    labels = paste({"img": image.copy(), "instances": there, "cls": np.array([[0.0]], np.float32)})
    assert len(labels["cls"]) == len(labels["instances"].bboxes) > 1
    for (x1, y1, x2, y2), class_id in zip(
        labels["instances"].bboxes[1:].astype(int), labels["cls"][1:, 0], strict=True
    ):
        assert class_id == 1
        assert (labels["img"][y1:y2, x1:x2] != image[y1:y2, x1:x2]).mean() > 0.9
        assert min(x1, y1) >= 0
        assert max(x2, y2) <= 320


def test_things_of_the_street_are_pasted_small_and_slanted_with_their_own_number() -> None:
    from ultralytics.utils.instance import Instances

    bike = Cutout(np.full((60, 60, 3), 255, np.uint8), np.full((60, 60), 255, np.uint8), 4, far=True)
    paste = PasteCutouts(Cutouts([], [bike], []), Augment(paste=1.0, distract=1.0, paste_street=1.0))
    sizes = []
    for _ in range(30):
        none = Instances(np.zeros((0, 4), np.float32), bbox_format="xyxy", normalized=False)
        picture = np.full((640, 640, 3), 60, np.uint8)
        labels = paste({"img": picture, "instances": none, "cls": np.zeros((0, 1), np.float32)})
        assert (labels["cls"] == 4).all()
        sizes += [(x2 - x1, y2 - y1) for x1, y1, x2, y2 in labels["instances"].bboxes]
    width, height = np.array(sizes).T
    assert width.min() < 20
    assert width.min() >= 7
    assert (width / height).min() < 0.6
    assert (width / height).max() < 1.2


def test_what_is_held_out_and_its_photograph_are_not_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "bicycle"
    folder.mkdir()
    for place, name in enumerate(("bicycle_1_1", "bicycle_2_1", "bicycle_3_1", "bicycle_3_2", "bicycle_4_1")):
        picture = np.full((10, 10, 4), 255, np.uint8)
        picture[..., 0] = place
        assert cv2.imwrite(str(folder / f"{name}.png"), picture)
    shown = [int(one.colour[0, 0, 0]) for one in read_cutouts(tmp_path, "bicycle", 3, half=True)]
    assert shown == [0, 4]  # 2_1 and 3_2 are held out, 3_1 is of the photograph of 3_2
    assert len(read_cutouts(tmp_path, "bicycle", 3)) == 5
