"""The catalogue of models (models.yaml) and the one table from a kind of file to the back end that runs it."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision.core.errors import ConfigError, ModelFileError, NotThereError
from vision.core.ports import Detector
from vision.detectors.boxes import DECODERS, Decoding
from vision.detectors.modelfile import check_file
from vision.detectors.spec import ClassChoice, ModelSpec

CATALOGUE_FILE = Path(__file__).resolve().parents[2] / "models" / "models.yaml"
KIND_OF_SUFFIX = {".xml": "openvino", ".onnx": "onnx", ".pt": "ultralytics"}


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a back end's class lives, the package it stands on, and the pip extra that brings that package."""

    module: str
    class_name: str
    package: str
    extra: str = ""


BACKENDS: Mapping[str, Backend] = {
    "openvino": Backend("vision.detectors.openvino", "OpenVinoDetector", "openvino"),
    "onnx": Backend("vision.detectors.onnx", "OnnxDetector", "onnxruntime"),
    "ultralytics": Backend("vision.detectors.ultralytics", "UltralyticsDetector", "torch", "gpu"),
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(_Strict):
    """One file of a model: where to get it, and what it must be."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    url: str | None = Field(default=None, pattern=r"^https?://")


class DecodingEntry(_Strict):
    score: float = Field(default=0.25, gt=0, lt=1)
    iou: float = Field(default=0.6, gt=0, le=1)
    vote: float = Field(default=0.7, gt=0, le=1)
    limit: int = Field(default=300, gt=0)


class ModelEntry(_Strict):
    """One model of the catalogue; paths are relative to models.yaml.

    Attributes:
        backends: kind of back end → the file it opens.
        files: every file the model consists of; what is not listed is loaded unchecked and cannot be pulled.
        input_px: height and width.
        classes: None: as the file names them; a list; or a mapping, theirs → ours (null drops one).
        accuracy: measured figures, `set → figure → value`.
    """

    version: str
    summary: str = ""
    licence: str
    data: str = ""
    input_px: tuple[int, int]
    backends: dict[str, str] = Field(min_length=1)
    files: dict[str, FileEntry] = {}
    layout: str | None = None
    bgr: bool = False
    divisor: float = Field(default=255.0, gt=0)
    classes: list[str] | dict[str, str | None] | None = None
    decoding: DecodingEntry = DecodingEntry()
    accuracy: dict[str, dict[str, float]] = {}


class Catalogue(_Strict):
    default: str
    models: dict[str, ModelEntry]


def read_catalogue(file: Path = CATALOGUE_FILE) -> Catalogue:
    """Raises ConfigError with every mistake, NotThereError when there is no such file."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        catalogue = Catalogue.model_validate(document)
    except OSError as error:
        raise NotThereError(f"{file}: the catalogue of models cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ConfigError(*(f"{file}: {_place(one['loc'])}: {one['msg']}" for one in error.errors())) from None
    problems = [f"{file}: {problem}" for problem in _inconsistencies(catalogue)]
    if problems:
        raise ConfigError(*problems)
    return catalogue


def open_detector(
    spec: str | Path | ModelSpec = "",
    *,
    device: str = "auto",
    classes: ClassChoice = None,
    score: float | None = None,
    catalogue_file: Path = CATALOGUE_FILE,
    **options: Any,
) -> Detector:
    """Load a model, ready to look.

    `spec` is a name in the catalogue ("" for its default), a model file (.xml, .onnx, .pt), the folder of an exported
    one, or a full ModelSpec. `device` is auto (a CUDA GPU where there is one and the model has a file for it), cpu,
    cuda, cuda:1… `classes` and `score` (the lowest that counts) override what the model's file and catalogue entry say;
    `options` go to the back end (`precision`, `threads`…).

    Raises:
        ModelFileError: a file is missing, damaged, or does not fit its classes.
        NotThereError: the back end's package is not installed, or the device is not there.
        ConfigError: no such model or kind.
    """
    chosen = spec if isinstance(spec, ModelSpec) else find_spec(str(spec), device, catalogue_file)
    if classes is not None:
        chosen = replace(chosen, classes=classes)
    if score is not None:
        chosen = replace(chosen, decoding=replace(chosen.decoding, score=score))
    opened: Detector = _backend_class(chosen.kind)(chosen, device=_device(chosen.kind, device), **options)
    return opened


def find_spec(name: str, device: str = "auto", catalogue_file: Path = CATALOGUE_FILE) -> ModelSpec:
    """The model that a name or a path means, and the back end that suits the device.

    Raises:
        ConfigError: no such name, or a file of no known kind.
        ModelFileError: a path that leads nowhere.
    """
    path = Path(name)
    if not name or not _is_path(path):
        return _from_catalogue(name, device, catalogue_file)
    if path.is_dir():
        exported = sorted(path.glob("*.xml"))
        if len(exported) != 1:
            raise ModelFileError(f"{path}: should hold one .xml network, holds {len(exported)}; name the file itself")
        path = exported[0]
    if path.suffix not in KIND_OF_SUFFIX:
        raise ConfigError(f"{path}: a model file should end in {', '.join(KIND_OF_SUFFIX)}")
    return ModelSpec(path.stem, KIND_OF_SUFFIX[path.suffix], path)


def described_in(name: str, catalogue_file: Path = CATALOGUE_FILE) -> Path:
    """The file that says what a model's classes are called: the model's own where a path names it."""
    return Path(name) if name and _is_path(Path(name)) else catalogue_file


def _is_path(path: Path) -> bool:
    return path.suffix in KIND_OF_SUFFIX or len(path.parts) > 1 or path.is_dir()


def spec_of(name: str, entry: ModelEntry, kind: str, folder: Path) -> ModelSpec:
    """An entry of the catalogue as one back end opens it."""
    file = folder / entry.backends[kind]
    digests = {folder / path: one.sha256 for path, one in entry.files.items() if _belongs(folder / path, file)}
    decoding = Decoding(**entry.decoding.model_dump())
    return ModelSpec(
        name,
        kind,
        file,
        version=entry.version,
        layout=entry.layout,
        bgr=entry.bgr,
        divisor=entry.divisor,
        classes=entry.classes,
        input_px=entry.input_px,
        sha256=digests,
        decoding=decoding,
    )


def verify(catalogue: Catalogue, folder: Path, names: Iterable[str] = ()) -> list[str]:
    """One sentence for every file of the named models (all by default) that is missing or not what it should be."""
    problems = []
    for name in names or catalogue.models:
        for path, entry in model_entry(catalogue, name).files.items():
            try:
                check_file(folder / path, entry.sha256)
            except ModelFileError as error:
                problems.append(f"{name}: {error}")
    return problems


def model_entry(catalogue: Catalogue, name: str) -> ModelEntry:
    """Raises ConfigError, naming those there are, when the catalogue has no such model."""
    try:
        return catalogue.models[name]
    except KeyError:
        raise ConfigError(
            f"there is no model {name!r}, the catalogue has {', '.join(catalogue.models) or 'none yet'}"
        ) from None


def require_classes(detector: Detector, wanted: Mapping[str, Iterable[str]], described: Path) -> None:
    """Every class that a rule counts on is one the model can see.

    `wanted` holds class names by what asks for them (a rule, a zone), as the message should name it; `described` is
    the file that says what the model's classes are called.

    Raises:
        ConfigError: one line for each rule that asks for a class the model does not have.
    """
    known = set(detector.names)
    problems = [
        f"{asker} wants {', '.join(sorted(missing))}, which {detector.version} of {described} does not detect"
        for asker, names in wanted.items()
        if (missing := set(names) - known)
    ]
    if problems:
        raise ConfigError(*problems)


def require_backend(kind: str) -> Backend:
    """Raises ConfigError for a kind there is none of, NotThereError (naming the pip extra) without its package."""
    backend = BACKENDS.get(kind)
    if backend is None:
        raise ConfigError(f"there is no detector back end {kind!r}, there are {', '.join(BACKENDS)}")
    if importlib.util.find_spec(backend.package) is None:
        hint = f"pip install 'streetward[{backend.extra}]'" if backend.extra else f"pip install {backend.package}"
        raise NotThereError(f"the {kind} back end needs {backend.package}: {hint}")
    return backend


def _from_catalogue(name: str, device: str, file: Path) -> ModelSpec:
    catalogue = read_catalogue(file)
    name = name or catalogue.default
    entry = model_entry(catalogue, name)
    preferred = ["ultralytics", "openvino", "onnx"] if _wants_gpu(device) else ["openvino", "onnx", "ultralytics"]
    kind = next(kind for kind in preferred if kind in entry.backends)
    return spec_of(name, entry, kind, file.parent)


def _backend_class(kind: str) -> Callable[..., Detector]:
    backend = require_backend(kind)
    found: Callable[..., Detector] = getattr(importlib.import_module(backend.module), backend.class_name)
    return found


def _device(kind: str, device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if kind == "ultralytics" and _wants_gpu(device) else "cpu"


def _wants_gpu(device: str) -> bool:
    """A GPU was asked for or, with `auto`, is there; torch is imported only where the driver is loaded."""
    if device != "auto":
        return device.startswith("cuda")
    if not Path("/dev/nvidiactl").exists() or importlib.util.find_spec("torch") is None:
        return False
    return bool(importlib.import_module("torch").cuda.is_available())


def _belongs(path: Path, opened: Path) -> bool:
    """Whether opening `opened` reads `path`: itself, an IR's weights, and the metadata beside it."""
    return path == opened or (
        path.parent == opened.parent
        and (path.name == "metadata.yaml" or (opened.suffix == ".xml" and path == opened.with_suffix(".bin")))
    )


def _inconsistencies(catalogue: Catalogue) -> list[str]:
    problems = []
    if catalogue.models and catalogue.default not in catalogue.models:
        problems.append(f"default: there is no model {catalogue.default!r}, there are {', '.join(catalogue.models)}")
    for name, entry in catalogue.models.items():
        problems += [
            f"models.{name}.backends.{kind}: should be one of {', '.join(BACKENDS)}"
            for kind in entry.backends
            if kind not in BACKENDS
        ]
        problems += [
            f"models.{name}.backends.{kind}: {path} is not among the model's files"
            for kind, path in entry.backends.items()
            if entry.files and path not in entry.files
        ]
        if entry.layout is not None and entry.layout not in DECODERS:
            problems.append(f"models.{name}.layout: should be one of {', '.join(DECODERS)} (got {entry.layout})")
    return problems


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc))
