"""Makes ladders, books and replay plans of the configuration."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from vision.cases.build import build_standard
from vision.config.incidents import IncidentsConfig, LadderConfig
from vision.config.replay import ReplayConfig
from vision.config.schema import CityConfig
from vision.core.clock import Clock
from vision.core.errors import ConfigError
from vision.core.findings import ViolationType
from vision.core.registry import Camera
from vision.hub.contacts import Contacts, needs_of
from vision.hub.incidents import IncidentService
from vision.hub.keep import Keeper
from vision.hub.offences import OffenceBook
from vision.hub.places import GridIndex
from vision.hub.record import Route
from vision.hub.replay import Plan
from vision.hub.suppressions import RejectRule, Suppressions
from vision.hub.surroundings import CitySurroundings
from vision.hub.upkeep import Upkeep
from vision.incidents.events import Recheck
from vision.incidents.ladder import DEFAULT_LADDERS, Action, Ladder, Review, Rung
from vision.incidents.offences import ColourRule
from vision.incidents.schedule import Calendar
from vision.storage.database import Database
from vision.storage.registry import Registry


def build_ladders(config: IncidentsConfig) -> dict[ViolationType, Ladder]:
    """Ladders by type; what the section leaves unset keeps the type's default."""
    sections = {
        ViolationType.OUT_OF_STORE: config.out_of_store,
        ViolationType.GARBAGE: config.garbage,
        ViolationType.BIKE_MISPARKED: config.bike_misparked,
    }
    return {type_: build_ladder(section, DEFAULT_LADDERS[type_]) for type_, section in sections.items()}


def build_ladder(section: LadderConfig, default: Ladder) -> Ladder:
    """`default` with everything that the section sets and nothing else."""
    plain = {"review_below", "remind_s", "unseen_s", "update_s"} & section.model_fields_set
    changes: dict[str, Any] = section.model_dump(include=plain)
    if section.steps is not None:
        changes["rungs"] = tuple(Rung(Action(step.do), step.grace_s, step.to, step.fallback) for step in section.steps)
    if section.review is not None:
        changes["review"] = Review(section.review)
    gone, join = section.gone, section.join
    changes["gone"] = replace(default.gone, **gone.model_dump(include=gone.model_fields_set))
    changes["join"] = replace(default.join, **join.model_dump(include=join.model_fields_set))
    return replace(default, **changes)


def build_zone_ladders(config: IncidentsConfig) -> dict[tuple[str, str, ViolationType], Ladder]:
    """Ladders of single zones, by camera, zone and type."""
    found = {}
    for name, section in config.zones.items():
        camera_id, _, zone_id = name.partition("/")
        for type_, ladder in build_ladders(config).items():
            found[camera_id, zone_id, type_] = build_ladder(section, ladder)
    return found


def build_spoken_grace(config: IncidentsConfig) -> Callable[[str, str, str], float]:
    """How long a zone's ladder leaves after a loudspeaker spoke, in seconds, by type, camera and zone."""
    types, zones = build_ladders(config), build_zone_ladders(config)

    def grace_s(type_: str, camera_id: str, zone_id: str) -> float:
        kind = ViolationType(type_)
        ladder = zones.get((camera_id, zone_id, kind)) or types[kind]
        spoken = [rung.grace_s for rung in ladder.rungs if rung.action is Action.SPEAK]
        return max(spoken or [rung.grace_s for rung in ladder.rungs], default=0.0)

    return grace_s


@dataclass(frozen=True, slots=True)
class Incidents:
    """The parts of the hub that make incidents, put together."""

    service: IncidentService
    surroundings: CitySurroundings
    suppressions: Suppressions
    upkeep: Upkeep


def build_incidents(
    city: CityConfig,
    database: Database,
    registry: Registry,
    clock: Clock,
    *,
    route: Route,
    rechecks: Callable[[Sequence[Recheck]], None],
    nudge: Callable[[], None],
) -> Incidents:
    """Everything as the configuration says, read from the registry once.

    Raises:
        StorageError: the record cannot be read.
        ConfigError: the code table has gaps.
    """
    suppressions = Suppressions(database, clock, build_rejects(city.incidents))
    surroundings = CitySurroundings(
        lambda: registry.cameras().values(),
        build_ladders(city.incidents),
        build_zone_ladders(city.incidents),
        contacts=lambda: build_contacts(city, registry),
        calendar=build_calendar(city),
        loudspeakers=registry.speakers,
        suppression_list=suppressions.relevant,
        grids=lambda: GridIndex(registry.documents("grid")),
    )
    surroundings.refresh()
    service = IncidentService(
        database,
        clock,
        surroundings,
        route=route,
        rechecks=rechecks,
        nudge=nudge,
        standard=build_standard(city.cases),
        offences=OffenceBook(build_colours(city.incidents)),
        suppressions=suppressions,
        keeper=Keeper() if city.incidents.keep_findings_days > 0 else None,
    )
    keep = timedelta(days=city.incidents.keep_findings_days)
    return Incidents(
        service, surroundings, suppressions, Upkeep(database, clock, surroundings.refresh_suppressions, keep)
    )


def build_contacts(city: CityConfig, registry: Registry) -> Contacts:
    """Who can be told, as the registers are now. Raises StorageError."""
    notifiers = {name: needs_of(section.to) for name, section in city.notifiers.items()}
    return Contacts(registry.documents("shop"), registry.documents("bike_operator"), notifiers)


def build_calendar(city: CityConfig) -> Calendar:
    """Holidays and exchanged days are those of the deadlines' section: a city has one calendar."""
    days = city.cases.deadlines
    return Calendar(city.zone_info, frozenset(days.holidays), frozenset(days.workdays))


def build_rejects(config: IncidentsConfig) -> RejectRule:
    rejects = config.rejects
    return RejectRule(rejects.count, timedelta(days=rejects.within_days), timedelta(days=rejects.lasting_days))


def build_colours(config: IncidentsConfig) -> ColourRule:
    offences = config.offences
    return ColourRule(timedelta(days=offences.window_days), offences.colours, offences.spot_m)


def build_plan(config: ReplayConfig, since: datetime, until: datetime, districts: tuple[str, ...] = ()) -> Plan:
    """What a replay judges anew."""
    named = {_parts(name): zone for name, zone in config.zones.items()}
    return Plan(
        since=since,
        until=until,
        dwell_s=config.dwell_s,
        zone_dwell_s={key: zone.dwell_s for key, zone in named.items() if zone.dwell_s is not None},
        least_score=config.least_score,
        least_count=config.least_count,
        off=frozenset(key for key, zone in named.items() if zone.off),
        districts=districts,
    )


def retimed(cameras: Iterable[Camera], config: ReplayConfig) -> list[Camera]:
    """The cameras with the trial's permitted hours drawn into their zones.

    Raises:
        ConfigError: a zone on trial does not exist.
    """
    named = {_parts(name): zone for name, zone in config.zones.items()}
    made = []
    for camera in cameras:
        views = []
        for view in camera.views:
            zones = []
            for zone in view.zones:
                trial = named.pop((camera.id, zone.id), None)
                if trial is not None and trial.permitted is not None:
                    zones.append(replace(zone, permitted=tuple(hours.to_core() for hours in trial.permitted)))
                else:
                    zones.append(zone)
            views.append(replace(view, zones=tuple(zones)))
        made.append(replace(camera, views=tuple(views)))
    if named:
        raise ConfigError(*(f"zones.{camera}/{zone}: there is no such zone" for camera, zone in named))
    return made


def _parts(name: str) -> tuple[str, str]:
    camera_id, _, zone_id = name.partition("/")
    return camera_id, zone_id
