"""Describes the configuration file from its schema: JSON for editors, Markdown for people."""

import json
from typing import Any

from vision.config.schema import CityConfig

_HEAD = """# Configuration

Every setting of the city's YAML file, made from the schema by `make docs`. `vision check --config city.yaml` reports
every mistake at once with file and line. `${NAME}` (or `${NAME:-default}`) inside a value takes the environment
variable NAME: keep passwords there. Relative folders are meant from where the file lies.
"""


def json_schema() -> str:
    return json.dumps(CityConfig.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def markdown() -> str:
    """One table for each section, in the order in which they appear in the file."""
    schema = CityConfig.model_json_schema()
    parts = [_HEAD]
    done: set[str] = set()
    waiting: list[tuple[str, dict[str, Any]]] = [("The file", schema)]
    while waiting:
        title, section = waiting.pop(0)
        parts.append(_table(title, section, schema["$defs"]))
        for value in section.get("properties", {}).values():
            for name in _sections(value):
                if name not in done:
                    done.add(name)
                    definition = schema["$defs"][name]
                    if "properties" in definition:
                        waiting.append((name, definition))
    return "\n".join(parts)


def _table(title: str, section: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = section.get("required", [])
    lines = [f"## {title}", ""]
    if title != "The file" and section.get("description"):
        lines += [section["description"], ""]
    lines += ["| setting | values | default | what it does |", "|---|---|---|---|"]
    for name, value in section.get("properties", {}).items():
        default = "**needed**" if name in required else _default(value)
        told = value.get("description") or definitions.get(_name(value.get("$ref", "")), {}).get("description", "")
        lines.append(f"| `{name}` | {_kind(value, definitions)} | {default} | {_escape(told)} |")
    return "\n".join([*lines, ""])


def _default(value: dict[str, Any]) -> str:
    if "default" not in value:
        return "none"
    default = value["default"]
    if default is None or default in ([], {}, ""):
        return "none"
    return "as below" if isinstance(default, dict) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in definitions.get(_name(value.get("$ref", "")), {}):
        return _kind(definitions[_name(value["$ref"])], definitions)
    if "$ref" in value:
        return f"[{_name(value['$ref'])}](#{_name(value['$ref']).lower()})"
    if "anyOf" in value:
        return " or ".join(_kind(part, definitions) for part in value["anyOf"] if part.get("type") != "null")
    if "oneOf" in value:
        return " or ".join(_kind(part, definitions) for part in value["oneOf"])
    if "allOf" in value:
        return " ".join(_kind(part, definitions) for part in value["allOf"])
    if "enum" in value:
        return ", ".join(f"`{item}`" for item in value["enum"])
    if value.get("type") == "object":
        inner = value.get("additionalProperties") or next(iter(value.get("patternProperties", {}).values()), None)
        return f"id → {_kind(inner, definitions)}" if isinstance(inner, dict) else "mapping"
    if value.get("type") == "array":
        inner = value.get("items")
        return f"list of {_kind(inner, definitions)}" if isinstance(inner, dict) else "list"
    return _escape(str(value.get("type", "any")))


def _sections(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [_name(value["$ref"])] if "$ref" in value else []
        return own + [name for key, part in value.items() if key != "$ref" for name in _sections(part)]
    return [name for part in value for name in _sections(part)] if isinstance(value, list) else []


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
