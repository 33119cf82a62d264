"""Reads a YAML file into plain values while remembering the line of every key."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vision.core.errors import ConfigError, NotThereError

Path_ = tuple[str | int, ...]
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(slots=True)
class YamlFile:
    """A parsed file: `values`, and the line (from 1) at which each path begins."""

    name: str
    values: Any
    lines: dict[Path_, int] = field(default_factory=dict)

    def where(self, path: Path_) -> str:
        """`file:line` of the path, or of the nearest parent that the file has."""
        for cut in range(len(path), -1, -1):
            if path[:cut] in self.lines:
                return f"{self.name}:{self.lines[path[:cut]]}"
        return self.name


def read_yaml(path: Path) -> YamlFile:
    """Read the file; `${NAME}` or `${NAME:-default}` inside a value takes the environment variable, so that passwords
    stay out of files.

    Raises:
        NotThereError: no such file, or it cannot be read.
        ConfigError: not YAML, keys given twice, or an environment variable that is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NotThereError(f"configuration {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        root = _composed(text)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(path.name, error)) from error
    file = YamlFile(path.name, {})
    problems: list[str] = []
    if root is not None:
        file.values = _value(root, (), file, problems)
    if problems:
        raise ConfigError(*problems)
    return file


def _composed(text: str) -> Node | None:
    """By libyaml where PyYAML was built with it: a city of 17,500 cameras takes a fifth of the time."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):  # then the slow one says in its better words what is wrong
            return yaml.compose(text, Loader=yaml.CSafeLoader)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _value(node: Node, path: Path_, file: YamlFile, problems: list[str]) -> Any:
    file.lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case MappingNode():
            return _mapping(node, path, file, problems)
        case SequenceNode():
            return [_value(child, (*path, i), file, problems) for i, child in enumerate(node.value)]
        case _:
            assert isinstance(node, ScalarNode)
            return _scalar(node, path, file, problems)


def _mapping(node: MappingNode, path: Path_, file: YamlFile, problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, child in node.value:
        key = str(key_node.value)
        if key in values:
            line = key_node.start_mark.line + 1
            problems.append(f"{file.name}:{line}: {_dotted((*path, key))}: stands here a second time")
        file.lines[(*path, key)] = key_node.start_mark.line + 1
        values[key] = _value(child, (*path, key), file, problems)
    return values


def _scalar(node: ScalarNode, path: Path_, file: YamlFile, problems: list[str]) -> Any:
    def fill(match: re.Match[str]) -> str:
        value = os.environ.get(match[1], match[2])  # noqa: TID251 - the one place where ${NAME} is filled in
        if value is None:
            problems.append(f"{file.where(path)}: {_dotted(path)}: environment variable {match[1]} is not set")
        return value or ""

    if "${" in node.value:
        return _VARIABLE.sub(fill, node.value)
    if node.tag == "tag:yaml.org,2002:str":
        return node.value
    if node.tag == "tag:yaml.org,2002:timestamp":  # 22:00 and dates stay words; the schema reads them
        return node.value
    if node.tag == "tag:yaml.org,2002:int" and ":" in node.value:  # YAML 1.1 reads 22:00 as 1320
        return node.value
    return yaml.SafeLoader("").construct_object(node)


def _syntax(name: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    return f"{name}{line}: not valid YAML: {getattr(error, 'problem', None) or error}"


def _dotted(path: Path_) -> str:
    return ".".join(str(part) for part in path) or "(the whole file)"
