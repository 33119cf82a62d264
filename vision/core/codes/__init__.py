"""Which standard event a violation is, and when it is filed, closed and due: tables as data, in three generations.

The CSV files beside this module are the tables: `<standard>.csv` with one row an event (a row without `subtype` is an
event that the cameras do not raise), and `conditions.csv` with filing condition, closing condition and time limit by
event name and area class (A, B, C or `*`). Confidence H: two or more sources; M: one. A city brings its own files.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from vision.core.errors import ConfigError
from vision.core.findings import Subtype

DEFAULT_STANDARD = "gbt30428-2013"
STANDARDS = ("cjt214", "gbt30428-2013", "gbt47678-2026")
AREAS = ("A", "B", "C")
ANY_AREA = "*"
_UNITS = frozenset({"urgent_hours", "work_hours", "days", "work_days"})
_EVENT_COLUMNS = ("subtype", "code", "name", "confidence", "source")
_CONDITION_COLUMNS = ("name", "area", "filing_condition", "closing_condition", "limit", "unit", "source")


@dataclass(frozen=True, slots=True)
class EventCode:
    """One event of a standard; a code is never kept without its standard."""

    standard_ref: str
    code: str
    name: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """When an event is filed and closed, and how long may be taken: `limit` of `unit` (urgent_hours 紧急工作时,
    work_hours 工作时, days 天, work_days 工作日).
    """

    name: str
    area: str
    filing: str
    closing: str
    limit: float
    unit: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Standard:
    """A deployment's table: every subtype's event, and the conditions of its events by area class."""

    ref: str
    events: Mapping[Subtype, EventCode]
    conditions: Mapping[tuple[str, str], Condition] = field(default_factory=dict)

    def event(self, subtype: Subtype) -> EventCode:
        return self.events[subtype]

    def condition(self, subtype: Subtype, area: str = ANY_AREA) -> Condition | None:
        """The area's own row, else the one for every area; None where the city has none."""
        name = self.events[subtype].name
        return self.conditions.get((name, area)) or self.conditions.get((name, ANY_AREA))


def standard(
    ref: str = DEFAULT_STANDARD,
    own: Mapping[Subtype, tuple[str, str]] = MappingProxyType({}),
    conditions: str = "",
    *,
    where: str = "conditions.csv",
) -> Standard:
    """A shipped standard, or one that is wholly a city's own.

    Args:
        ref: one of STANDARDS, or a city's name for its own.
        own: a city's (code, name) rows, over the shipped ones.
        where: the file that `conditions` was read from, for what is wrong with it.
        conditions: CSV text of a city's own conditions; an event that it names keeps none of the shipped rows.

    Raises:
        ConfigError: a standard that neither ships nor is given whole, and every bad row of `conditions`.
    """
    shipped = _shipped(ref) if ref in STANDARDS else Standard(ref, {}, _shipped(DEFAULT_STANDARD).conditions)
    rows = {subtype: EventCode(ref, code, name, "the city's own") for subtype, (code, name) in own.items()}
    events = {**shipped.events, **rows}
    problems = _missing(ref, events)
    limits = _conditions(conditions, where, problems)
    if problems:
        raise ConfigError(*problems)
    named = {name for name, _area in limits}
    kept = {key: row for key, row in shipped.conditions.items() if key[0] not in named}
    return Standard(ref, events, {**kept, **limits})


@cache
def _shipped(ref: str) -> Standard:
    folder = files(__name__)
    return read_standard(
        ref,
        folder.joinpath(f"{ref}.csv").read_text(encoding="utf-8"),
        folder.joinpath("conditions.csv").read_text(encoding="utf-8"),
        where=(f"{ref}.csv", "conditions.csv"),
    )


def read_standard(
    ref: str, events: str, conditions: str = "", *, where: tuple[str, str] = ("events.csv", "conditions.csv")
) -> Standard:
    """A table from CSV text.

    Raises:
        ConfigError: every bad row at once, each as `events.csv:3: code: should be …`, and every subtype without a row.
    """
    problems: list[str] = []
    found: dict[Subtype, EventCode] = {}
    for line, row in _rows(events, _EVENT_COLUMNS, where[0], problems):
        wrong = _event_problem(row)
        if wrong:
            problems.append(f"{where[0]}:{line}: {wrong}")
        elif row["subtype"]:
            found[Subtype(row["subtype"])] = EventCode(ref, row["code"], row["name"], row["source"])
    if not problems:
        problems += _missing(where[0], found)
    limits = _conditions(conditions, where[1], problems)
    if problems:
        raise ConfigError(*problems)
    return Standard(ref, found, limits)


def _missing(where: str, events: Mapping[Subtype, EventCode]) -> list[str]:
    missing = [subtype.value for subtype in Subtype if subtype not in events]
    shipped = f"; shipped standards are {', '.join(STANDARDS)}"
    return [f"{where}: has no row for {', '.join(missing)}{shipped}"] if missing else []


def _conditions(text: str, where: str, problems: list[str]) -> dict[tuple[str, str], Condition]:
    """Rows by event name and area; what is wrong with them is added to `problems`."""
    limits: dict[tuple[str, str], Condition] = {}
    for line, row in _rows(text, _CONDITION_COLUMNS, where, problems):
        wrong = _condition_problem(row)
        if wrong:
            problems.append(f"{where}:{line}: {wrong}")
            continue
        condition = Condition(
            row["name"],
            row["area"],
            row["filing_condition"],
            row["closing_condition"],
            float(row["limit"]),
            row["unit"],
            row["source"],
        )
        limits[condition.name, condition.area] = condition
    return limits


def _rows(text: str, columns: tuple[str, ...], where: str, problems: list[str]) -> Iterable[tuple[int, dict[str, str]]]:
    if not text.strip():
        return
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    absent = [name for name in columns if name not in (reader.fieldnames or ())]
    if absent:
        problems.append(f"{where}:1: lacks the columns {', '.join(absent)}")
        return
    for row in reader:
        yield reader.line_num, {name: (row[name] or "").strip() for name in columns}


def _event_problem(row: dict[str, str]) -> str:
    if row["subtype"] and row["subtype"] not in set(Subtype):
        return f"subtype: should be one of {', '.join(Subtype)}, got {row['subtype']}"
    if not (row["code"].isdigit() and 2 <= len(row["code"]) <= 16):
        return f"code: should be 2 to 16 digits, got {row['code']!r}"
    return "" if row["name"] else "name: is missing"


def _condition_problem(row: dict[str, str]) -> str:
    if not row["name"]:
        return "name: is missing"
    if row["area"] not in {*AREAS, ANY_AREA}:
        return f"area: should be A, B, C or *, got {row['area']!r}"
    if row["unit"] not in _UNITS:
        return f"unit: should be one of {', '.join(sorted(_UNITS))}, got {row['unit']!r}"
    try:
        good = float(row["limit"]) > 0
    except ValueError:
        good = False
    return "" if good else f"limit: should be a number above 0, got {row['limit']!r}"
