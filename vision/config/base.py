"""What every section shares: frozen, unknown keys refused, every key described."""

from datetime import time
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from vision.core.registry import Hours

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
"""Names that are safe in file names, URLs and Redis keys."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=False)


def _in_view(point: tuple[float, float]) -> tuple[float, float]:
    if not all(0 <= value <= 1 for value in point):
        raise ValueError(f"should lie in 0–1 of the view, got {list(point)}")
    return point


ViewPoint = Annotated[tuple[float, float], AfterValidator(_in_view)]


def _on_earth(point: tuple[float, float]) -> tuple[float, float]:
    longitude, latitude = point
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise ValueError(f"should be [longitude, latitude] in degrees, got {list(point)}")
    return point


GroundPoint = Annotated[tuple[float, float], AfterValidator(_on_earth)]


class HoursConfig(Section):
    """A daily stretch of local time."""

    begin: time = Field(alias="from", description="Local time at which it begins, such as 18:00.")
    end: time = Field(alias="to", description="Local time at which it ends; earlier than `from` runs past midnight.")
    weekdays: tuple[str, ...] = Field(WEEKDAYS, description="Days on which it begins: mon, tue, … sun.")

    @model_validator(mode="after")
    def _known_days(self) -> Self:
        unknown = [day for day in self.weekdays if day not in WEEKDAYS]
        if unknown:
            raise ValueError(f"weekdays should be among {', '.join(WEEKDAYS)}, got {', '.join(unknown)}")
        return self

    def to_core(self) -> Hours:
        return Hours(self.begin, self.end, frozenset(WEEKDAYS.index(day) + 1 for day in self.weekdays))
