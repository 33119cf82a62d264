"""What the hub knows of a place: its camera, view and zone, where that is, and what is settled for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from vision.alerts.placement import reaching
from vision.core.findings import Finding, ViolationType
from vision.core.geometry import Box
from vision.core.registry import Camera, Speaker
from vision.hub.contacts import Contacts
from vision.hub.places import Grids, Place, ground_map, located
from vision.incidents.context import Permit
from vision.incidents.incident import SiteKey
from vision.incidents.ladder import DEFAULT_LADDERS, Ladder, Rung
from vision.incidents.responsible import Reach
from vision.incidents.schedule import About, Calendar, Suppression, permit_at, permitted_until
from vision.incidents.spots import Yardstick, box_of


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

    def reach(self, type_: ViolationType, site: SiteKey, rung: Rung) -> Reach:
        """Who can be told of a violation there."""
        ...

    def zone(self) -> tzinfo:
        """The city's, for times in sentences."""
        ...

    def refresh_suppressions(self) -> None:
        """Read the suppressions again; raises StorageError."""
        ...


@dataclass(slots=True)
class CitySurroundings:
    """Surroundings from the registry, the grids, the calendar and the ladders of the configuration."""

    cameras: Callable[[], Iterable[Camera]]
    ladders: Mapping[ViolationType, Ladder] = field(default_factory=lambda: dict(DEFAULT_LADDERS))
    zone_ladders: Mapping[tuple[str, str, ViolationType], Ladder] = field(default_factory=dict)
    contacts: Callable[[], Contacts] = Contacts
    calendar: Calendar = field(default_factory=lambda: Calendar(UTC))
    loudspeakers: Callable[[], Mapping[str, Speaker]] = dict
    suppression_list: Callable[[], Sequence[Suppression]] = tuple
    grids: Callable[[], Grids | None] = lambda: None
    _places: dict[SiteKey, Place] = field(default_factory=dict)
    _contacts: Contacts = field(default_factory=Contacts)
    _speakers: dict[SiteKey, tuple[str, ...]] = field(default_factory=dict)
    _suppressions: tuple[Suppression, ...] = ()
    _yardsticks: dict[tuple[ViolationType, SiteKey], Yardstick] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the registry and the suppressions again; at the start and whenever they changed.

        Raises:
            StorageError: the record cannot be read; what was known before stays.
        """
        grids, speakers, contacts = self.grids(), dict(self.loudspeakers()), self.contacts()
        shops = contacts.shops_by_zone()
        places: dict[SiteKey, Place] = {}
        for camera in self.cameras():
            for view in camera.views:
                calibrated = ground_map(view.calibration)
                for drawn in view.zones:
                    shop_id = drawn.shop_id or shops.get(f"{camera.id}/{drawn.id}")
                    zone = drawn if shop_id is drawn.shop_id else replace(drawn, shop_id=shop_id)
                    places[camera.id, view.id, zone.id] = located(camera, view, zone, calibrated, grids)
        self._speakers = {site: _speakers_of(place, speakers) for site, place in places.items()}
        self._places, self._contacts = places, contacts
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

    def reach(self, type_: ViolationType, site: SiteKey, rung: Rung) -> Reach:
        return self._contacts.reach(type_, self._places.get(site), rung)

    def zone(self) -> tzinfo:
        return self.calendar.timezone

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
