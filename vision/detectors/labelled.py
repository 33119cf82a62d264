"""Reads labelled photographs in YOLO's layout, and says in one sentence what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from vision.core.errors import ConfigError, NotThereError
from vision.core.frames import Image
from vision.core.jpeg import is_cut_off
from vision.detectors.modelfile import names_of_mapping

PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_OTHER_NAMES = {"val": ("val", "valid", "validation"), "valid": ("valid", "val", "validation")}
_ROUNDING = 0.02  # labels reach this far outside the picture before they count as wrong


@dataclass(frozen=True, slots=True)
class Labelled:
    """One photograph's truth: boxes (N, 4) float32 centre x, y, width, height in 0–1 of it, class_id (N,) int32.

    A box that was saved twice is there once, and none reaches outside the photograph.
    """

    file: Path
    xywh: NDArray[np.float32]
    class_id: NDArray[np.int32]

    def xyxy(self, width_px: int, height_px: int) -> NDArray[np.float32]:
        """(N, 4) in the photograph's pixels, cut at its edges."""
        centre, half = self.xywh[:, :2], self.xywh[:, 2:] / 2
        corners = np.hstack([centre - half, centre + half]).clip(0, 1)
        scaled: NDArray[np.float32] = (corners * [width_px, height_px, width_px, height_px]).astype(np.float32)
        return scaled


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One split: class names in the order of their numbers, photographs in the order of their paths."""

    names: tuple[str, ...]
    pictures: tuple[Labelled, ...]


def read_split(data_yaml: Path, split: str) -> LabelledSet:
    """One split (train, val or valid, test) of a set in YOLO's layout.

    Folders in the file are relative to it (or to its `path`). Labels lie in the `labels` folder beside `images`, or
    beside each photograph; one without a label file shows nothing.

    Raises:
        ConfigError: the file, its split or a label is not as it should be.
        NotThereError: the file or the folder it names is not there, or holds no photographs.
    """
    content = _content(data_yaml)
    names = names_of_mapping(content.get("names"))
    if names is None:
        raise ConfigError(f"{data_yaml}: `names` should list every class, as [a, b] or {{0: a, 1: b}}")
    files = _pictures(data_yaml, content, split)
    pictures = tuple(_labelled(file, len(names)) for file in files)
    if not any(len(one.class_id) for one in pictures):
        raise ConfigError(
            f"{data_yaml}: no photograph of `{split}` has a label; looked in {_labels_of(files[0]).parent}"
        )
    return LabelledSet(names, pictures)


def read_background(folder: Path) -> tuple[Labelled, ...]:
    """Photographs that show none of the classes.

    Raises:
        NotThereError: there is no such folder, or none in it.
    """
    found = sorted(_in_folder(folder))
    if not found:
        raise NotThereError(f"{folder}: a folder of background photographs is expected here, and there are none")
    return tuple(Labelled(file, np.zeros((0, 4), np.float32), np.zeros(0, np.int32)) for file in found)


def read_picture(file: Path) -> Image:
    """The photograph, (H, W, 3) uint8 BGR, upright.

    Raises:
        ConfigError: it is not there, cut off, or nothing that OpenCV can read.
    """
    try:
        data = file.read_bytes()
    except OSError:
        data = b""
    # Cut off, it would decode all the same, with grey for what is missing.
    picture: Any = (
        None if not data or is_cut_off(data) else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    )
    if picture is None:
        raise ConfigError(f"{file}: not a photograph that can be read; expected a whole JPEG, PNG, BMP, TIFF or WebP")
    image: Image = picture
    return image


def _content(data_yaml: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(data_yaml.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise NotThereError(f"{data_yaml}: this file, a data set's description, is not there") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{data_yaml}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{data_yaml}: should be a mapping with `names` and the folders of its splits")
    return content


def _pictures(data_yaml: Path, content: dict[str, Any], split: str) -> list[Path]:
    keys = _OTHER_NAMES.get(split, (split,))
    key = next((one for one in keys if content.get(one)), None)
    named: Any = content[key] if key else [f"{one}/images" for one in keys] + [f"images/{one}" for one in keys]
    folders = named if isinstance(named, list) else [named]
    tried: list[Path] = []
    found: list[Path] = []
    for folder in folders:
        places = _places(data_yaml, content, str(folder))
        tried += places[:1]
        found += next((files for place in places if (files := _in_folder(place))), [])
    if found:
        return sorted(set(found))
    if key is None:
        known = ", ".join(one for one in ("train", "val", "valid", "test") if one in content) or "no split"
        raise ConfigError(f"{data_yaml}: has no split `{split}`; it has {known}")
    raise NotThereError(f"{data_yaml}: `{key}` leads to {tried[0]}, where there are no photographs")


def _places(data_yaml: Path, content: dict[str, Any], folder: str) -> list[Path]:
    """Where a folder may lie: under `path`, beside the file, and where a leading `..` was one too many."""
    beside = data_yaml.parent
    base = Path(str(content.get("path") or "."))
    return [beside / base / folder, beside / folder, beside / folder.removeprefix("../")]


def _in_folder(place: Path) -> list[Path]:
    """Photographs under a folder, or those that a list of paths names (relative to it)."""
    if place.is_file() and place.suffix == ".txt":
        try:
            lines = place.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{place}: should be text, the path of a photograph in each line") from None
        return [place.parent / line.strip() for line in lines if line.strip()]
    if not place.is_dir():
        return []
    return [file for file in place.rglob("*") if file.suffix.lower() in PICTURES]


def _labels_of(picture: Path) -> Path:
    """The last folder named `images` is `labels` for the labels; else they lie beside, or in a folder next to."""
    parts = list(picture.parts)
    at = [index for index, part in enumerate(parts[:-1]) if part == "images"]
    if at:
        parts[at[-1]] = "labels"
        return Path(*parts).with_suffix(".txt")
    beside = picture.with_suffix(".txt")
    apart = picture.parent.parent / "labels" / beside.name
    return apart if apart.is_file() and not beside.is_file() else beside


def _labelled(file: Path, classes: int) -> Labelled:
    labels = _labels_of(file)
    if not labels.is_file():
        return Labelled(file, np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    try:
        lines = labels.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{labels}: should be text, a line `class x y width height` for each box") from None
    rows = [_row(line, f"{labels}:{number}", classes) for number, line in enumerate(lines, 1) if line.strip()]
    table = np.unique(np.array(rows, np.float32).reshape(-1, 5), axis=0)
    return Labelled(file, _inside(table[:, 1:]), table[:, 0].astype(np.int32))


def _inside(xywh: NDArray[np.float32]) -> NDArray[np.float32]:
    """The boxes cut at the photograph's edges."""
    low, high = (np.clip(xywh[:, :2] + sign * xywh[:, 2:] / 2, 0, 1) for sign in (-1, 1))
    return np.ascontiguousarray(np.hstack([(low + high) / 2, high - low]), np.float32)


def _row(line: str, place: str, classes: int) -> list[float]:
    """Class, centre x, y, width, height; an outline (class and at least three points) becomes its box."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    outline = len(values) >= 7 and len(values) % 2 == 1
    if not (len(values) == 5 or outline) or not np.isfinite(values).all():
        raise ConfigError(f"{place}: should be `class x y width height`, is {line[:60]!r}")
    if values[0] not in range(classes):
        raise ConfigError(f"{place}: class {values[0]:g} is not one of the {classes} that the set names")
    if min(values[1:]) < -_ROUNDING or max(values[1:]) > 1 + _ROUNDING:
        raise ConfigError(f"{place}: a box should lie in 0–1 of the photograph, is {line[:60]!r}")
    return values if not outline else [values[0], *_around(values[1::2], values[2::2])]


def _around(x: Sequence[float], y: Sequence[float]) -> list[float]:
    return [(min(x) + max(x)) / 2, (min(y) + max(y)) / 2, max(x) - min(x), max(y) - min(y)]
