"""A tiny data set made on the spot, and a recipe that trains on it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

if os.environ.get("CI"):
    import torch
    import ultralytics  # noqa: F401 - CI must have the extra, so a missing one fails here
else:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    pytest.importorskip("ultralytics", reason="needs the train extra")

NAMES = ("garbage", "garbage_bin", "overflow")


@pytest.fixture(autouse=True)
def child_signal() -> Iterator[None]:
    """Take back the handler that torch's loader sets for dying children: it outlives its workers, and a later test's
    own children then ended the whole process."""
    before = signal.getsignal(signal.SIGCHLD)
    yield
    signal.signal(signal.SIGCHLD, before)


def draw_photograph(path: Path, seed: int, size: int = 96) -> list[str]:
    """A noisy ground with one coloured block a class; returns its label lines."""
    random = np.random.default_rng(seed)
    image = random.integers(90, 130, (size, size, 3), dtype=np.uint8)
    lines = []
    for class_id, colour in enumerate(((20, 20, 200), (20, 200, 20), (200, 20, 20))):
        w, h = random.integers(20, 30, 2)
        x = int(random.integers(0, size - w))
        y = class_id * 32 + int(random.integers(0, max(32 - h, 1)))
        image[y : y + h, x : x + w] = colour
        lines.append(f"{class_id} {(x + w / 2) / size} {(y + h / 2) / size} {w / size} {h / size}")
    assert cv2.imwrite(str(path), image)
    return lines


@pytest.fixture
def data_yaml(tmp_path: Path) -> Path:
    """Six training and four validation photographs in YOLO layout."""
    for split, count in (("train", 6), ("valid", 4)):
        images, labels = tmp_path / split / "images", tmp_path / split / "labels"
        images.mkdir(parents=True)
        labels.mkdir()
        for i in range(count):
            lines = draw_photograph(images / f"{i}.png", seed=i + 100 * (split == "valid"))
            (labels / f"{i}.txt").write_text("\n".join(lines))
    file = tmp_path / "data.yaml"
    file.write_text(yaml.safe_dump({"train": "train/images", "val": "valid/images", "names": dict(enumerate(NAMES))}))
    return file


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    folder = tmp_path / "cutouts" / "garbage_bag"
    folder.mkdir(parents=True)
    bag = np.full((40, 30, 4), 30, np.uint8)
    bag[..., 3] = 255
    assert cv2.imwrite(str(folder / "bag.png"), bag)
    return tmp_path / "cutouts"


@pytest.fixture
def base_weights(tmp_path: Path) -> Path:
    """A YOLO11n with random weights, saved as Ultralytics saves checkpoints."""
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    net = DetectionModel("yolo11n.yaml", ch=3, nc=80, verbose=False)
    for tower in net.model[-1].cv3:
        tower[-1].bias.data.fill_(-1.0)  # so that it sees something: where nothing is seen there is nothing to hold
    net.names = {i: f"class {i}" for i in range(80)}
    path = tmp_path / "base.pt"
    torch.save({"model": net}, path)
    return path


@pytest.fixture
def recipe_file(tmp_path: Path, data_yaml: Path, cutouts: Path, base_weights: Path) -> Path:
    file = tmp_path / "recipe.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "name": "tiny",
                "version": "0",
                "imgsz": 96,
                "batch": 2,
                "threads": 1,
                "readers": 0,
                "precision": "float32",
                "start": {"street": "base.pt"},
                "data": {"garbage": "data.yaml", "cutouts": "cutouts", "background_share": 0.0},
                "augment": {"paste_as": {"garbage_bag": "garbage"}},
                "stages": [
                    {"train": "garbage", "batches": 2, "learning_rate": 0.001, "warmup_batches": 1},
                    {
                        "train": "all",
                        "batches": 2,
                        "learning_rate": 0.001,
                        "warmup_batches": 1,
                        "close_mosaic": 1,
                        "frozen_layers": 2,
                    },
                ],
                "validate_every": 2,
                "checkpoint_every": 1,
                "calibration_images": 2,
            }
        )
    )
    return file
