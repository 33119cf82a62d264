"""What the hub knows of a place: its camera, view and zone, where that is, and what is settled for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from vision.alerts.placement import reaching
from vision.core.findings import Finding, ViolationType
from vision.core.geometry import Box, Point, centroid, haversine_m
from vision.core.registry import Camera, Speaker, View, Zone
from vision.incidents.context import Permit
from vision.incidents.ground import GroundMap, Spot
from vision.incidents.incident import SiteKey
from vision.incidents.ladder import DEFAULT_LADDERS, Ladder
from vision.incidents.schedule import About, Calendar, Suppression, permit_at, permitted_until
from vision.incidents.spots import Yardstick, box_of


@dataclass(frozen=True, slots=True)
class Place:
    """One zone of one view, with what is known of where it is.

    Attributes:
        ground: the view's map to the ground, from its calibration or from the zone's own four or more corners.
        middle: the zone's middle on the ground with half its size as error, or the camera's own position without one.
        district, grid_id: the registry's, else what the grids say of its position; `responsible` is theirs whole.
    """

    camera: Camera
    view: View
    zone: Zone
    ground: GroundMap | None = None
    middle: Spot | None = None
    district: str = ""
    grid_id: str | None = None
    responsible: "Responsible | None" = None

    @property
    def words(self) -> str:
        camera, zone = self.camera, self.zone
        return " · ".join(part for part in (camera.place or camera.name, zone.name or zone.id) if part)

    @property
    def position(self) -> Point | None:
        """For maps: the zone's middle, else where the camera hangs."""
        return self.camera.position if self.middle is None else self.middle.position

    def spot(self, box: Box | None) -> Spot | None:
        """Where a box of the view stands, as exactly as is known; None when only the camera's position is."""
        if box is not None and self.ground is not None:
            exact = self.ground.spot(box)
            if exact is not None and (self.middle is None or exact.error_m <= self.middle.error_m):
                return exact
        return self.middle


class Grids(Protocol):
    """Which grid, district and department a position belongs to."""

    def at(self, position: Point) -> "Responsible | None": ...


@dataclass(frozen=True, slots=True)
class Responsible:
    """Who answers for a position: unit grid (15 digits), district, department with its credit code; area A, B or C."""

    grid_id: str
    district: str = ""
    department: str = ""
    department_code: str = ""
    area_class: str = ""


class Surroundings(Protocol):
    """Everything around an incident that is not its own state."""

    def place(self, site: SiteKey) -> Place | None:
        """None for a zone that nobody has (any more)."""
        ...

    def ladder(self, type_: ViolationType, site: SiteKey) -> Ladder: ...

    def permit(self, type_: ViolationType, site: SiteKey, at: datetime, box: Box | None = None) -> Permit | None: ...

    def counted_since(self, finding: Finding) -> datetime:
        """From when the finding's presence counts: not before a permission ended."""
        ...

    def yardstick(self, type_: ViolationType, site: SiteKey) -> Yardstick: ...

    def speakers(self, site: SiteKey) -> tuple[str, ...]: ...

    def notifiers(self) -> frozenset[str]: ...

    def refresh_suppressions(self) -> None:
        """Read the suppressions again; raises StorageError."""
        ...


def located(camera: Camera, view: View, zone: Zone, calibrated: GroundMap | None, grids: Grids | None) -> Place:
    """A zone with all that its polygons, its view's calibration and the grids tell of where it is."""
    ground, middle = calibrated, None
    if zone.ground:
        at = centroid(zone.ground)
        middle = Spot(at, max(haversine_m(at, corner) for corner in zone.ground))
        if ground is None and len(zone.ground) == len(zone.polygon) >= 4:
            ground = _map(list(zip(zone.polygon, zone.ground, strict=True)))
    place = Place(camera, view, zone, ground, middle, camera.district, zone.grid_id)
    position = place.position
    found = None if grids is None or position is None else grids.at(position)
    if found is None:
        return place
    return replace(
        place,
        district=place.district or found.district,
        grid_id=place.grid_id or found.grid_id,
        responsible=found,
    )


