"""What the outbox and the city's platforms tell of an incident."""

from collections.abc import Mapping
from dataclasses import replace

from vision.core.findings import Why
from vision.core.incidents import CaseStatus, DeliveryKind, IncidentStatus
from vision.incidents.climbing import awaited, climb, skip, speak, tell_instead, warned
from vision.incidents.events import ANY_PLATFORM, Announced, CaseFiled, CaseStatusReported, DeliveryFailed, Notified
from vision.incidents.incident import CaseRef, Waiting
from vision.incidents.ladder import Action
from vision.incidents.looks import close_case, reopen
from vision.incidents.presence import Presence, gone_since, judge
from vision.incidents.responsible import masked, party_words
from vision.incidents.turn import Turn
from vision.incidents.words import lasting, quoted

_WITH_PLATFORM = frozenset({IncidentStatus.FILED, IncidentStatus.HANDLED, IncidentStatus.REOPENED})
_SETTLED = frozenset({CaseStatus.HANDLED, CaseStatus.CLOSED})


def filed(turn: Turn, event: CaseFiled) -> None:
    """A platform took the case. Said twice, it changes nothing; said too late, the case is taken back."""
    incident = turn.incident
    if any(c.platform == event.platform and c.live for c in incident.cases):
        return
    _set_case(turn, CaseRef(event.platform, event.platform_case_id, CaseStatus.FILED))
    why = Why(
        f"平台 {event.platform} 已立案,案号 {event.platform_case_id}。",
        f"{event.platform} took the case as {event.platform_case_id}.",
    )
    if incident.status.final:
        turn.say("filed_late", why)
        outcome = "withdrawn" if incident.status is IncidentStatus.REJECTED else "gone"
        turn.deliver(DeliveryKind.CLOSE, event.platform, change=outcome)
        return
    turn.set(filing=False, checking_since=None)
    if incident.status in _WITH_PLATFORM:
        turn.say("filed", why)
        return
    turn.stop_timer("rung", "recheck", "unseen")
    turn.move(IncidentStatus.FILED, "filed", why)
    turn.wait_for(Waiting.PLATFORM)
    if judge(incident, turn.context.ladder.gone, turn.context.now) is Presence.GONE:
        close_case(turn)


def _set_case(turn: Turn, case: CaseRef) -> None:
    others = tuple(c for c in turn.incident.cases if c.platform != case.platform)
    turn.set(cases=(*others, case))


def status_reported(turn: Turn, event: CaseStatusReported) -> None:
    """A platform moved its case. What we do about it depends on video, never on its word alone."""
    case = next((c for c in turn.incident.cases if c.platform == event.platform), None)
    if case is None or case.status is event.status:
        return
    _set_case(turn, replace(case, status=event.status))
    name = _STATUS_NAMES[event.status]
    own = (part for part in (event.words, event.reason) if part and part not in {name.zh, name.en, event.status.value})
    words = quoted(" ".join(own))
    why = Why(f"平台 {event.platform} 反馈:{name.zh}{words.zh}", f"{event.platform} reports: {name.en}{words.en}")
    if turn.incident.status not in _WITH_PLATFORM:
        turn.say(f"case_{event.status.value}", why)
    elif event.status in _SETTLED:
        _handled(turn, why, event.status)
    elif not turn.incident.live_cases:
        _given_back(turn, why, event.status)
    else:
        turn.say(f"case_{event.status.value}", why)
        turn.alert("case", why)


def _handled(turn: Turn, why: Why, status: CaseStatus) -> None:
    if turn.incident.status is IncidentStatus.HANDLED:
        turn.say(f"case_{status.value}", why)
        return
    gone = turn.context.ladder.gone
    turn.set(handled_at=turn.context.now, checking_since=None)
    turn.move(IncidentStatus.HANDLED, f"case_{status.value}", why)
    turn.wait_for(Waiting.NOBODY)
    if judge(turn.incident, gone, turn.context.now) is Presence.GONE:
        close_case(turn)
        return
    turn.recheck()
    turn.timer("recheck", gone.settle_s + gone.over_s + gone.wait_s)
    limit = lasting(gone.settle_s + gone.over_s + gone.wait_s)
    turn.say(
        "verifying",
        Why(
            f"平台称已处置,须由视频证实:等待核实(约 {limit.zh})。",
            f"The platform's word needs video's yes: waiting for it (about {limit.en}).",
        ),
    )


