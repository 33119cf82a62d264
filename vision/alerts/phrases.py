"""Set phrases: which one fits a violation, a place, a time and how often it was said, and its words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter

from vision.core.findings import ViolationType
from vision.core.registry import Hours

FIELDS = frozenset({"shop", "place", "zone", "district", "minutes"})
_LOOSE = re.compile(r"^[\s,，、:：;；。]+|(?<=[,，、:：;；])\s*[,，、:：;；]+")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing to say. Empty sets match everything.

    Attributes:
        zh, en: templates; either may be empty. Fields: shop, place, zone, district, minutes (of grace).
        warning: said at the first (1) or second (2) warning only; None at any.
        hours: local times at which it may be chosen.
        clip_key: a recording in the blob store that is played instead of speech; `clip_language` is its language.
    """

    id: str
    zh: str = ""
    en: str = ""
    types: frozenset[ViolationType] = frozenset()
    camera_ids: frozenset[str] = frozenset()
    zone_ids: frozenset[str] = frozenset()
    hours: tuple[Hours, ...] = ()
    warning: int | None = None
    clip_key: str | None = None

    def text(self, words: Mapping[str, str], language: str) -> str:
        """The template filled in; an unknown shop leaves no stray comma behind."""
        template = self.zh if language.startswith("zh") else self.en
        filled = template.format_map({name: words.get(name, "") for name in FIELDS})
        return _LOOSE.sub("", filled).strip()

    @property
    def fixed(self) -> bool:
        """It says the same everywhere."""
        return not (template_fields(self.zh) | template_fields(self.en))


def template_fields(template: str) -> frozenset[str]:
    """The fields a template names.

    Raises:
        ValueError: unbalanced braces.
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def choose(
    phrases: Iterable[Phrase],
    *,
    type: ViolationType,  # noqa: A002 - the domain's own name
    camera_id: str,
    zone_id: str,
    local: datetime,
    warning: int = 1,
) -> Phrase | None:
    """The first phrase that fits: their order is their priority."""
    for phrase in phrases:
        if phrase.types and type not in phrase.types:
            continue
        if phrase.camera_ids and camera_id not in phrase.camera_ids:
            continue
        if phrase.zone_ids and zone_id not in phrase.zone_ids:
            continue
        if phrase.warning is not None and phrase.warning != warning:
            continue
        if phrase.hours and not any(within(hours, local) for hours in phrase.hours):
            continue
        return phrase
    return None


def within(hours: Hours, local: datetime) -> bool:
    """Whether a local time lies in the stretch; one past midnight belongs to the weekday it began on."""
    at, today = local.time(), local.isoweekday()
    if hours.begin < hours.end:
        return today in hours.weekdays and hours.begin <= at < hours.end
    yesterday = (today - 2) % 7 + 1
    return (today in hours.weekdays and at >= hours.begin) or (yesterday in hours.weekdays and at < hours.end)


DEFAULT_PHRASES = (
    Phrase(
        "shop_first",
        "{shop},请不要越门经营,请将物品收回店内,请保持周边环境整洁,谢谢配合。",
        "{shop}, please keep your goods inside the shop and the pavement clear. Thank you.",
        frozenset({ViolationType.OUT_OF_STORE}),
        warning=1,
    ),
    Phrase(
        "shop_again",
        "{shop},此路段严禁占道经营,请立即收回物品,否则将转交执法人员处理。",
        "{shop}, trading on the pavement is not allowed here. Clear it now, or officers will be sent.",
        frozenset({ViolationType.OUT_OF_STORE}),
    ),
    Phrase(
        "garbage",
        "{place},请不要乱扔垃圾,请将垃圾投入垃圾桶,请保持环境整洁,谢谢配合。",
        "Please do not leave rubbish here. Put it into the bins and keep the place clean. Thank you.",
        frozenset({ViolationType.GARBAGE}),
    ),
    Phrase(
        "bike",
        "{place},此处禁止停放非机动车,请将车辆停放到划线区域内,谢谢配合。",
        "No bicycle parking here. Please park inside the marked bays. Thank you.",
        frozenset({ViolationType.BIKE_MISPARKED}),
    ),
)
