"""What is slow, and which cameras are looked at more rarely for it, over the API."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from vision.api.wire.base import Wire, Words


class SlowdownItem(Wire):
    cause: Literal["detector", "rules", "evidence", "redis", "database", "hub", "platform"]
    name: Words
    since: datetime
    why: Words = Field(description="What was measured.")


class ClassPaceItem(Wire):
    priority: int = Field(ge=1, le=3, description="1 is the most important.")
    name: Words
    views: int = Field(description="Of the cameras of this class that workers look at.")
    looks_share: float = Field(description="Of the looks that came lately, those that were judged.")
    every_s: float | None = Field(description="Between two looks at one view, on average; null when none was judged.")


class PressureState(Wire):
    """All is well while `summary` is null."""

    summary: Words | None
    slow: list[SlowdownItem]
    classes: list[ClassPaceItem]
