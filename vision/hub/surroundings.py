"""What the hub knows of a place: its camera, view and zone, and what is settled for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vision.alerts.placement import reaching
from vision.core.findings import Finding, ViolationType
from vision.core.geometry import Point, centroid
from vision.core.registry import Camera, Speaker, View, Zone
from vision.incidents.context import Permit
from vision.incidents.incident import SiteKey
from vision.incidents.ladder import DEFAULT_LADDERS, Ladder


@dataclass(frozen=True, slots=True)
class Place:
    """One zone of one view, with what is known of where it is."""

    camera: Camera
    view: View
    zone: Zone
    position: Point | None = None
    error_m: float | None = None

    @property
    def words(self) -> str:
        camera, zone = self.camera, self.zone
        return " · ".join(part for part in (camera.place or camera.name, zone.name or zone.id) if part)


class Surroundings(Protocol):
    """Everything around an incident that is not its own state."""

    def place(self, site: SiteKey) -> Place | None:
        """None for a zone that nobody has (any more)."""
        ...

    def ladder(self, type_: ViolationType, site: SiteKey) -> Ladder: ...

    def permit(self, type_: ViolationType, site: SiteKey, at: datetime) -> Permit | None: ...

    def speakers(self, site: SiteKey) -> tuple[str, ...]: ...

    def notifiers(self) -> frozenset[str]: ...


def located(camera: Camera, view: View, zone: Zone) -> Place:
    """Where a zone is: its own ground polygon, else the camera's position."""
    if zone.ground:
        return Place(camera, view, zone, centroid(zone.ground), 5.0)
    return Place(camera, view, zone, camera.position, None)


@dataclass(slots=True)
class CitySurroundings:
    """Surroundings from the registry's cameras and the ladders of the configuration."""

    cameras: Callable[[], Iterable[Camera]]
    ladders: Mapping[ViolationType, Ladder] = field(default_factory=lambda: dict(DEFAULT_LADDERS))
    zone_ladders: Mapping[tuple[str, str, ViolationType], Ladder] = field(default_factory=dict)
    notifier_ids: frozenset[str] = frozenset()
    loudspeakers: Callable[[], Mapping[str, Speaker]] = dict
    _speakers: dict[str, Speaker] = field(default_factory=dict)
    _places: dict[SiteKey, Place] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the registry again; called at the start and whenever its version grew."""
        self._speakers = dict(self.loudspeakers())
        self._places = {
            (camera.id, view.id, zone.id): located(camera, view, zone)
            for camera in self.cameras()
            for view in camera.views
            for zone in view.zones
        }

    def place(self, site: SiteKey) -> Place | None:
        return self._places.get(site)

    def ladder(self, type_: ViolationType, site: SiteKey) -> Ladder:
        own = self.zone_ladders.get((site[0], site[2], type_))
        return own or self.ladders.get(type_) or DEFAULT_LADDERS[type_]

    def permit(self, type_: ViolationType, site: SiteKey, at: datetime) -> Permit | None:  # noqa: ARG002
        return None

    def speakers(self, site: SiteKey) -> tuple[str, ...]:
        place = self._places.get(site)
        if place is None:
            return ()
        return tuple(speaker.id for speaker in reaching(place.camera, place.zone, self._speakers))

    def notifiers(self) -> frozenset[str]:
        return self.notifier_ids


def site_of(finding: Finding) -> SiteKey:
    return finding.camera_id, finding.view_id, finding.zone_id
