"""A look: one picture of one view at one time, with the truth about where that time came from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8 BGR."""


class TimeSource(StrEnum):
    """Where `captured_at` came from, best first."""

    CAMERA = "camera"  # RTCP sender report (RFC 3550 section 6.4.1): the camera's own NTP time
    ARRIVAL = "arrival"  # this machine's clock when the packet came
    FILE = "file"  # a file's pts added to a chosen start


class Later:
    """A picture that is made when somebody wants it, once; from any thread.

    Most looks are never wanted sharper than the detector takes them, and a full picture costs ten times a look.
    """

    def __init__(self, make: Callable[[], Image | None]) -> None:
        """`make`: the picture, or None when it cannot be had any more."""
        self._make: Callable[[], Image | None] | None = make
        self._made: Image | None = None
        self._lock = Lock()

    def get(self) -> Image | None:
        with self._lock:
            if self._make is not None:
                self._made, self._make = self._make(), None
            return self._made


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One look.

    Attributes:
        session: +1 per reconnect, so that a pts is only ever compared within one session.
        seq: number of the look within its session.
        pts_s: presentation time within the session, seconds.
        captured_at: aware UTC scene time.
        image: (H, W, 3) uint8 BGR, already scaled for the detector (never enlarged).
        full: the same at the camera's own resolution; None where the look is that already.
    """

    camera_id: str
    view_id: str
    session: int
    seq: int
    pts_s: float
    captured_at: datetime
    time_source: TimeSource
    image: Image
    full: Image | Later | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image should be (H, W, 3) uint8, got {self.image.shape} {self.image.dtype}")
        if self.captured_at.tzinfo is None:
            raise ValueError("captured_at should be an aware datetime")

    @property
    def best(self) -> Image:
        """The sharpest picture there is: for evidence, close looks and tiles."""
        full = self.full.get() if isinstance(self.full, Later) else self.full
        return self.image if full is None else full