def _map(pairs: Sequence[tuple[Point, Point]]) -> GroundMap | None:
    """None for points from which no map can be made; `vision check` tells their owner."""
    try:
        return GroundMap(pairs) if len(pairs) >= 4 else None
    except ValueError:
        return None


@dataclass(slots=True)
class CitySurroundings:
    """Surroundings from the registry, the grids, the calendar and the ladders of the configuration."""

    cameras: Callable[[], Iterable[Camera]]
    ladders: Mapping[ViolationType, Ladder] = field(default_factory=lambda: dict(DEFAULT_LADDERS))
    zone_ladders: Mapping[tuple[str, str, ViolationType], Ladder] = field(default_factory=dict)
    notifier_ids: frozenset[str] = frozenset()
    calendar: Calendar = field(default_factory=lambda: Calendar(UTC))
    loudspeakers: Callable[[], Mapping[str, Speaker]] = dict
    suppression_list: Callable[[], Sequence[Suppression]] = tuple
    grids: Callable[[], Grids | None] = lambda: None
    _places: dict[SiteKey, Place] = field(default_factory=dict)
    _speakers: dict[SiteKey, tuple[str, ...]] = field(default_factory=dict)
    _suppressions: tuple[Suppression, ...] = ()
    _yardsticks: dict[tuple[ViolationType, SiteKey], Yardstick] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the registry and the suppressions again; at the start and whenever they changed.

        Raises:
            StorageError: the record cannot be read; what was known before stays.
        """
        grids, speakers = self.grids(), dict(self.loudspeakers())
        places: dict[SiteKey, Place] = {}
        for camera in self.cameras():
            for view in camera.views:
                calibrated = _map(view.calibration)
                for zone in view.zones:
                    places[camera.id, view.id, zone.id] = located(camera, view, zone, calibrated, grids)
        self._speakers = {site: _speakers_of(place, speakers) for site, place in places.items()}
        self._places = places
        self._yardsticks = {}
        self.refresh_suppressions()

    def refresh_suppressions(self) -> None:
        """Read the suppressions again; raises StorageError."""
        self._suppressions = tuple(self.suppression_list())

    def place(self, site: SiteKey) -> Place | None:
        return self._places.get(site)

    def ladder(self, type_: ViolationType, site: SiteKey) -> Ladder:
        own = self.zone_ladders.get((site[0], site[2], type_)) if self.zone_ladders else None
        return own or self.ladders.get(type_) or DEFAULT_LADDERS[type_]

    def permit(self, type_: ViolationType, site: SiteKey, at: datetime, box: Box | None = None) -> Permit | None:
        if not self._scheduled(site):
            return None
        return permit_at(self._about(type_, site, box), at, self.calendar, self._suppressions)

    def counted_since(self, finding: Finding) -> datetime:
        site = site_of(finding)
        if not self._scheduled(site):
            return finding.since
        about = self._about(finding.type, site, box_of(finding))
        return permitted_until(about, finding.since, finding.at, self.calendar, self._suppressions)

    def yardstick(self, type_: ViolationType, site: SiteKey) -> Yardstick:
        known = self._yardsticks.get((type_, site))
        if known is None:
            place = self._places.get(site)
            locate = None if place is None or place.ground is None else place.ground.metres
            known = self._yardsticks[type_, site] = Yardstick(self.ladder(type_, site).join, locate)
        return known

    def speakers(self, site: SiteKey) -> tuple[str, ...]:
        return self._speakers.get(site, ())

    def notifiers(self) -> frozenset[str]:
        return self.notifier_ids

    def _scheduled(self, site: SiteKey) -> bool:
        place = self._places.get(site)
        return bool(self._suppressions) or (place is not None and bool(place.zone.permitted))

    def _about(self, type_: ViolationType, site: SiteKey, box: Box | None) -> About:
        place = self._places.get(site)
        if place is None:
            return About(type_, site, box=box)
        return About(type_, site, place.zone.permitted, place.district, place.grid_id, place.position, box)


def _speakers_of(place: Place, speakers: Mapping[str, Speaker]) -> tuple[str, ...]:
    return tuple(speaker.id for speaker in reaching(place.camera, place.zone, speakers))


def site_of(finding: Finding) -> SiteKey:
    return finding.camera_id, finding.view_id, finding.zone_id
