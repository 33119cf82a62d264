"""Templates such as `{place}` or `{x:.6f}` that people write into configuration: checked early, filled late."""

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from vision.core.errors import ConfigError


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with its names filled; a number's format is dropped where the number is not known ("")."""
    parts = []
    for literal, name, spec, _conversion in Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            value = values[name]
            parts.append("" if value == "" else format(value, spec or ""))
    return "".join(parts)


def names_in(template: str) -> Iterator[str]:
    """Names in a template; raises ConfigError on a broken one."""
    try:
        for _literal, name, _spec, _conversion in Formatter().parse(template):
            if name is not None:
                yield name
    except ValueError as error:
        raise ConfigError(f"template {template!r}: {error}") from error


def check_template(template: str, known: frozenset[str]) -> None:
    """Raises ConfigError when a template is broken or names something that does not exist."""
    unknown = [name for name in names_in(template) if name not in known]
    if unknown:
        raise ConfigError(f"template {template!r} names {', '.join(unknown)}; known are {', '.join(sorted(known))}")
