"""Figures."""

from datetime import datetime

from pydantic import Field

from vision.api.wire.base import Wire
from vision.core.findings import ViolationType


class TrendPoint(Wire):
    day: str = Field(examples=["2026-07-01"])
    type: ViolationType
    raised: int
    confirmed: int
    rejected: int
    filed: int


class Figures(Wire):
    """Counts, shares and times of a set of incidents; null where nothing is known yet."""

    raised: int
    open: int
    confirmed: int
    rejected: int
    filed: int
    precision: float | None = Field(description="Confirmed of all judged; null while none is judged.")
    false_alarms_per_camera_day: float | None = Field(description="Rejected, by enabled cameras and days.")
    rectified_after_warning: float | None = Field(description="Of those warned and ended: gone without a case.")
    median_to_alert_s: float | None = Field(description="First seen to alert, dwell included.")
    median_to_file_s: float | None = Field(description="Alert to the platform's yes.")
    median_to_gone_s: float | None = Field(description="Alert to gone.")
    p90_to_gone_s: float | None = Field(description="The same, for nine of ten.")
    median_gone_s: float | None = Field(description="First seen to gone.")


class TypeFigures(Figures):
    type: ViolationType


class CameraFigures(Wire):
    camera: str
    type: ViolationType
    raised: int
    confirmed: int
    rejected: int
    precision: float | None
    false_alarms_per_camera_day: float | None


class HeatCell(Wire):
    """A square of 100 m by its middle (WGS-84)."""

    longitude: float
    latitude: float
    type: ViolationType
    raised: int


class BayCounts(Wire):
    """How full bike bays were."""

    bikes_mean: float | None
    bikes_most: int | None
    occupancy: float | None = Field(description="Bikes over capacity, of bays whose capacity is known; may pass 1.")
    overflow_min: float = Field(description="Minutes with more bikes than the bay holds.")
    watched_min: float


class BayFigures(BayCounts):
    bay: str = Field(examples=["gate/bay1"])
    camera: str
    capacity: int | None


class BayHour(BayCounts):
    hour: int


class FiledShare(Wire):
    """How many of the filed cases video found and filed by itself; a case that an operator told to be filed is not."""

    ai_filed: int
    by_hand_filed: int = Field(description="Filed because an operator told to.")
    all_filed: int = Field(description="The hub's own cases, or the city's number as given by `all_cases`.")
    ai_share: float | None


class RankItem(Wire):
    key: str
    raised: int
    rejected: int
    filed: int


class SpeakerEffect(Wire):
    spoken: int
    rectified_after: int = Field(description="Incidents spoken to that went away without a case.")
    silent: int


class Statistics(Wire):
    """Figures of a stretch of time, cut into days of the console's time zone."""

    since: datetime
    until: datetime
    totals: list[TypeFigures]
    trend: list[TrendPoint]
    hours: dict[str, list[int]] = Field(description="Raised per hour of the day (24 numbers), by type.")
    ranking: dict[str, list[RankItem]] = Field(description="By zone, camera, grid, shop and district, most first.")
    cameras: list[CameraFigures] = Field(description="Precision by camera and type, most raised first.")
    cells: list[HeatCell] = Field(description="A heat map, most raised first.")
    bays: list[BayFigures] = Field(description="Longest overflow first.")
    bay_hours: list[BayHour] = Field(description="All bays together, by the hour of the day.")
    total: Figures
    ai_share: float | None = Field(description="Share of the filed cases that no person asked for.")
    share: FiledShare
    speakers: SpeakerEffect
