"""The sentences of the log, in both languages, so that an operator understands without asking."""

from datetime import datetime, tzinfo

from vision.core.findings import Subtype, Why

SUBTYPE_NAMES: dict[Subtype, Why] = {
    Subtype.OUT_OF_STORE: Why("店外经营", "goods outside a shop"),
    Subtype.ROAD_OCCUPATION: Why("占道经营", "trading on the pavement"),
    Subtype.STREET_VENDOR: Why("无照经营游商", "a street vendor"),
    Subtype.EXPOSED_GARBAGE: Why("暴露垃圾", "exposed rubbish"),
    Subtype.OVERFLOW: Why("垃圾满溢", "an overflowing bin"),
    Subtype.SPILL: Why("道路遗撒", "a spill on the road"),
    Subtype.HEAPED_MATERIAL: Why("乱堆物堆料", "heaped material"),
    Subtype.BIKE_MISPARKED: Why("非机动车乱停放", "misparked bikes"),
}


def lasting(seconds: float) -> Why:
    """A duration as people say it."""
    if seconds < 120:
        n = round(seconds)
        return Why(f"{n} 秒", f"{n} s")
    if seconds < 7200:
        n = round(seconds / 60)
        return Why(f"{n} 分钟", f"{n} min")
    hours = seconds / 3600
    text = f"{hours:.0f}" if hours == round(hours) else f"{hours:.1f}"
    return Why(f"{text} 小时", f"{text} h")


def moment(at: datetime, zone: tzinfo) -> str:
    """A time as the city's clocks show it."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def person(actor: str) -> Why:
    """An operator by name, from `operator:NAME`."""
    name = actor.removeprefix("operator:")
    return Why(f"值班员 {name} ", f"Operator {name}")


def between(begin: datetime, end: datetime) -> Why:
    return lasting(max(0.0, (end - begin).total_seconds()))


def joined(*parts: Why) -> Why:
    """Sentences one after another."""
    return Why("".join(part.zh for part in parts), " ".join(part.en for part in parts if part.en))


def quoted(reason: str) -> Why:
    """Somebody's own words at the end of a sentence, or just its full stop."""
    return Why(f":“{reason}”。", f': "{reason}".') if reason else Why("。", ".")


def glued(*parts: Why) -> Why:
    """Parts of one sentence, without spaces."""
    return Why("".join(part.zh for part in parts), "".join(part.en for part in parts))
