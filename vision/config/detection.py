"""What detects, on which device, and how pictures are gathered into batches."""

from pathlib import Path

from pydantic import Field

from vision.config.base import Section


class DetectionConfig(Section):
    """The detector of a worker."""

    model: str = Field("street-n", description="Name in the catalogue, or a path to a model file of one's own.")
    catalogue: Path | None = Field(None, description="A models.yaml of one's own; the shipped one if unset.")
    device: str = Field("auto", description="auto, cpu, or cuda:N. auto takes the GPU where the extra gpu finds one.")
    score: float = Field(
        0.2, gt=0, lt=1, description="Lowest score handed on; the rules begin nothing on less than 0.35."
    )
    max_batch: int = Field(8, ge=1, le=256, description="Most pictures in one inference call.")
    wait_ms: float = Field(35.0, ge=0, le=1000, description="How long a batch waits for more pictures.")
    queue: int = Field(64, ge=1, description="Looks that may wait for the detector; more are dropped and counted.")
    shadow: str | None = Field(
        None, description="A second model that sees a share of the looks; the models page compares the two."
    )
    shadow_share: float = Field(0.05, gt=0, le=1, description="Share of the looks that the shadow model sees too.")
