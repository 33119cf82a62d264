"""Which keyframes are looked at: a grid in stream time, so that late keyframes do not add up."""

from dataclasses import dataclass, field

_JUMP_S = 60.0


@dataclass(slots=True)
class Sampler:
    """Says which of the pictures that pass are looks, `every_s` apart on average.

    The grid is fixed by the first look. A look taken late (keyframes come when they come) does not move the
    grid, so over a long time the number of looks is duration ÷ every_s. A jump of the stream's clock starts a
    new grid.

    Attributes:
        early_s: how early a picture still is the look of its time: cameras' clocks are not exact.
    """

    every_s: float
    early_s: float = 0.1
    _due_s: float | None = field(default=None, init=False)
    _last_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.early_s = min(self.early_s, self.every_s / 4)

    def _jumped(self, pts_s: float) -> bool:
        return self._due_s is None or pts_s < self._last_s or pts_s > self._due_s + _JUMP_S + self.every_s

    def due(self, pts_s: float) -> bool:
        """Whether the picture at `pts_s` would be a look; `took` says that it became one."""
        return self._due_s is None or self._jumped(pts_s) or pts_s >= self._due_s - self.early_s

    def took(self, pts_s: float) -> None:
        if self._due_s is None or self._jumped(pts_s):
            self._due_s = pts_s
        self._last_s = pts_s
        if self.every_s > 0:
            late_s = max(0.0, pts_s + self.early_s - self._due_s)
            self._due_s += (late_s // self.every_s + 1) * self.every_s
