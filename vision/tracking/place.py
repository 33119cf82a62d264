"""One place where something is seen again and again, and how boxes of one thing compare."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vision.core.geometry import Box

Boxes = NDArray[np.float64]


def moved(origin: Boxes, boxes: Boxes) -> NDArray[np.float64]:
    """(N, M) shift of whole boxes between (N, 4) and (M, 4), in units of the geometric mean of the origin's sides.

    A box half hidden loses one edge and keeps the other; a thing that moves takes both along. So the shift along
    an axis is the smaller of its two edges' shifts, and none when they go opposite ways.
    """
    size = np.sqrt(np.prod(np.maximum(origin[:, 2:] - origin[:, :2], 1e-9), axis=1))[:, None]
    edges = boxes[None, :, :] - origin[:, None, :]
    low, high = edges[:, :, :2], edges[:, :, 2:]
    shift = np.where(low * high > 0, np.minimum(np.abs(low), np.abs(high)), 0.0)
    distance: NDArray[np.float64] = np.sqrt((shift**2).sum(axis=2)) / size
    return distance


def covered_share(boxes: Boxes, covers: Boxes) -> NDArray[np.float64]:
    """(N,) largest share of each of the (N, 4) boxes that one of the (M, 4) covers hides."""
    if not len(boxes) or not len(covers):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], covers[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], covers[None, :, 2:])
    inter = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.maximum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), 1e-12)
    share: NDArray[np.float64] = (inter / area[:, None]).max(axis=1)
    return share


@dataclass(slots=True)
class Place:
    """What was seen at one place. `recent` holds the latest sightings as (name, score, box)."""

    id: int
    first_seen: datetime
    last_seen: datetime
    origin: Box
    arrived: bool
    recent: list[tuple[str, float, Box]] = field(default_factory=list)
    looks: int = 0
    missed: int = 0
    missed_in_row: int = 0
    attended: int = 0
    covered_since: datetime | None = None

    @property
    def name(self) -> str:
        """The class with the most score among the latest sightings."""
        votes: dict[str, float] = {}
        for name, score, _ in self.recent:
            votes[name] = votes.get(name, 0.0) + score
        return max(votes, key=lambda name: votes[name])

    @property
    def score(self) -> float:
        return float(np.mean([score for _, score, _ in self.recent]))

    @property
    def box(self) -> Box:
        x1, y1, x2, y2 = np.median(np.array([box for _, _, box in self.recent]), axis=0)
        return float(x1), float(y1), float(x2), float(y2)

    @property
    def presence(self) -> float:
        return self.looks / (self.looks + self.missed)

    def see(self, at: datetime, name: str, score: float, box: Box, *, attended: bool, memory: int) -> None:
        self.recent = [*self.recent[1 - memory :], (name, score, box)]
        self.last_seen = at
        self.looks += 1
        self.attended += attended
        self.missed_in_row = 0
        self.covered_since = None

    def glimpse(self, at: datetime, *, attended: bool) -> None:
        """Seen again, but less surely than before where it is known to stand: it is there, and stays what it was."""
        self.last_seen = at
        self.looks += 1
        self.attended += attended
        self.missed_in_row = 0
        self.covered_since = None

    def restart(self, at: datetime) -> None:
        """It is the same class at nearly the same place, but it moved: its dwell begins again."""
        self.first_seen, self.origin = at, self.recent[-1][2]
        self.recent = self.recent[-1:]
        self.looks, self.missed, self.arrived = 1, 0, True

    def to_record(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "first_seen": self.first_seen.isoformat(),
            "last_seen": self.last_seen.isoformat(),
            "origin": list(self.origin),
            "arrived": self.arrived,
            "recent": [[name, score, list(box)] for name, score, box in self.recent],
            "counts": [self.looks, self.missed, self.missed_in_row, self.attended],
            "covered_since": None if self.covered_since is None else self.covered_since.isoformat(),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        looks, missed, in_row, attended = record["counts"]
        covered = record["covered_since"]
        x1, y1, x2, y2 = record["origin"]
        return cls(
            id=int(record["id"]),
            first_seen=datetime.fromisoformat(record["first_seen"]),
            last_seen=datetime.fromisoformat(record["last_seen"]),
            origin=(x1, y1, x2, y2),
            arrived=bool(record["arrived"]),
            recent=[(name, score, (b[0], b[1], b[2], b[3])) for name, score, b in record["recent"]],
            looks=looks,
            missed=missed,
            missed_in_row=in_row,
            attended=attended,
            covered_since=None if covered is None else datetime.fromisoformat(covered),
        )
