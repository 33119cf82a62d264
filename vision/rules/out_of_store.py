"""店外经营、占道经营: goods, furniture, stalls and unknown new things left in a strip that must stay clear."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np

from vision.core.findings import Finding, Subtype, ViolationType, Why
from vision.core.registry import Hours, View, Zone, ZoneKind
from vision.core.scene import ChangeObject, Scene, StaticObject
from vision.rules.bikes import BIKES
from vision.rules.garbage import BINS, GARBAGE
from vision.rules.ground import lies_in, of_shop, size_px, standing, stands_in, unexplained
from vision.rules.hours import permitted_by
from vision.rules.settings import RuleSettings
from vision.rules.verdict import Judgement, Offender, verdict
from vision.rules.words import called

VEHICLES = frozenset({"car", "truck", "bus", "train"})
_SHOPS_OWN = frozenset({ZoneKind.SHOPFRONT})
_BEYOND_THE_THRESHOLD = Why("店外摆放物品", "goods beyond the shop's threshold")
_ON_THE_ROAD = Why("占道摆放物品", "things set out on public ground")


class OutOfStoreRule:
    """Known goods and furniture by class, everything else by the change it makes to the clear strip."""

    type = ViolationType.OUT_OF_STORE

    def __init__(self, settings: RuleSettings) -> None:
        self._settings = settings
        self._local = ZoneInfo(settings.timezone)

    def judge(self, view: View, zones: Sequence[Zone], scene: Scene) -> list[Finding]:
        """One finding a zone; within permitted hours it is absent, and says until when."""
        return [verdict(view, scene, self._settings, self._judgement(view, zone, scene)) for zone in zones]

    def _judgement(self, view: View, zone: Zone, scene: Scene) -> Judgement:
        shops = of_shop(zone)
        hours = permitted_by(zone.permitted, scene.at, self._local)
        things = [] if hours else self._things(view, zone, scene)
        offenders = [Offender.of_object(thing) for thing in things if self._was_put_there(zone, thing)]
        if hours is None:
            offenders += [Offender.of_change(c) for c in self._changes(view, zone, scene, things)]
        return Judgement(
            zone=zone,
            type=self.type,
            subtype=Subtype.OUT_OF_STORE if shops else Subtype.ROAD_OCCUPATION,
            dwell_s=self._settings.out_of_store.dwell_s if zone.dwell_s is None else zone.dwell_s,
            offenders=offenders,
            deed=_BEYOND_THE_THRESHOLD if shops else _ON_THE_ROAD,
            excuse=None if hours is None else _permitted(zone, hours),
            reserve=None if scene.changes_known or hours else _no_reference(zone),
        )

    def _was_put_there(self, zone: Zone, thing: StaticObject) -> bool:
        """What stood there from the first look may be the street's own: a planter, a bench that passes for a case."""
        return thing.arrived or (thing.name in self._settings.out_of_store.furniture and zone.kind in _SHOPS_OWN)

    def _things(self, view: View, zone: Zone, scene: Scene) -> list[StaticObject]:
        settings = self._settings.out_of_store
        return [
            thing
            for thing in standing(view, scene, settings.furniture | settings.goods)
            if thing.name not in zone.allowed
            and thing.score >= settings.least_score
            and (thing.name in settings.furniture or thing.attended < settings.attended_share)
            and stands_in(zone, thing.box)
        ]

    def _changes(self, view: View, zone: Zone, scene: Scene, things: Sequence[StaticObject]) -> list[ChangeObject]:
        """New things no class explains: neither what a rule of its own judges nor what is allowed here."""
        settings = self._settings.out_of_store
        other = BIKES | VEHICLES | zone.allowed
        least_garbage = self._settings.garbage.shop_score if of_shop(zone) else settings.least_score
        known = [
            thing.box
            for thing in scene.objects
            if thing.still
            and thing.score >= settings.least_score
            and (
                thing.name in other
                or (thing.name in BINS and not thing.arrived)  # a new bin is more often a carton
                or (thing.name in GARBAGE and thing.score >= least_garbage)
            )
        ]
        known += [thing.box for thing in things if self._was_put_there(zone, thing)]
        return [
            change
            for change in unexplained(view, scene, known)
            if change.score >= settings.least_change
            and lies_in(zone, change.box)
            and np.prod(size_px(change.box, scene)) >= settings.least_area_px
        ]


def _permitted(zone: Zone, hours: Hours) -> Why:
    place, stretch = called(zone), f"{hours.begin:%H:%M}–{hours.end:%H:%M}"
    return Why(f"{place.zh}在许可时段({stretch})内", f"{place.en} is within permitted hours ({stretch})")


def _no_reference(zone: Zone) -> Why:
    place = called(zone)
    return Why(
        f"{place.zh}:画面或光线整体变化,正在重新学习",
        f"{place.en}: the view or its light changed all over, learning anew",
    )
