"""暴露垃圾、垃圾满溢、道路遗撒: garbage that lies, bins that overflow, loads spilt on the road."""

from collections.abc import Sequence

import numpy as np

from vision.core.findings import Finding, Subtype, ViolationType, Why
from vision.core.geometry import iou
from vision.core.registry import View, Zone, ZoneKind
from vision.core.scene import ChangeObject, Scene, StaticObject
from vision.rules.ground import lies_in, of_shop, overlap_share, size_px, standing, unexplained, width_m
from vision.rules.settings import RuleSettings
from vision.rules.verdict import Judgement, Offender, verdict
from vision.rules.words import called, duration

GARBAGE = frozenset({"garbage", "overflow"})
BINS = frozenset({"garbage_bin"})
_SAME_BIN_IOU = 0.5
_CARRIED_SHARE = 0.6
_LIES = Why("暴露垃圾", "exposed garbage")
_OVERFLOWS = Why("垃圾桶满溢", "overfull bin")
_SPILT = Why("道路遗撒", "spilt on the road")
_HEAPED = Why("乱堆杂物", "things dumped")
_HEAPED_IN = frozenset({ZoneKind.PAVEMENT, ZoneKind.BIN, ZoneKind.ROAD})
_NOT_DUMPED = frozenset(
    {
        "bicycle", "motorcycle", "e-bike", "tricycle", "car", "truck", "bus", "train", "garbage_bin", "bench", "stall",
        "potted plant", "umbrella", "dining table", "fire hydrant", "parking meter", "dog", "cat", "bird", "horse",
    }
)  # fmt: skip
"""What stands or moves in a street with a name of its own. That a detector sees a frisbee explains no heap."""


class GarbageRule:
    """Garbage that nobody is at work on and that keeps its place."""

    type = ViolationType.GARBAGE

    def __init__(self, settings: RuleSettings) -> None:
        self._settings = settings

    def judge(self, view: View, zones: Sequence[Zone], scene: Scene) -> list[Finding]:
        """One finding a zone. Its subtype is that of what has lain there longest."""
        bins = standing(view, scene, BINS)
        heaps = [heap for heap in standing(view, scene, GARBAGE) if self._counts(view, scene, heap, bins)]
        return [
            verdict(view, scene, self._settings, self._judgement(zone, heaps, self._unknown(view, zone, scene, heaps)))
            for zone in zones
        ]

    def _counts(self, view: View, scene: Scene, heap: StaticObject, bins: Sequence[StaticObject]) -> bool:
        settings = self._settings.garbage
        if heap.score < settings.least_score or heap.attended >= settings.attended_share:
            return False
        if any(overlap_share(heap.box, other) >= _CARRIED_SHARE for other in (*scene.people, *scene.vehicles)):
            return False
        if heap.name == "overflow" and any(_is_rather_a_bin(heap, one) for one in bins):
            return False
        wide_m = width_m(view, heap.box)
        if wide_m is not None:
            return wide_m >= settings.least_size_m
        width_px, height_px = size_px(heap.box, scene)
        return width_px * height_px >= settings.least_area_px

    def _unknown(self, view: View, zone: Zone, scene: Scene, heaps: Sequence[StaticObject]) -> list[ChangeObject]:
        """乱堆物堆料: what was put down on public ground and has no class of another rule's."""
        settings = self._settings.garbage
        if zone.kind not in _HEAPED_IN or not settings.unknown_is_heaped:
            return []
        named = [
            o
            for o in scene.objects
            if o.name in zone.allowed or (o.name in _NOT_DUMPED and o.score >= settings.least_score)
        ]
        return [
            change
            for change in unexplained(view, scene, [o.box for o in (*named, *heaps) if o.still])
            if change.score >= settings.least_change
            and change.attended < settings.attended_share
            and lies_in(zone, change.box)
            and np.prod(size_px(change.box, scene)) >= settings.least_area_px
        ]

    def _judgement(
        self,
        zone: Zone,
        heaps: Sequence[StaticObject],
        unknown: Sequence[ChangeObject],
    ) -> Judgement:
        least = self._settings.garbage.shop_score if of_shop(zone) else 0.0
        here = [
            heap for heap in heaps if heap.name not in zone.allowed and heap.score >= least and lies_in(zone, heap.box)
        ]
        counted = [heap for heap in here if heap.arrived or zone.kind is not ZoneKind.KEEP_CLEAR]
        things: Sequence[StaticObject | ChangeObject] = counted or unknown
        eldest = min(things, key=lambda thing: thing.first_seen, default=None)
        subtype, deed = _kind(zone, eldest)
        return Judgement(
            zone=zone,
            type=self.type,
            subtype=subtype,
            dwell_s=self._settings.garbage.dwell_s if zone.dwell_s is None else zone.dwell_s,
            offenders=[*map(Offender.of_object, counted), *map(Offender.of_change, unknown)],
            deed=deed,
            remark=_lost_by_a_vehicle(eldest) if eldest and subtype is Subtype.SPILL else None,
            reserve=_was_there_before(zone) if here else None,
        )


def _is_rather_a_bin(heap: StaticObject, one: StaticObject) -> bool:
    """The same bin, seen as full less surely than as just a bin."""
    return iou(heap.box, one.box) >= _SAME_BIN_IOU and one.score * one.presence > heap.score * heap.presence


def _kind(zone: Zone, eldest: StaticObject | ChangeObject | None) -> tuple[Subtype, Why]:
    """An overfull bin is boxed with its bin: 垃圾满溢. Else, on the carriageway 道路遗撒, anywhere 暴露垃圾.

    A thing without a class is 乱堆杂物, unless a vehicle lost it.
    """
    if isinstance(eldest, ChangeObject):
        lost = zone.kind is ZoneKind.ROAD and eldest.after_vehicle_s is not None
        return (Subtype.SPILL, _SPILT) if lost else (Subtype.HEAPED_MATERIAL, _HEAPED)
    if eldest is not None and eldest.name == "overflow":
        return Subtype.OVERFLOW, _OVERFLOWS
    return (Subtype.SPILL, _SPILT) if zone.kind is ZoneKind.ROAD else (Subtype.EXPOSED_GARBAGE, _LIES)


def _lost_by_a_vehicle(thing: StaticObject | ChangeObject) -> Why | None:
    """The cause, where it was seen; what lay there when watching began may be anybody's."""
    if thing.after_vehicle_s is None or (isinstance(thing, StaticObject) and not thing.arrived):
        return None
    gap = duration(thing.after_vehicle_s)
    return Why(f"车辆经过后 {gap.zh}内出现", f"came within {gap.en} after a vehicle passed")


def _was_there_before(zone: Zone) -> Why:
    place = called(zone)
    return Why(
        f"{place.zh}的垃圾在开始监看前已存在,不计也不视为已清理",
        f"garbage in {place.en} was there before watching began: neither counted nor taken as cleared",
    )
