"""What every record of the API has in common."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Words(Wire):
    zh: str
    en: str


Reason = Annotated[str, Field(max_length=500)]


class Accepted(Wire):
    """Taken; the change shows in the incident and in the alert stream."""

    status: Literal["accepted"] = "accepted"
    incident_id: str | None = None


class HoursItem(Wire):
    """A daily stretch of local time; one past midnight belongs to the weekday it begins on."""

    begin: str = Field(alias="from", examples=["22:00"])
    end: str = Field(alias="to", examples=["06:00"])
    weekdays: list[str]


def from_unix(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
