"""Read a YOLO-layout data set and say in one sentence what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


class DatasetError(ValueError):
    """A data set that cannot be trained on; the message names the file and what was expected."""


@dataclass(frozen=True, slots=True)
class Example:
    """One photograph's labels: boxes (N, 4) float32 xywh in 0-1 of the picture, class_id (N,) int32."""

    image: Path
    boxes: np.ndarray
    class_id: np.ndarray


@dataclass(frozen=True, slots=True)
class Split:
    """One split of a data set: its class names in id order and its photographs in path order."""

    names: tuple[str, ...]
    examples: tuple[Example, ...]


def read_split(data_yaml: Path, split: str) -> Split:
    """Read `split` of a YOLO-layout data set: `names`, and for each split a folder relative to the file.

    A photograph's labels lie in the `labels` folder beside its `images` folder; one without a label file
    holds nothing. Raises DatasetError.
    """
    content = _read_yaml(data_yaml)
    names = _names(data_yaml, content)
    folder = content.get(split)
    if not isinstance(folder, str):
        raise DatasetError(f"{data_yaml}: expected `{split}:` to name the folder of its photographs")
    base = data_yaml.parent / str(content.get("path") or ".")
    images = base / folder
    if not images.is_dir():
        raise DatasetError(f"{data_yaml}: `{split}` names {images}, and there is no such folder")
    found = sorted(path for path in images.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{images}: expected photographs ({', '.join(sorted(IMAGE_SUFFIXES))}) and found none")
    examples = tuple(_example(image, _label_path(image, images), len(names)) for image in found)
    if not any(len(example.boxes) for example in examples):
        raise DatasetError(f"{images}: expected a labels folder beside it with at least one box and found none")
    return Split(names, examples)


def read_background(folder: Path) -> tuple[Example, ...]:
    """Return photographs that show none of the classes. Raises DatasetError where there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder of background photographs, and there is no such folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder}: expected background photographs and found none")
    return tuple(Example(path, np.zeros((0, 4), np.float32), np.zeros(0, np.int32)) for path in found)


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: expected a data set description, and there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise DatasetError(f"{path}: expected YAML with `names` and `train` ({first})") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: expected YAML with `names` and `train`")
    return content


def _names(path: Path, content: dict[str, object]) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{path}: expected `names` to list the classes, or to map 0, 1, 2… to them")
    return tuple(names)


def _label_path(image: Path, images: Path) -> Path:
    """Return where Ultralytics' layout keeps the labels: the last `images` folder replaced by `labels`."""
    parts = list(image.parts)
    places = [i for i, part in enumerate(parts[:-1]) if part == "images"]
    if not places:
        return images.parent / "labels" / image.relative_to(images).with_suffix(".txt")
    parts[places[-1]] = "labels"
    return Path(*parts).with_suffix(".txt")


def _example(image: Path, labels: Path, classes: int) -> Example:
    rows = []
    text = labels.read_text(encoding="utf-8") if labels.is_file() else ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = [float(word) for word in line.split()]
        except ValueError:
            row = []
        if len(row) != 5 or not np.isfinite(row).all():
            raise DatasetError(f"{labels}:{number}: expected `class x y width height` and found {line[:60]!r}")
        if row[0] not in range(classes):
            raise DatasetError(f"{labels}:{number}: class {row[0]:g} is unknown, the data set names 0 to {classes - 1}")
        if min(row[1:]) < 0 or max(row[1:]) > 1:
            raise DatasetError(f"{labels}:{number}: expected a box in 0-1 of the picture and found {line[:60]!r}")
        rows.append(row)
    table = np.unique(np.asarray(rows, np.float32).reshape(-1, 5), axis=0)
    return Example(image, np.ascontiguousarray(table[:, 1:]), table[:, 0].astype(np.int32))
