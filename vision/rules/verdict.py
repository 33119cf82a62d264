"""The three answers a rule can give of a zone, and when it has to say that it doesn't know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.geometry import Box
from vision.core.registry import View, Zone
from vision.core.scene import ChangeObject, Scene, StaticObject
from vision.rules.settings import RuleSettings
from vision.rules.words import called, counted, duration

_MOST_OBJECTS = 20


@dataclass(frozen=True, slots=True)
class Offender:
    """Something that stands where it should not. `seen`: at this very look."""

    name: str
    box: Box
    score: float
    first_seen: datetime
    last_seen: datetime
    covered: bool = False

    @classmethod
    def of_object(cls, thing: StaticObject) -> "Offender":
        score = thing.score * thing.presence
        return cls(thing.name, thing.box, score, thing.first_seen, thing.last_seen, thing.covered)

    @classmethod
    def of_change(cls, change: ChangeObject) -> "Offender":
        return cls("unknown", change.box, change.score, change.first_seen, change.last_seen, change.covered)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule found in one zone, before it is put into words.

    Attributes:
        deed: what the offenders do there, in both languages ("停放" / "parked").
        remark: said after the deed: overflow beyond a bay, beside a full bin.
        excuse: why what stands there is allowed.
        reserve: why nothing can be said although no offender counts (something stood there before watching began).
    """

    zone: Zone
    type: ViolationType
    subtype: Subtype
    dwell_s: float
    offenders: Sequence[Offender]
    deed: Why
    remark: Why | None = None
    excuse: Why | None = None
    reserve: Why | None = None


def verdict(view: View, scene: Scene, settings: RuleSettings, judgement: Judgement) -> Finding:
    """Present when an offender is seen at this look, absent when the zone is seen and empty, else unknown."""
    seen = sorted((o for o in judgement.offenders if o.last_seen >= scene.at), key=lambda o: o.first_seen)
    if seen and scene.quality.usable:
        state, why = FindingState.PRESENT, _account(scene, judgement, seen)
    else:
        seen = []
        blind = _blind(scene, settings, judgement)
        state, why = (
            (FindingState.UNKNOWN, blind)
            if blind
            else (FindingState.ABSENT, judgement.excuse or _nothing(judgement.zone))
        )
    return Finding(
        camera_id=scene.camera_id,
        view_id=view.id,
        zone_id=judgement.zone.id,
        type=judgement.type,
        subtype=judgement.subtype,
        state=state,
        at=scene.at,
        since=seen[0].first_seen if seen else scene.at,
        dwell_s=judgement.dwell_s,
        why=why,
        objects=tuple(FindingObject(o.name, o.box, o.score, o.first_seen, o.last_seen) for o in seen[:_MOST_OBJECTS]),
        confidence=min(1.0, max((o.score for o in seen), default=0.0)),
        time_source=scene.time_source,
        model=scene.model,
        rules=settings.version,
    )


def _blind(scene: Scene, settings: RuleSettings, judgement: Judgement) -> Why | None:
    """Why the zone's emptiness can't be told; None when it can."""
    place = called(judgement.zone)
    if not scene.quality.usable:
        return scene.quality.why or Why("画面不可用", "the picture is unusable")
    if judgement.offenders:
        what = counted(o.name for o in judgement.offenders)
        if any(o.covered for o in judgement.offenders):
            return Why(f"{place.zh}的{what.zh}被遮挡", f"{what.en} in {place.en} hidden at this look")
        return Why(
            f"{place.zh}的{what.zh}本次未看到,待再看", f"{what.en} in {place.en} not seen at this look: look again"
        )
    share = scene.hidden.get(judgement.zone.id, 0.0)
    if share >= settings.hidden_share:
        return Why(
            f"{place.zh}被行人或车辆遮挡 {share:.0%}", f"{place.en} is hidden by people or vehicles ({share:.0%})"
        )
    return judgement.reserve


def _nothing(zone: Zone) -> Why:
    place = called(zone)
    return Why(f"{place.zh}无违规", f"nothing against the rule in {place.en}")


def _account(scene: Scene, judgement: Judgement, seen: Sequence[Offender]) -> Why:
    place, what = called(judgement.zone), counted(o.name for o in seen)
    stood_s = (scene.at - seen[0].first_seen).total_seconds()
    stood, limit = duration(stood_s), duration(judgement.dwell_s)
    over = stood_s >= judgement.dwell_s
    zh = f"{place.zh}内{judgement.deed.zh}:{what.zh},最久 {stood.zh}({'已超过' if over else '时限'} {limit.zh})"
    en = f"{judgement.deed.en} in {place.en}: {what.en}, the longest for {stood.en} "
    en += f"({'over the limit of' if over else 'limit'} {limit.en})"
    if judgement.remark is not None:
        zh, en = f"{zh};{judgement.remark.zh}", f"{en}; {judgement.remark.en}"
    return Why(zh, en)
