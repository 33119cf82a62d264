"""Which standard event a violation is: code tables by generation of the standard, with a city's own rows on top."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from vision.core.errors import ConfigError
from vision.core.findings import Subtype

DEFAULT_STANDARD = "gbt30428-2013"


@dataclass(frozen=True, slots=True)
class Code:
    """One row; a code is never kept without the standard it belongs to."""

    standard_ref: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class CodeTable:
    standard_ref: str
    codes: Mapping[Subtype, Code]

    def of(self, subtype: Subtype) -> Code:
        return self.codes[subtype]


@cache
def _shipped() -> dict[str, dict[str, tuple[str, str]]]:
    text = files("vision.cases").joinpath("codes.yaml").read_text(encoding="utf-8")
    return {
        standard: {subtype: (code, name) for subtype, (code, name) in table["codes"].items()}
        for standard, table in yaml.safe_load(text).items()
    }


def standards() -> list[str]:
    """The generations that ship."""
    return sorted(_shipped())


def code_table(standard_ref: str = DEFAULT_STANDARD, own: Mapping[Subtype, tuple[str, str]] | None = None) -> CodeTable:
    """The table of a standard, with `own` (code, name) rows over the shipped ones.

    Raises:
        ConfigError: a standard that neither ships nor is given whole.
    """
    rows: dict[Subtype, tuple[str, str]] = {
        Subtype(subtype): row for subtype, row in _shipped().get(standard_ref, {}).items()
    }
    rows |= dict(own or {})
    missing = [subtype.value for subtype in Subtype if subtype not in rows]
    if missing:
        raise ConfigError(
            f"code table {standard_ref} has no row for {', '.join(missing)}; shipped are {', '.join(standards())}"
        )
    return CodeTable(standard_ref, {subtype: Code(standard_ref, code, name) for subtype, (code, name) in rows.items()})
