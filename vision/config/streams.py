"""How cameras are reached: the size of a look, and how patrols go round."""

from pydantic import Field

from vision.config.base import Section


class PatrolConfig(Section):
    """The rounds over patrol cameras. City platforms and NVRs jam when too many streams are opened at once."""

    running: int = Field(48, ge=1, description="Visits open at once.")
    gateway_running: int = Field(4, ge=1, description="Visits open at once on one gateway or NVR.")
    opens_per_s: float = Field(16.0, gt=0, description="Visits that may begin each second.")
    gateway_opens_per_s: float = Field(2.0, gt=0, description="Visits that may begin each second on one gateway.")
    target_s: tuple[float, float, float] = Field(
        (600.0, 1800.0, 3600.0), description="Every camera of priority 1, 2, 3 is seen again within these seconds."
    )
    boosted_s: float = Field(
        300.0, gt=0, description="A camera with an incident under way is seen again within these seconds."
    )
    retry_s: float = Field(30.0, gt=0, description="First wait after a failed visit; it doubles.")
    most_retry_s: float = Field(3600.0, gt=0, description="Longest wait for a camera that keeps failing.")
    looks: int = Field(1, ge=1, le=10, description="Pictures taken at each visit.")


class StreamsConfig(Section):
    """Looks and patrols."""

    look_px: int = Field(640, ge=160, le=3840, description="Longest side of a look as the detector gets it.")
    patrol: PatrolConfig = Field(PatrolConfig(), description="Rounds over patrol cameras.")