def _given_back(turn: Turn, why: Why, status: CaseStatus) -> None:
    turn.stop_timer("recheck")
    turn.set(handled_at=None, filing=False)
    turn.move(IncidentStatus.OPEN, f"case_{status.value}", why)
    _ask_what_next(turn)


def _ask_what_next(turn: Turn) -> None:
    turn.wait_for(Waiting.RETURNED)
    why = Why("请更正后重新立案,或驳回该事件。", "An operator corrects and files again, or rejects the incident.")
    turn.say("correction_asked", why)
    turn.alert("ask", why)


def delivery_failed(turn: Turn, event: DeliveryFailed) -> None:
    """The outbox gave up: the ladder goes on without, or an operator is asked."""
    why = _not_delivered(event)
    turn.say("delivery_failed", why, kind=event.kind.value, target=event.target)
    if event.kind is DeliveryKind.FILE:
        _filing_failed(turn, event)
    elif event.kind is DeliveryKind.ANNOUNCE:
        _next_speaker(turn)
    elif event.kind is DeliveryKind.NOTIFY:
        _next_party(turn, event)
    else:
        turn.alert("delivery_failed", why)


def _not_delivered(event: DeliveryFailed) -> Why:
    if event.target == ANY_PLATFORM:
        return Why(
            "没有案件平台受理该类型和区域,无法立案。",
            "No case platform takes this type and district: it cannot be filed.",
        )
    said, target = quoted(event.words), event.target
    if event.kind is DeliveryKind.ANNOUNCE:
        return Why(f"喇叭 {target} 无法使用{said.zh}", f"Loudspeaker {target} could not be used{said.en}")
    if event.kind is DeliveryKind.NOTIFY:
        whom = party_words(event.party) if event.party else Why(f" {target} ", target)
        return Why(f"未能通知{whom.zh}{said.zh}", f"{_capital(whom.en)} could not be told{said.en}")
    what = {
        DeliveryKind.FILE: Why("未受理立案", "did not take the case"),
        DeliveryKind.UPDATE: Why("未接收情况更新", "did not take the update"),
        DeliveryKind.CLOSE: Why("未接收核实结果", "did not take the outcome"),
    }[event.kind]
    return Why(f"平台 {target} {what.zh}{said.zh}", f"{target} {what.en}{said.en}")


def _filing_failed(turn: Turn, event: DeliveryFailed) -> None:
    incident = turn.incident
    if not incident.filing or incident.status.final:
        turn.alert("delivery_failed")
        return
    turn.set(filing=False)
    if judge(incident, turn.context.ladder.gone, turn.context.now) is Presence.GONE:
        turn.set(ended_at=gone_since(incident, turn.context.ladder.gone))
        turn.move(
            IncidentStatus.RECTIFIED,
            "gone",
            Why("未能立案,目标已清除,无案结束。", "No case could be filed, and it is gone: it ends without one."),
        )
        return
    _set_case(turn, CaseRef(event.target, "", CaseStatus.DEAD))
    _ask_what_next(turn)


def _next_speaker(turn: Turn) -> None:
    """This one could not be reached at all: another that covers the place, else the next rung."""
    if awaited(turn, Action.SPEAK) and not turn.incident.filing:
        speak(turn, turn.context.ladder.rungs[turn.incident.rung])


def _next_party(turn: Turn, event: DeliveryFailed) -> None:
    """This one could not be told. While another's notice is out or arrived, the ladder waits on; else the next best."""
    left = _still_out(turn, event.party)
    turn.set(telling=left)
    if left or not awaited(turn, Action.NOTIFY) or turn.incident.filing:
        return
    rung = turn.context.ladder.rungs[turn.incident.rung]
    tell_instead(turn, rung, Why("通知未能送达责任方", "The notice did not reach the responsible party"))


def _still_out(turn: Turn, party: Mapping[str, str]) -> tuple[str, ...]:
    """Parties whose notice has no answer yet, this one left out."""
    return tuple(key for key in turn.incident.telling if key != party.get("key"))


def _next_rung(turn: Turn, action: Action) -> None:
    if awaited(turn, action) and not turn.incident.filing:
        skip(turn)


