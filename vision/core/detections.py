"""What a detector saw on one picture, as a struct of arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """N boxes of one picture.

    Attributes:
        xyxy: (N, 4) float32, pixels of the picture given to the detector.
        score: (N,) float32 in 0–1.
        class_id: (N,) int32, index into `names`.
        names: class names by id.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int32]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.score)
        if self.xyxy.shape != (n, 4) or self.class_id.shape != (n,):
            raise ValueError(
                f"xyxy, score and class_id should be (N, 4), (N,), (N,), "
                f"got {self.xyxy.shape}, {self.score.shape}, {self.class_id.shape}"
            )

    def __len__(self) -> int:
        return len(self.score)

    @classmethod
    def empty(cls, names: Sequence[str] = ()) -> Self:
        return cls(np.zeros((0, 4), np.float32), np.zeros((0,), np.float32), np.zeros((0,), np.int32), tuple(names))

    def select(self, index: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """The rows picked by a mask or by indices."""
        return type(self)(self.xyxy[index], self.score[index], self.class_id[index], self.names)

    def of(self, *names: str) -> Self:
        """Only the rows whose class is one of `names`."""
        wanted = np.array([i for i, name in enumerate(self.names) if name in names], np.int32)
        return self.select(np.isin(self.class_id, wanted))

    def class_name(self, row: int) -> str:
        return self.names[int(self.class_id[row])]

    def normalised(self, width_px: int, height_px: int) -> NDArray[np.float32]:
        """(N, 4) boxes in 0–1 of the view."""
        size = np.array([width_px, height_px, width_px, height_px], np.float32)
        return np.divide(self.xyxy, size, dtype=np.float32)
