"""Cameras as a plan needs them, from a CSV of single cameras or of groups."""

import csv
import io
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vision.core.errors import ConfigError, NotThereError

Kind = Literal["live", "patrol", "snapshot"]
_KINDS: tuple[Kind, ...] = ("live", "patrol", "snapshot")
_DEFAULT_SAMPLE_S = {"live": 10.0, "patrol": 1800.0, "snapshot": 60.0}


class Group(BaseModel):
    """Cameras of one kind, stream and rhythm.

    Attributes:
        kbit_s: of the stream; what a live camera sends all the time, and a patrol camera during a visit.
        sample_s: seconds between looks.
        passes: network passes a look; tiles take more than one.
        zones: zones a camera; each gives a finding a look.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cameras: int = Field(1, ge=0)
    kind: Kind = "live"
    codec: Literal["h264", "h265"] = "h264"
    width: int = Field(1920, ge=16, le=16_384)
    height: int = Field(1080, ge=16, le=16_384)
    kbit_s: float = Field(4000.0, gt=0)
    sample_s: float = Field(10.0, gt=0)
    passes: float = Field(1.0, ge=1)
    zones: float = Field(1.0, ge=0)

    @property
    def looks_per_s(self) -> float:
        return self.cameras / self.sample_s


def sampling(text: str) -> dict[str, float]:
    """`10`, or `live=10,patrol=1800,snapshot=60`: seconds between looks by kind; raises ConfigError."""
    found = dict(_DEFAULT_SAMPLE_S)
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        kind, equals, value = part.partition("=")
        kinds: tuple[str, ...] = (kind.strip(),) if equals else _KINDS
        try:
            seconds = float(value if equals else kind)
        except ValueError:
            seconds = 0.0
        if seconds <= 0 or not set(kinds) <= set(_KINDS):
            raise ConfigError(f"sampling reads 10 or live=10,patrol=1800,snapshot=60 in seconds, got {text}")
        found |= dict.fromkeys(kinds, seconds)
    return found


def read_cameras(file: Path, sample_s: dict[str, float]) -> list[Group]:
    """A camera a row, or with a column `cameras` a group a row; every column may be left out or empty.

    Columns: those of Group; others (id, url, place…) are not read.

    Raises:
        NotThereError: no such file.
        ConfigError: every bad row, with its line.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotThereError(f"cameras {file}: {getattr(error, 'strerror', None) or error}") from error
    reader = csv.DictReader(io.StringIO(text))
    known = set(Group.model_fields)
    if not known & set(reader.fieldnames or ()):
        raise ConfigError(f"{file.name}:1: needs a header row with some of {', '.join(Group.model_fields)}")
    groups, problems = [], []
    for row in reader:
        values = {key: value.strip() for key, value in row.items() if key in known and value and value.strip()}
        values.setdefault("sample_s", str(sample_s.get(values.get("kind", "live"), 10.0)))
        try:
            groups.append(Group.model_validate(values))
        except ValidationError as error:
            problems += [
                f"{file.name}:{reader.line_num}: {'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors()
            ]
    if problems:
        raise ConfigError(*problems)
    return groups
