from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from vision.core.errors import ConfigError
from vision.detectors.labelled import read_split
from vision.training import lessons
from vision.training.batches import batches, open_photographs
from vision.training.loop import Run
from vision.training.model import from_checkpoints
from vision.training.recipe import Recipe, read_recipe
from vision.training.train import street_names

pytestmark = pytest.mark.slow
BICYCLE, MOTORCYCLE = "class 1", "class 3"
PLACES = {BICYCLE: 1, MOTORCYCLE: 3}


@pytest.fixture
def teaching(recipe_file: Path) -> Recipe:
    """The tiny recipe, with bags pasted as a bicycle and a street set of its own photographs' bins."""
    content = yaml.safe_load(recipe_file.read_text())
    content["street"] = {"classes": [BICYCLE, MOTORCYCLE], "weight": 1.0}
    content["augment"] = {"paste": 0.0, "distract": 0.0, "paste_street": 1.0, "paste_as": {"garbage_bag": BICYCLE}}
    content["data"]["street"] = ["street.yaml"]
    (recipe_file.parent / "street.yaml").write_text(
        yaml.safe_dump({"train": "train/images", "names": {0: MOTORCYCLE, 1: "bus", 2: "car"}})
    )
    recipe_file.write_text(yaml.safe_dump(content))
    return read_recipe(recipe_file)


def run_of(recipe: Recipe, out: Path) -> Run:
    out.mkdir(exist_ok=True)
    torch.manual_seed(recipe.seed)
    taught = lessons.numbers_of(recipe.street.classes, street_names(recipe))
    return Run(recipe, from_checkpoints(recipe.start.street, recipe.start.garbage, 3), out, taught)


def test_only_the_classes_taught_are_read_and_they_follow_the_sets_own(teaching: Recipe) -> None:
    read = lessons.read_sets(teaching.data.street, teaching.street.classes, 3)
    assert len(read) == 6
    assert {int(number) for one in read for number in one.class_id} == {3 + 1}
    assert all(len(one.xywh) == len(one.class_id) == 1 for one in read)


def test_a_set_or_a_class_that_does_not_fit_is_named(teaching: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"street\.yaml: should show one of the recipe.s street\.classes"):
        lessons.read_sets(teaching.data.street, ["train"], 3)
    with pytest.raises(ConfigError, match="'tricycle' is none of the base model's classes"):
        lessons.numbers_of(["tricycle"], street_names(teaching))


def test_a_lesson_teaches_what_is_there_and_nothing_else(teaching: Recipe, tmp_path: Path) -> None:
    run = run_of(teaching, tmp_path / "out")
    images = torch.rand(2, 3, 96, 96)
    raw = run.net.street(run.net.maps(images))
    raw.scores.retain_grad()
    told = {
        "cls": torch.tensor([[1.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.9, 0.9]]),
        "batch_idx": torch.tensor([1.0]),
    }
    lesson = run._lessons[0].of(raw, told)
    lesson.loss.backward()  # type: ignore[no-untyped-call]  # torch's stub lacks it
    pulled = raw.scores.grad
    assert pulled is not None
    assert pulled[:, [k for k in range(80) if k != PLACES[MOTORCYCLE]]].abs().max() == 0
    assert pulled[0].abs().max() == 0
    assert pulled[1, PLACES[MOTORCYCLE]].min() < 0  # up it goes
    claimed = pulled[1, PLACES[MOTORCYCLE]] != 0
    assert torch.equal(claimed, lesson.told[1])
    assert not lesson.told[0].any()


def test_where_nothing_is_told_the_teacher_is_right_everywhere(teaching: Recipe, tmp_path: Path) -> None:
    run = run_of(teaching, tmp_path / "out")
    raw = run.net.street(run.net.maps(torch.rand(1, 3, 96, 96)))
    none = {"cls": torch.zeros(0, 1), "bboxes": torch.zeros(0, 4), "batch_idx": torch.zeros(0)}
    lesson = run._lessons[0].of(raw, none)
    assert float(lesson.loss) == 0
    assert not lesson.told.any()


def test_steps_teach_the_street_branch_and_leave_the_garbage_classes_theirs(teaching: Recipe, tmp_path: Path) -> None:
    split = read_split(teaching.data.garbage, "train")
    background = lessons.read_sets(teaching.data.street, teaching.street.classes, 3)
    photographs = open_photographs(teaching, split, background, teaching.street.classes)
    batch = next(iter(batches(photographs, 6, teaching, range(1), 0)))
    assert (batch["cls"] == 3).any()
    assert (batch["cls"] < 3).any()
    stage = teaching.stages[1].model_copy(update={"warmup_batches": 0, "learning_rate": 3e-3})
    after = {}
    for weight in (0.0, 1.0):
        lessons_of = teaching.street.model_copy(update={"weight": weight})
        run = run_of(teaching.model_copy(update={"street": lessons_of}), tmp_path / "out")
        run.begin_stage(stage)
        after[weight] = [run.step(stage, batch)["taught"] for _ in range(4)]
    assert after[1.0][0] == after[0.0][0]
    assert after[1.0][-1] < after[0.0][-1]


def test_the_base_models_own_sightings_are_told_where_it_is_sure(teaching: Recipe) -> None:
    split = read_split(teaching.data.garbage, "train")

    def base(images: torch.Tensor) -> torch.Tensor:
        rows = torch.zeros(len(images), 84, 2)
        rows[:, :4, 0] = torch.tensor([48.0, 24.0, 96.0, 48.0])
        rows[:, :4, 1] = torch.tensor([10.0, 80.0, 10.0, 10.0])
        rows[:, 4 + PLACES[MOTORCYCLE]] = torch.tensor([0.8, 0.3])  # sure of the first only
        return rows

    seen = lessons.seen_by(base, split.pictures, teaching, [PLACES[BICYCLE], PLACES[MOTORCYCLE]])
    assert [places for places, _ in seen] == [[1]] * len(split.pictures)
    np.testing.assert_allclose(seen[0][1], [[0.5, 0.25, 1.0, 0.5]], atol=1e-5)
    first = split.pictures[0]
    both = lessons.joined(first, *seen[0], 3)
    assert both.class_id.tolist() == [*first.class_id.tolist(), 4]
    assert both.xywh.shape == (len(first.xywh) + 1, 4)
    assert lessons.joined(first, [], [], 3) is first
