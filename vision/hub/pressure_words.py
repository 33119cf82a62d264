"""Pressure in an operator's words: what is slow, and which cameras are looked at how rarely for it."""

from collections.abc import Sequence

from vision.core.findings import Why
from vision.core.pressure import Cause, ClassPace, Slowdown

_CAUSES = {
    Cause.DETECTOR: Why("检测器慢", "the detector is slow"),
    Cause.RULES: Why("工作节点的处理器慢", "the workers' processors are too slow"),
    Cause.EVIDENCE: Why("证据存储慢", "the evidence store is slow"),
    Cause.REDIS: Why("Redis 慢", "Redis is slow"),
    Cause.DATABASE: Why("数据库慢", "the database is slow"),
    Cause.HUB: Why("中心处理不及", "the hub cannot keep up"),
    Cause.PLATFORM: Why("案件平台慢", "the case platform is slow"),
}
_CLASSES = {
    1: Why("重点摄像机", "important cameras"),
    2: Why("普通摄像机", "ordinary cameras"),
    3: Why("次要摄像机", "minor cameras"),
}
_HIT = 0.9  # share of looks below which a class is called hit
_OF_LATENESS = {Cause.PLATFORM}  # these make something late and no look rarer


def hit(classes: Sequence[ClassPace]) -> list[ClassPace]:
    """Classes whose looks are noticeably rarer than they should be."""
    return [pace for pace in classes if pace.share < _HIT]


def name(cause: Cause) -> Why:
    return _CAUSES[cause]


def class_name(priority: int) -> Why:
    return _CLASSES.get(priority, _CLASSES[2])


def summary(slow: Sequence[Slowdown], classes: Sequence[ClassPace]) -> Why | None:
    """One line for the top of the page; None when nothing is slow."""
    if not slow:
        return None
    thinning = [one for one in slow if one.cause not in _OF_LATENESS]
    late = [one for one in slow if one.cause in _OF_LATENESS]
    parts = []
    if thinning and hit(classes):
        causes = [_CAUSES[one.cause] for one in thinning]
        paces = [_pace(pace) for pace in hit(classes)]
        parts.append(
            Why(
                f"画面检查变慢：{'、'.join(c.zh for c in causes)}，{'，'.join(p.zh for p in paces)}",
                f"Looks are rarer: {' and '.join(c.en for c in causes)}; {', '.join(p.en for p in paces)}",
            )
        )
    elif thinning:
        usual = Why("；画面检查照常", "; looks go on as usual") if classes else Why("", "")
        parts += [_with_detail(one, usual) for one in thinning]
    parts += [_with_detail(one, Why("", "")) for one in late]
    return Why("。".join(part.zh for part in parts), ". ".join(part.en for part in parts))


def _with_detail(one: Slowdown, more: Why) -> Why:
    cause = _CAUSES[one.cause]
    return Why(f"{cause.zh}：{one.why.zh}{more.zh}", f"{cause.en[0].upper()}{cause.en[1:]}: {one.why.en}{more.en}")


def _pace(pace: ClassPace) -> Why:
    name = class_name(pace.priority)
    if pace.every_s is None:
        return Why(f"{name.zh}暂时没有检查", f"{name.en} not looked at for now")
    seconds = f"{pace.every_s:.0f}" if pace.every_s >= 3 else f"{pace.every_s:.1f}"
    return Why(f"{name.zh}每 {seconds} 秒看一次", f"{name.en} every {seconds} s")
