"""Loudspeakers."""

from typing import Annotated

from pydantic import ConfigDict, Field

from vision.api.wire.base import HoursItem, Wire
from vision.config.base import HoursConfig


class SpeakerItem(Wire):
    id: str
    kind: str
    name: str
    place: str
    url: str = Field(description="Without its password.")
    position: tuple[float, float] | None
    earshot_m: float
    sensitive_area: bool
    exemption: str
    quiet: list[HoursItem] = Field(description="Hours in which only people may speak, and only in an emergency.")
    volume_cap: float
    cooldown_s: float
    daily_cap: int
    enabled: bool


class SpeakerChange(Wire):
    """What is given replaces what was; the rest stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"quiet": [{"from": "21:00", "to": "07:00"}], "daily_cap": 20}]},
    )

    name: Annotated[str, Field(max_length=80)] | None = None
    place: Annotated[str, Field(max_length=200)] | None = None
    quiet: Annotated[tuple[HoursConfig, ...], Field(max_length=20)] | None = None
    volume_cap: Annotated[float, Field(gt=0, le=1)] | None = None
    cooldown_s: Annotated[float, Field(ge=0, le=86400)] | None = None
    daily_cap: Annotated[int, Field(ge=0, le=10000)] | None = None
    sensitive_area: bool | None = None
    exemption: Annotated[str, Field(max_length=500)] | None = None
    enabled: bool | None = None
