"""Counts, durations and names of things, in Chinese and English."""

from collections import Counter
from collections.abc import Iterable

from vision.core.findings import Why
from vision.core.registry import Zone, ZoneKind

_THINGS: dict[str, tuple[str, str, str]] = {
    "bicycle": ("自行车", "bicycle", "bicycles"),
    "motorcycle": ("摩托车或电动车", "motorcycle or e-bike", "motorcycles or e-bikes"),
    "garbage": ("暴露垃圾", "heap of garbage", "heaps of garbage"),
    "overflow": ("满溢垃圾", "overfull bin", "overfull bins"),
    "garbage_bin": ("垃圾桶", "bin", "bins"),
    "chair": ("椅子", "chair", "chairs"),
    "couch": ("沙发", "couch", "couches"),
    "dining table": ("桌子", "table", "tables"),
    "umbrella": ("遮阳伞", "umbrella", "umbrellas"),
    "refrigerator": ("冰柜", "refrigerator", "refrigerators"),
    "tv": ("电视或屏幕", "screen", "screens"),
    "suitcase": ("箱子", "case", "cases"),
    "handbag": ("袋子", "bag", "bags"),
    "backpack": ("背包", "backpack", "backpacks"),
    "potted plant": ("盆栽", "potted plant", "potted plants"),
    "bottle": ("瓶子", "bottle", "bottles"),
    "unknown": ("新出现的物品", "new object", "new objects"),
}
_KINDS: dict[ZoneKind, tuple[str, str]] = {
    ZoneKind.KEEP_CLEAR: ("禁放区", "keep-clear zone"),
    ZoneKind.SHOPFRONT: ("店前区", "shopfront strip"),
    ZoneKind.BIKE_BAY: ("停车框", "bike bay"),
    ZoneKind.BIKE_NO_PARKING: ("非机动车禁停区", "no-parking zone"),
    ZoneKind.PAVEMENT: ("人行道", "pavement"),
    ZoneKind.BIN: ("垃圾桶点", "bin site"),
    ZoneKind.ROAD: ("车行道", "road"),
    ZoneKind.IGNORE: ("屏蔽区", "ignored area"),
}


def duration(seconds: float) -> Why:
    """How long, in two languages: `3 分 20 秒`, `3 min 20 s`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return Why(f"{hours} 小时 {minutes} 分", f"{hours} h {minutes} min")
    if minutes and left:
        return Why(f"{minutes} 分 {left} 秒", f"{minutes} min {left} s")
    if minutes:
        return Why(f"{minutes} 分钟", f"{minutes} min")
    return Why(f"{left} 秒", f"{left} s")


def counted(names: Iterable[str]) -> Why:
    """`2 辆…、1 把…` without measure words: `自行车 2、摩托车或电动车 1`, `2 bicycles, 1 motorcycle or e-bike`."""
    zh, en = [], []
    for name, count in Counter(names).most_common():
        word_zh, one, many = _THINGS.get(name, (name, name, name + "s"))
        zh.append(f"{word_zh} {count}")
        en.append(f"{count} {one if count == 1 else many}")
    return Why("、".join(zh), ", ".join(en))


def called(zone: Zone) -> Why:
    """What to call a zone: its kind and its name or id."""
    zh, en = _KINDS[zone.kind]
    label = zone.name or zone.id
    return Why(f"{zh}「{label}」", f"{en} “{label}”")
