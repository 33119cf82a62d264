"""The rules file of a what-if replay: what would be otherwise, and nothing else."""

from pydantic import Field

from vision.config.base import HoursConfig, Section
from vision.config.incidents import IncidentsConfig, ZoneName
from vision.core.findings import ViolationType


class ReplayZoneConfig(Section):
    """One zone under trial."""

    dwell_s: float | None = Field(None, gt=0, description="Seconds something must stay.")
    permitted: tuple[HoursConfig, ...] | None = Field(None, description="Hours in which its use is allowed.")
    off: bool = Field(False, description="Whether the zone says nothing at all.")


class ReplayConfig(Section):
    """Rules to try on kept findings."""

    dwell_s: dict[ViolationType, float] = Field(default_factory=dict, description="Dwell by type, in seconds.")
    least_score: dict[ViolationType, float] = Field(
        default_factory=dict, description="Objects under this score (0–1) are left out, by type."
    )
    least_count: dict[ViolationType, int] = Field(
        default_factory=dict, description="Fewer objects than this are no violation, by type."
    )
    zones: dict[ZoneName, ReplayZoneConfig] = Field(default_factory=dict, description="Zones as camera/zone.")
    incidents: IncidentsConfig | None = Field(None, description="Ladders; the city's own if unset.")
