"""What a back end must know about a model: its files, its outputs and what its classes are called here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vision.core.errors import ModelFileError
from vision.detectors.boxes import Decoding, Output, Reading, class_count

ClassChoice = Sequence[str] | Mapping[str, str | None] | None
"""None: as the file names them. A list: the names of a file that carries none. A mapping: theirs → ours."""

OWN_FORMAT = "streetward/street-net/1"
"""What this project's own checkpoints say they are."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model file and how to read it.

    Attributes:
        layout: a key of `boxes.DECODERS`; None tells it from the output's shape.
        bgr: the network wants blue first.
        divisor: what 0–255 is divided by before the network (255 gives 0–1).
        classes: see ClassChoice; with a mapping, classes it does not list are dropped.
        input_px: height and width to run at; a network of fixed size must have been made for it.
        sha256: expected digests by file, checked before anything is loaded.
    """

    name: str
    kind: str
    file: Path
    version: str = ""
    layout: str | None = None
    bgr: bool = False
    divisor: float = 255.0
    classes: ClassChoice = None
    input_px: tuple[int, int] | None = None
    sha256: Mapping[Path, str] = field(default_factory=dict)
    decoding: Decoding = field(default_factory=Decoding)


@dataclass(frozen=True, slots=True)
class NamedOutput:
    """The classes that a model file gives one of its outputs, and that output's shape without the batch."""

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]


def label(spec: ModelSpec, found: Sequence[NamedOutput], input_px: tuple[int, int]) -> Reading:
    """How a network's outputs are read, its own classes mapped to the product's.

    Raises:
        ModelFileError: the file's classes and its outputs, or its classes and the mapping, do not fit together.
    """
    if spec.input_px is not None and spec.input_px != input_px:
        raise ModelFileError(f"{spec.file}: takes pictures of {_size(input_px)}, expected {_size(spec.input_px)}")
    names: list[str] = []
    outputs = []
    for one in found:
        layout = spec.layout or layout_of(spec, one)
        theirs = _own_names(spec, one, layout)
        ids = []
        for their_name in theirs:
            ours = spec.classes.get(their_name) if isinstance(spec.classes, Mapping) else their_name
            if ours is None:
                ids.append(-1)
                continue
            if ours not in names:
                names.append(ours)
            ids.append(names.index(ours))
        outputs.append(Output(layout, np.array(ids, np.int32)))
    if isinstance(spec.classes, Mapping):
        known = {name for one in found for name in one.classes}
        unknown = sorted(set(spec.classes) - known)
        if unknown:
            raise ModelFileError(
                f"{spec.file}: the class map names {', '.join(unknown)}, but the model has {_some(sorted(known))}"
            )
    return Reading(tuple(names), tuple(outputs), input_px, spec.decoding)


def layout_of(spec: ModelSpec, output: NamedOutput) -> str:
    """Tell the layout from the shape.

    Raises:
        ModelFileError: the shape is no detector's.
    """
    if len(output.shape) == 2 and output.shape[1] == 6 and output.shape[0] > 6:
        return "end_to_end"
    if len(output.shape) == 2 and output.shape[0] > 4 and output.shape[1] > output.shape[0]:
        return "ultralytics"
    raise ModelFileError(
        f"{spec.file}: output {output.name} has shape {output.shape}, expected (4 + classes, anchors) or (boxes, 6); "
        "name its layout in models.yaml if it is another one"
    )


def _own_names(spec: ModelSpec, output: NamedOutput, layout: str) -> tuple[str, ...]:
    theirs = tuple(spec.classes) if isinstance(spec.classes, Sequence) else output.classes
    if not theirs:
        raise ModelFileError(f"{spec.file}: carries no class names; list them as `classes` beside the model")
    expected = class_count(layout, output.shape)
    if expected is not None and expected != len(theirs):
        raise ModelFileError(
            f"{spec.file}: output {output.name} of shape {output.shape} has {expected} classes, "
            f"but {len(theirs)} are named ({_some(theirs)})"
        )
    return theirs


def _size(size_px: tuple[int, int]) -> str:
    return f"{size_px[0]} rows by {size_px[1]} columns"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