def announced(turn: Turn, event: Announced) -> None:
    """A loudspeaker spoke: the grace begins. None did: the next rung."""
    account = Why("", "") if event.why is None else event.why
    spoken = event.outcome == "spoken"
    if turn.incident.status not in {IncidentStatus.OPEN, IncidentStatus.WARNED} or turn.incident.filing:
        said = quoted(account.zh).zh, quoted(account.en).en
        turn.say(
            f"announcement_{event.outcome}",
            Why(
                f"喇叭 {event.speaker_id} {'已喊话' if spoken else '未喊话'}{said[0]}",
                f"Loudspeaker {event.speaker_id} {'spoke' if spoken else 'stayed silent'}{said[1]}",
            ),
            announcement_id=event.announcement_id,
        )
        return
    if spoken:
        grace_s = _grace_s(turn, Action.SPEAK)
        limit = lasting(grace_s)
        warned(
            turn,
            Action.SPEAK,
            "spoken",
            Why(
                f"喇叭 {event.speaker_id} 已喊话{_spoken(account.zh)},限 {limit.zh}内整改。",
                f"Loudspeaker {event.speaker_id} spoke{_spoken(account.en)}: {limit.en} to put it right.",
            ),
            grace_s,
        )
        return
    turn.say(
        f"announcement_{event.outcome}",
        Why(
            f"喇叭 {event.speaker_id} 未喊话:{account.zh or event.outcome}",
            f"Loudspeaker {event.speaker_id} stayed silent: {account.en or event.outcome}",
        ),
        announcement_id=event.announcement_id,
    )
    if event.outcome != "stopped":  # whoever stopped it has taken the matter up: the grace runs all the same
        _next_rung(turn, Action.SPEAK)


def _spoken(words: str) -> str:
    return f"“{words}”" if words else ""


def notified(turn: Turn, event: Notified) -> None:
    """The responsible party was told: the grace begins. The log keeps the notice itself, for the case."""
    turn.set(telling=_still_out(turn, event.party))
    notice = event.notice
    whom = party_words(event.party) if event.party else Why(f" {event.target}", event.target)
    to = masked(str(notice.get("to", "")))
    how = _HOW.get(str(notice.get("how", "")), Why("", ""))
    way = Why(f"({how.zh} {to})", f" ({how.en} {to})") if to else Why("", "")
    detail = {"notice": dict(notice)} if notice else {}
    if turn.incident.status not in {IncidentStatus.OPEN, IncidentStatus.WARNED} or turn.incident.filing:
        turn.say("notified", Why(f"已通知{whom.zh}{way.zh}。", f"{_capital(whom.en)} was told{way.en}."), **detail)
        return
    grace_s = _grace_s(turn, Action.NOTIFY)
    limit = lasting(grace_s)
    warned(
        turn,
        Action.NOTIFY,
        "notified",
        Why(
            f"已通知{whom.zh}{way.zh},限 {limit.zh}内整改。",
            f"{_capital(whom.en)} was told{way.en}: {limit.en} to put it right.",
        ),
        grace_s,
        **detail,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_HOW: dict[str, Why] = {
    "webhook": Why("短信或消息网关", "by message gateway"),
    "smtp": Why("电子邮件", "by e-mail"),
}


def _grace_s(turn: Turn, action: Action) -> float:
    """The grace of the rung being taken; of any such rung, or a re-check's wait, for one asked for by hand."""
    rungs, at = turn.context.ladder.rungs, turn.incident.rung
    if at < len(rungs) and rungs[at].action is action:
        return rungs[at].grace_s
    return next((r.grace_s for r in rungs if r.action is action), turn.context.ladder.gone.wait_s)


def answered_present(turn: Turn, why: Why) -> None:
    """An operator's eyes say it is still there."""
    if turn.incident.status is IncidentStatus.HANDLED:
        reopen(turn, "answered", why)
        return
    turn.say("answered", why)
    turn.set(checking_since=None)
    climb(turn)


_STATUS_NAMES: dict[CaseStatus, Why] = {
    CaseStatus.PENDING: Why("待受理", "pending"),
    CaseStatus.FILED: Why("已立案", "filed"),
    CaseStatus.DISPATCHED: Why("已派遣", "dispatched"),
    CaseStatus.HANDLED: Why("已处置", "handled"),
    CaseStatus.RETURNED: Why("退回", "returned"),
    CaseStatus.SUSPENDED: Why("挂账", "suspended"),
    CaseStatus.WITHDRAWN: Why("撤销", "withdrawn"),
    CaseStatus.CLOSED: Why("已结案", "closed"),
    CaseStatus.DEAD: Why("无法送达", "undeliverable"),
}
