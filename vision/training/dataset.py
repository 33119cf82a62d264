"""Read a YOLO-layout data set and say in one sentence what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from vision.core.errors import ConfigError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})


class DatasetError(ConfigError):
    """A data set that cannot be trained on; the message names the file and what it should be."""


@dataclass(frozen=True, slots=True)
class Example:
    """One photograph's labels: boxes (N, 4) float32 xywh in 0-1 of the picture, class_id (N,) int32."""

    image: Path
    boxes: NDArray[np.float32]
    class_id: NDArray[np.int32]


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
        raise DatasetError(f"{data_yaml}: `{split}` should name the folder of its photographs")
    base = data_yaml.parent / str(content.get("path") or ".")
    images = base / folder
    if not images.is_dir():
        raise DatasetError(f"{data_yaml}: `{split}` names {images}, and there is no such folder")
    found = sorted(path for path in images.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{images}: should hold photographs ({', '.join(sorted(IMAGE_SUFFIXES))}), holds none")
    examples = tuple(_example(image, _label_path(image, images), len(names)) for image in found)
    if not any(len(example.boxes) for example in examples):
        raise DatasetError(f"{images}: should have a labels folder beside it with at least one box, has none")
    return Split(names, examples)


def read_background(folder: Path) -> tuple[Example, ...]:
    """Return photographs that show none of the classes. Raises DatasetError where there are none."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: a folder of background photographs is expected here, and there is none")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise DatasetError(f"{folder}: should hold background photographs, holds none")
    return tuple(Example(path, np.zeros((0, 4), np.float32), np.zeros(0, np.int32)) for path in found)


def _read_yaml(path: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: a data set's description is expected here, and there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise DatasetError(f"{path}: should be YAML with `names` and `train` ({first})") from None
    if not isinstance(content, dict):
        raise DatasetError(f"{path}: should be YAML with `names` and `train`")
    return content


def _names(path: Path, content: dict[str, object]) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{path}: `names` should list the classes, or map 0, 1, 2… to them")
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
    for number, line in enumerate(_lines(labels), start=1):
        if line.strip():
            rows.append(_row(line, f"{labels}:{number}", classes))
    # Labelling tools sometimes save a box twice; the loss would count it twice.
    table = np.unique(np.asarray(rows, np.float32).reshape(-1, 5), axis=0)
    return Example(image, np.ascontiguousarray(table[:, 1:]), table[:, 0].astype(np.int32))


def _lines(labels: Path) -> list[str]:
    if not labels.is_file():
        return []
    try:
        return labels.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DatasetError(f"{labels}: should be text, one `class x y width height` a line") from None


def _row(line: str, place: str, classes: int) -> list[float]:
    """One label as class, x, y, width, height; an outline (class and three points or more) becomes its box."""
    try:
        words = [float(word) for word in line.split()]
    except ValueError:
        words = []
    outline = len(words) >= 7 and len(words) % 2 == 1
    if not (len(words) == 5 or outline) or not np.isfinite(words).all():
        raise DatasetError(f"{place}: should be `class x y width height`, is {line[:60]!r}")
    if words[0] not in range(classes):
        raise DatasetError(f"{place}: class {words[0]:g} is unknown, the data set names 0 to {classes - 1}")
    if min(words[1:]) < 0 or max(words[1:]) > 1:
        raise DatasetError(f"{place}: a box should lie in 0-1 of the picture, is {line[:60]!r}")
    if not outline:
        return words
    x, y = words[1::2], words[2::2]
    return [words[0], (min(x) + max(x)) / 2, (min(y) + max(y)) / 2, max(x) - min(x), max(y) - min(y)]
