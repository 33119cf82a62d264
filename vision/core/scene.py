"""What is known of one view at one look: what stands there, who passes, what changed, and how well it can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vision.core.findings import Why
from vision.core.frames import TimeSource
from vision.core.geometry import Box


@dataclass(frozen=True, slots=True)
class StaticObject:
    """Something that keeps its place from look to look.

    Attributes:
        id: number of the place within its tracker, never used twice.
        name: the class seen most often there of late.
        box: 0–1 of the view, the median of the latest sightings.
        first_seen, last_seen: scene times.
        looks: looks in which it was seen.
        presence: share (0–1) of the looks since `first_seen` in which it was seen, those left out in which
            somebody stood before it.
        attended: share (0–1) of its sightings in which a person was at it.
        score: mean of the latest sightings, 0–1.
        still: seen at least twice, and it did not move; only such an object may be part of a violation.
        covered: hidden behind a person or a vehicle at this look.
        arrived: the place was seen without it before, so it was put there while being watched.
        after_vehicle_s: seconds between the last vehicle at its place and its coming; None without one shortly before.
    """

    id: int
    name: str
    box: Box
    first_seen: datetime
    last_seen: datetime
    looks: int
    presence: float
    attended: float
    score: float
    still: bool
    covered: bool = False
    arrived: bool = False
    after_vehicle_s: float | None = None

    def stood(self, at: datetime) -> timedelta:
        return at - self.first_seen


@dataclass(frozen=True, slots=True)
class ChangeObject:
    """Something of whatever class that is new in the zones of a view and has stayed.

    Attributes:
        id: number of the thing within its detector, never used twice.
        box: 0–1 of the view.
        area: share (0–1) of the view that changed.
        first_seen, last_seen: scene times.
        score: how sure the change is that of an object and not of light, 0–1.
        covered: hidden behind a person or a vehicle at this look.
        attended: share (0–1) of its sightings in which a person was at it.
        after_vehicle_s: as of a `StaticObject`.
    """

    id: int
    box: Box
    area: float
    first_seen: datetime
    last_seen: datetime
    score: float
    covered: bool = False
    attended: float = 0.0
    after_vehicle_s: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Whether a picture can be judged at all; `why` says what is wrong with it when it can't."""

    usable: bool = True
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """One look at one view, as the rules are given it.

    Attributes:
        people, vehicles: boxes in 0–1 of this look's persons and motor vehicles.
        hidden: zone id -> share (0–1) of the zone behind people and vehicles at this look.
        size: (width, height) of the picture, pixels.
        changes_known: False while the view or its light has just changed all over and no reference fits.
    """

    camera_id: str
    at: datetime
    time_source: TimeSource = TimeSource.ARRIVAL
    objects: tuple[StaticObject, ...] = ()
    people: tuple[Box, ...] = ()
    vehicles: tuple[Box, ...] = ()
    changes: tuple[ChangeObject, ...] = ()
    hidden: Mapping[str, float] = field(default_factory=dict)
    quality: Quality = Quality()
    size: tuple[int, int] = (1920, 1080)
    model: str = ""
    changes_known: bool = True
