"""What the operators' console shows where a city has its own way."""

from typing import Literal

from pydantic import Field

from vision.config.base import Section


class MapConfig(Section):
    """The map page. It works without tiles and without the internet."""

    tiles_url: str = Field(
        "", description="Picture tiles as https://host/{z}/{x}/{y}.png; empty: none, only the city's own things."
    )
    tiles_datum: Literal["wgs84", "gcj02"] = Field("wgs84", description="The datum that the tiles are drawn in.")
    attribution: str = Field("", description="The tile owner's notice, shown on the map.")


class ConsoleConfig(Section):
    """The operators' console."""

    theme: Literal["dark", "light"] = Field("dark", description="Theme until a person chooses one.")
    claim_s: float = Field(120, gt=0, le=3600, description="Seconds for which opening an alert claims it.")
    map: MapConfig = Field(MapConfig(), description="The map page.")
