"""A look: one picture of one view at one time, with the truth about where that time came from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR."""


class TimeSource(StrEnum):
    """Where `captured_at` came from, best first."""

    CAMERA = "camera"  # RTCP sender report (RFC 3550 section 6.4.1): the camera's own NTP time
    ARRIVAL = "arrival"  # this machine's clock when the packet came
    FILE = "file"  # a file's pts added to a chosen start


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One look.

    Attributes:
        session: +1 per reconnect, so that a pts is only ever compared within one session.
        seq: number of the look within its session.
        pts_s: presentation time within the session, seconds.
        captured_at: aware UTC scene time.
        image: (H, W, 3) uint8 BGR, already scaled for the detector (never enlarged).
        full: the same at the camera's own resolution, kept only when evidence or tiling asked for it.
    """

    camera_id: str
    view_id: str
    session: int
    seq: int
    pts_s: float
    captured_at: datetime
    time_source: TimeSource
    image: Image
    full: Image | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image should be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.captured_at.tzinfo is None:
            raise ValueError("captured_at should be an aware datetime")

    @property
    def best(self) -> Image:
        """The sharpest picture held: the full one where it was kept."""
        return self.image if self.full is None else self.full
