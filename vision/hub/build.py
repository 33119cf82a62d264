"""Makes ladders and other settings of the configuration's section on incidents."""

from dataclasses import replace
from typing import Any

from vision.config.incidents import IncidentsConfig, LadderConfig
from vision.core.findings import ViolationType
from vision.incidents.ladder import DEFAULT_LADDERS, Action, Ladder, Review, Rung


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
        changes["rungs"] = tuple(Rung(Action(step.do), step.grace_s, step.to) for step in section.steps)
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
