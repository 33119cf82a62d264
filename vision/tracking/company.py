"""What was at a thing: people beside a change, and the vehicle after which something came to lie there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from vision.core.geometry import Box
from vision.core.scene import ChangeObject, StaticObject
from vision.tracking.place import Boxes, covered_share

ATTENDED_SHARE = 0.15
_BESIDE = 0.5  # of a vehicle's box, each way: a load falls behind it, and it moved on since the last look
_MEMORY = 2.0  # a change is known only some looks after it came

Thing = TypeVar("Thing", StaticObject, ChangeObject)


@dataclass(slots=True)
class _Sightings:
    looks: int = 0
    attended: int = 0


class Company:
    """Remembers what changes and standing things alone do not tell. Every time is scene time."""

    def __init__(self, after_vehicle_s: float) -> None:
        """`after_vehicle_s`: how soon after a vehicle was there something must come to have come from it."""
        self._after_vehicle_s = after_vehicle_s
        self._vehicles: list[tuple[datetime, Boxes]] = []
        self._sightings: dict[int, _Sightings] = {}
        self._after: dict[str, float | None] = {}

    def look(
        self, at: datetime, people: Sequence[Box], vehicles: Sequence[Box], changes: Sequence[ChangeObject]
    ) -> None:
        """Take in who passes at this look, and which of the changes are seen with somebody at them."""
        self._vehicles = [
            (seen, boxes)
            for seen, boxes in self._vehicles
            if 0 <= (at - seen).total_seconds() <= _MEMORY * self._after_vehicle_s
        ]
        if vehicles:
            self._vehicles.append((at, _beside(vehicles)))
        with_people = covered_share(_array([change.box for change in changes]), _array(people)) >= ATTENDED_SHARE
        for change, attended in zip(changes, with_people, strict=True):
            if change.last_seen == at:
                seen_so_far = self._sightings.setdefault(change.id, _Sightings())
                seen_so_far.looks += 1
                seen_so_far.attended += bool(attended)
        self._sightings = {change.id: self._sightings[change.id] for change in changes if change.id in self._sightings}

    def join(
        self, things: Sequence[StaticObject], changes: Sequence[ChangeObject]
    ) -> tuple[tuple[StaticObject, ...], tuple[ChangeObject, ...]]:
        """The same things and changes, each with what was at it."""
        after: dict[str, float | None] = {}
        known_things = tuple(self._told(thing, f"thing {thing.id}", after) for thing in things)
        known_changes = tuple(
            self._told(replace(change, attended=self._attended(change)), f"change {change.id}", after)
            for change in changes
        )
        self._after = after
        return known_things, known_changes

    def _attended(self, change: ChangeObject) -> float:
        seen = self._sightings.get(change.id)
        return seen.attended / seen.looks if seen else 0.0

    def _told(self, thing: Thing, key: str, after: dict[str, float | None]) -> Thing:
        """Asked once, when the thing is new: what passes later explains nothing."""
        after[key] = self._after[key] if key in self._after else self._since_vehicle_s(thing.box, thing.first_seen)
        return replace(thing, after_vehicle_s=after[key])

    def _since_vehicle_s(self, box: Box, came: datetime) -> float | None:
        """Seconds from the last vehicle at a place until something came there; None without one shortly before."""
        gaps_s = [
            (came - seen).total_seconds()
            for seen, boxes in self._vehicles
            if covered_share(np.array([box]), boxes)[0] > 0
        ]
        return min((gap_s for gap_s in gaps_s if 0 <= gap_s <= self._after_vehicle_s), default=None)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "vehicles": [[seen.isoformat(), boxes.round(4).tolist()] for seen, boxes in self._vehicles],
            "sightings": [[key, one.looks, one.attended] for key, one in self._sightings.items()],
            "after": self._after,
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from `to_record`.

        Raises:
            ValueError, KeyError, TypeError: the record is no company's.
        """
        vehicles = [(datetime.fromisoformat(seen), _array(boxes)) for seen, boxes in record["vehicles"]]
        sightings = {int(key): _Sightings(int(looks), int(attended)) for key, looks, attended in record["sightings"]}
        after = {str(key): None if gap_s is None else float(gap_s) for key, gap_s in record["after"].items()}
        self._vehicles, self._sightings, self._after = vehicles, sightings, after


def _array(boxes: Sequence[Box]) -> Boxes:
    return np.array(boxes, np.float64).reshape(-1, 4)


def _beside(vehicles: Sequence[Box]) -> Boxes:
    """(N, 4) the vehicles' boxes with what lies right beside them."""
    boxes = _array(vehicles)
    margin = _BESIDE * np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))
    grown: Boxes = boxes + margin * np.array([-1, -1, 1, 1])
    return grown
