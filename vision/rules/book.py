"""The rule book: which rule holds in which kind of zone, and all rules asked about one look."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from vision.core.findings import Finding, ViolationType, Why
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.core.scene import Scene
from vision.rules.bikes import BIKES, BikeRule
from vision.rules.garbage import GarbageRule
from vision.rules.out_of_store import OutOfStoreRule
from vision.rules.settings import RuleSettings
from vision.rules.words import called


class Rule(Protocol):
    """One violation type."""

    @property
    def type(self) -> ViolationType: ...

    def judge(self, view: View, zones: Sequence[Zone], scene: Scene) -> list[Finding]:
        """At most one finding for each of `zones`, those of the view's zones in which this rule holds."""
        ...


RULES: dict[ViolationType, Callable[[RuleSettings], Rule]] = {
    ViolationType.BIKE_MISPARKED: BikeRule,
    ViolationType.GARBAGE: GarbageRule,
    ViolationType.OUT_OF_STORE: OutOfStoreRule,
}

SERVES: dict[ZoneKind, frozenset[ViolationType]] = {
    ZoneKind.KEEP_CLEAR: frozenset(
        {ViolationType.OUT_OF_STORE, ViolationType.GARBAGE, ViolationType.BIKE_MISPARKED}
    ),  # bikes: only in views that have bays
    ZoneKind.SHOPFRONT: frozenset({ViolationType.OUT_OF_STORE, ViolationType.GARBAGE}),
    ZoneKind.BIKE_BAY: frozenset({ViolationType.BIKE_MISPARKED}),
    ZoneKind.BIKE_NO_PARKING: frozenset({ViolationType.BIKE_MISPARKED}),
    ZoneKind.PAVEMENT: frozenset({ViolationType.GARBAGE, ViolationType.BIKE_MISPARKED}),
    ZoneKind.BIN: frozenset({ViolationType.GARBAGE}),
    ZoneKind.ROAD: frozenset({ViolationType.GARBAGE}),
    ZoneKind.IGNORE: frozenset(),
}

_BIKE_GROUND = frozenset({ZoneKind.BIKE_BAY, ZoneKind.BIKE_NO_PARKING})
_PUBLIC_GROUND = frozenset({ZoneKind.PAVEMENT, ZoneKind.BIN, ZoneKind.ROAD})


def needed_classes(camera: Camera, names: Collection[str]) -> dict[str, frozenset[str]]:
    """What the camera's zones count on, by zone, as `detectors.catalogue.require_classes` takes it.

    A bike zone wants one class of bike at least (`names`: those that the model has), ground that is public wants
    garbage, and every zone the classes that it allows. In strips what has no class is found by its change.
    """
    return {
        f"zone {camera.id}/{view.id}/{zone.id} ({zone.kind})": wanted
        for view in camera.views
        for zone in view.zones
        if (wanted := _needed(zone, names))
    }


def lacking(view: View, names: Collection[str], model: str) -> dict[str, Why]:
    """By zone, why it cannot be judged by a model that has the classes `names`; nothing for zones that can.

    `model`: which one it is and where it is described.
    """
    told = {}
    for zone in view.zones:
        missing = ", ".join(sorted(_needed(zone, names) - set(names)))
        if missing:
            place = called(zone)
            told[zone.id] = Why(
                f"{place.zh}需要识别 {missing},{model} 不识别",
                f"{place.en} wants {missing}, which {model} does not detect",
            )
    return told


def _needed(zone: Zone, names: Collection[str]) -> frozenset[str]:
    wanted = set(zone.allowed)
    if zone.kind in _BIKE_GROUND and not BIKES & set(names):
        wanted |= {"bicycle"}
    if zone.kind in _PUBLIC_GROUND:
        wanted |= {"garbage"}
    return frozenset(wanted)


class RuleBook:
    """All rules with one deployment's settings."""

    def __init__(self, settings: RuleSettings | None = None) -> None:
        self.settings = settings or RuleSettings()
        self._rules = tuple(make(self.settings) for make in RULES.values())

    def judge(self, view: View, scene: Scene) -> list[Finding]:
        """What this look says of every zone of the view, one finding for each zone and type that holds there."""
        findings: list[Finding] = []
        for rule in self._rules:
            zones = [zone for zone in view.zones if rule.type in SERVES[zone.kind]]
            findings += rule.judge(view, zones, scene)
        return findings
