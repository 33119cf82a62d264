"""Model files on disk: digests, and the metadata.yaml that lies beside an exported network."""

import ast
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vision.core.errors import ModelFileError
from vision.detectors.spec import ModelSpec, NamedOutput

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metadata.yaml says: name, version, and class names by output ("" where it has but one)."""

    name: str
    version: str
    classes: Mapping[str, tuple[str, ...]]

    def name_outputs(self, file: Path, found: Sequence[tuple[str, tuple[int, ...]]]) -> list[NamedOutput]:
        """A network's outputs, given as (name, shape without the batch), with their classes.

        Raises:
            ModelFileError: the network lacks an output that is described here.
        """
        missing = sorted(self.classes.keys() - {"", *(name for name, _ in found)})
        if missing:
            raise ModelFileError(f"{file}: has no output named {', '.join(missing)}, which its metadata.yaml lists")
        only = self.classes.get("", ())
        return [NamedOutput(name, self.classes.get(name, only), shape) for name, shape in found]


def sha256(file: Path) -> str:
    """Raises ModelFileError when the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelFileError(f"{file}: {_plain(error)}") from None
    return digest.hexdigest()


def check_files(spec: ModelSpec) -> None:
    """The model's files are there and are the ones the catalogue means.

    Raises:
        ModelFileError: one is missing, empty, or has another digest.
    """
    for file in dict.fromkeys([spec.file, *spec.sha256]):
        check_file(file, spec.sha256.get(file))


def check_file(file: Path, digest: str | None) -> None:
    """Raises ModelFileError when the file is missing, empty, or has another digest than the one given."""
    if not file.is_file():
        raise ModelFileError(f"{file}: this model file is not there")
    if file.stat().st_size == 0:
        raise ModelFileError(f"{file}: this model file is empty")
    if digest is not None and (found := sha256(file)) != digest:
        raise ModelFileError(
            f"{file}: damaged or changed, its sha256 is {found[:12]}… and should be {digest[:12]}…; "
            "get it again with `vision models pull`"
        )


def version_of(spec: ModelSpec, metadata: Metadata | None) -> str:
    """Name, version and eight hex digits of the weights: two models never share a version by accident."""
    version = spec.version or (metadata.version if metadata else "")
    weights = spec.file.with_suffix(".bin") if spec.file.suffix == ".xml" else spec.file
    return " ".join(filter(None, [spec.name, version, f"({sha256(weights)[:8]})"]))


def read_metadata(beside: Path) -> Metadata | None:
    """The metadata.yaml in the folder of a model file, ours or one that Ultralytics wrote; None without one.

    Raises:
        ModelFileError: it is there but not readable as such.
    """
    file = beside.parent / "metadata.yaml"
    if not file.is_file():
        return None
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelFileError(f"{file}: should be YAML that names the model's classes: {_plain(error)}") from None
    if not isinstance(document, dict):
        raise ModelFileError(f"{file}: should be a mapping with `outputs` or `names`")
    if "outputs" in document:
        try:
            classes = {str(one["name"]): tuple(map(str, one["classes"])) for one in document["outputs"]}
        except (TypeError, KeyError):
            raise ModelFileError(f"{file}: every output should have a `name` and `classes`") from None
    else:
        classes = {"": names_of(document.get("names"), file)}
    return Metadata(str(document.get("name", "")), str(document.get("version", "")), classes)


def names_of(names: Any, file: Path) -> tuple[str, ...]:
    """Class names in order, from a list, from {0: name, …}, or from either written as Python (ONNX metadata).

    Raises:
        ModelFileError: they are none of these, or ids are missing.
    """
    if isinstance(names, str):
        try:
            names = ast.literal_eval(names)
        except (ValueError, SyntaxError):
            names = None
    found = names_of_mapping(names)
    if found is None:
        raise ModelFileError(f"{file}: `names` should list every class, as [a, b] or {{0: a, 1: b}}")
    return found


def names_of_mapping(names: Any) -> tuple[str, ...] | None:
    """Class names in order, from a list or from {0: name, …}; None if they are neither or a number is missing."""
    if isinstance(names, dict):
        try:
            by_id = {int(key): str(value) for key, value in names.items()}
        except ValueError:
            return None
        names = [by_id[index] for index in range(len(by_id))] if sorted(by_id) == list(range(len(by_id))) else None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def _plain(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())
