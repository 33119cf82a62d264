"""非机动车乱停放: bikes left where bikes must not stand."""

from collections.abc import Sequence

from vision.core.findings import Finding, Subtype, ViolationType, Why
from vision.core.geometry import Box, share_inside
from vision.core.registry import Blocked, View, Zone, ZoneKind
from vision.core.scene import Scene, StaticObject
from vision.rules.ground import of_kind, size_px, standing, stands_in, stands_in_any
from vision.rules.settings import RuleSettings
from vision.rules.verdict import Judgement, Offender, verdict

BIKES = frozenset({"bicycle", "motorcycle", "e-bike", "tricycle"})
_PARKED = Why("停放非机动车", "bikes parked")
_SPILL = Why("停车框外溢出", "overflow beyond the bay")
_OUTSIDE = Why("未停入停车框", "outside every bay of this view")
_BLOCKS = {
    Blocked.TACTILE_PATH: Why("占用盲道", "blocking a tactile path"),
    Blocked.DOOR: Why("堵住出入口", "blocking a door"),
}


class BikeRule:
    """A bike that carries nobody and stands still in a no-parking zone, or outside every bay where bays are drawn."""

    type = ViolationType.BIKE_MISPARKED

    def __init__(self, settings: RuleSettings) -> None:
        self._settings = settings

    def judge(self, view: View, zones: Sequence[Zone], scene: Scene) -> list[Finding]:
        """One finding a zone: each bike counts in the first of them it stands in."""
        bays = of_kind(view.zones, ZoneKind.BIKE_BAY)
        loose = [
            bike
            for bike in standing(view, scene, BIKES)
            if size_px(bike.box, scene)[1] >= self._settings.bikes.least_height_px and not stands_in_any(bays, bike.box)
        ]
        findings = []
        for zone in sorted(zones, key=_order):
            if zone.kind not in _ALWAYS and not bays:
                continue
            here = [bike for bike in loose if bike.name not in zone.allowed and _stands(zone, bike.box)]
            loose = [bike for bike in loose if bike not in here]
            findings.append(verdict(view, scene, self._settings, self._judgement(zone, here)))
        return findings

    def _judgement(self, zone: Zone, bikes: Sequence[StaticObject]) -> Judgement:
        least_count = 1 if zone.blocks else self._settings.bikes.least_count
        enough = len(bikes) >= least_count
        remark = {ZoneKind.BIKE_BAY: _SPILL, ZoneKind.BIKE_NO_PARKING: None}.get(zone.kind, _OUTSIDE)
        remark = _BLOCKS[zone.blocks] if zone.blocks else remark
        return Judgement(
            zone=zone,
            type=self.type,
            subtype=Subtype.BIKE_MISPARKED,
            dwell_s=self._settings.bikes.dwell_s if zone.dwell_s is None else zone.dwell_s,
            offenders=[Offender.of_object(bike) for bike in bikes] if enough else [],
            deed=_PARKED,
            remark=remark,
        )


def parked_in_bays(view: View, scene: Scene) -> dict[str, int]:
    """How many bikes stand in each bay of the view, by zone."""
    bikes = standing(view, scene, BIKES)
    bays = of_kind(view.zones, ZoneKind.BIKE_BAY)
    return {bay.id: sum(stands_in(bay, bike.box) for bike in bikes) for bay in bays}


_ALWAYS = frozenset({ZoneKind.BIKE_NO_PARKING, ZoneKind.BIKE_BAY})


def _order(zone: Zone) -> tuple[bool, bool]:
    """What a bike blocks weighs more than the wider ground around it; what merely touches a bay comes last."""
    return zone.kind is ZoneKind.BIKE_BAY, zone.blocks is None


def _stands(zone: Zone, box: Box) -> bool:
    """In the zone; for a bay: touching it without standing in it."""
    if zone.kind is ZoneKind.BIKE_BAY:
        return share_inside(zone.polygon, box) > 0
    return stands_in(zone, box)
