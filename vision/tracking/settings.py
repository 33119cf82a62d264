"""What counts as the same thing in the same place."""

from dataclasses import dataclass

FAMILIES: tuple[frozenset[str], ...] = (
    frozenset({"bicycle", "motorcycle"}),
    frozenset({"garbage", "overflow"}),
    frozenset({"suitcase", "handbag", "backpack"}),
    frozenset({"chair", "couch", "bench"}),
    frozenset({"car", "truck", "bus", "train"}),
)
"""Classes that a detector swaps between on one object: a place takes any of its family's names."""

_FAMILY_OF = {name: min(family) for family in FAMILIES for name in family}


def family(name: str) -> str:
    """One name for all classes that flicker into each other."""
    return _FAMILY_OF.get(name, name)


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How places are matched and kept; every time is scene time.

    Attributes:
        start_score: the score that makes a new place; `keep_score` is enough to see a known one again.
        match_iou: overlap of a sighting with its place; less is enough for a part of it (the rest being hidden).
        still_shift: how far both edges of a side may move together, in box sizes, before the thing has moved.
        settle_s: standing shorter than this is not standing: at 25 looks a second everything stands for two looks.
        covered_share: share of a place behind a passer-by from which a look says nothing about it.
        missing_after_s: unseen in plain view for longer than this (and for at least two looks), it is gone.
        covered_after_s: hidden for longer than this, it is forgotten.
        gap_s: no look at all for longer than this, everything is forgotten: another bike may stand there now.
        least_presence: share of looks in which a standing object must be seen.
        memory: sightings kept per place.
        most_places: places kept per view; the least seen go first.
    """

    start_score: float = 0.35
    keep_score: float = 0.20
    match_iou: float = 0.45
    still_shift: float = 0.15
    settle_s: float = 0.9
    covered_share: float = 0.35
    missing_after_s: float = 30.0
    covered_after_s: float = 1800.0
    gap_s: float = 2700.0
    least_presence: float = 0.5
    memory: int = 9
    most_places: int = 300
