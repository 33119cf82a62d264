"""The ladder: speak, notify, file, each with its grace, each only after a fresh look says it is still there."""

from datetime import timedelta
from typing import Any

from vision.core.findings import Why
from vision.core.incidents import DeliveryKind, IncidentStatus, Verdict
from vision.incidents.events import ANY_PLATFORM
from vision.incidents.incident import Waiting
from vision.incidents.ladder import Action, Review, Rung
from vision.incidents.presence import Presence, judge
from vision.incidents.responsible import Party
from vision.incidents.turn import Turn
from vision.incidents.words import between, lasting, moment

_STANDING = frozenset({IncidentStatus.OPEN, IncidentStatus.WARNED})


def climb(turn: Turn) -> None:
    """Take the next rung, unless it is permitted now, needs an operator's yes, or there is none left."""
    incident, context = turn.incident, turn.context
    if incident.status not in _STANDING or incident.filing or incident.live_cases:
        return
    turn.wait_for(Waiting.NOBODY)
    if context.permit is not None:
        _pause(turn)
        return
    if incident.rung >= len(context.ladder.rungs):
        _ladder_over(turn)
        return
    rung = context.ladder.rungs[incident.rung]
    if _needs_review(turn, rung):
        _ask_review(turn, rung)
        return
    {Action.SPEAK: speak, Action.NOTIFY: _notify, Action.FILE: _file}[rung.action](turn, rung)


def _pause(turn: Turn) -> None:
    permit = turn.context.permit
    assert permit is not None
    wait_s = max(60.0, (permit.until - turn.context.now).total_seconds())
    turn.timer("rung", wait_s)
    until = moment(permit.until, turn.context.zone)
    turn.say(
        "paused",
        Why(f"{permit.why.zh},处置暂停至 {until}。", f"{permit.why.en}; nothing is done before {until}."),
        approved_by=permit.approved_by,
    )


def _ladder_over(turn: Turn) -> None:
    turn.wait_for(Waiting.REVIEW)
    turn.stop_timer("rung")
    why = Why(
        "处置步骤已用尽,仍未整改,请人工处理。", "Every step was taken and it is still there: an operator decides."
    )
    turn.say("ladder_over", why)
    turn.alert("ask", why)


def _needs_review(turn: Turn, rung: Rung) -> bool:
    incident, ladder = turn.incident, turn.context.ladder
    if incident.verdict is Verdict.CONFIRM:
        return False
    if ladder.review is Review.BEFORE_ANYTHING or incident.confidence < ladder.review_below:
        return True
    return ladder.review is Review.BEFORE_FILING and rung.action is Action.FILE


def _ask_review(turn: Turn, rung: Rung) -> None:
    ladder, confidence = turn.context.ladder, turn.incident.confidence
    turn.wait_for(Waiting.REVIEW)
    turn.stop_timer("rung")
    what = {
        Action.SPEAK: Why("喊话", "the loudspeaker speaks"),
        Action.NOTIFY: Why("通知责任方", "anybody is told"),
        Action.FILE: Why("立案", "a case is filed"),
    }[rung.action]
    if confidence < ladder.review_below:
        why = Why(
            f"置信度 {confidence:.2f} 低于 {ladder.review_below:.2f},{what.zh}前需人工确认。",
            f"Confidence {confidence:.2f} is under {ladder.review_below:.2f}: an operator confirms before {what.en}.",
        )
    else:
        why = Why(
            f"按此处的处置步骤,{what.zh}前需人工确认,等待值班员。",
            f"The ladder of this place wants an operator's yes before {what.en}: waiting for it.",
        )
    turn.say("review_asked", why)
    turn.alert("ask", why)


def speak(turn: Turn, rung: Rung) -> None:
    """Hand the words to the best loudspeaker not tried yet; without one, go on to the next rung."""
    left = [speaker for speaker in turn.context.speaker_ids if speaker not in turn.incident.tried]
    if not left:
        turn.say(
            "no_speaker",
            Why("此处没有可用的喇叭,跳过喊话。", "No loudspeaker could be used here: speaking is skipped."),
        )
        skip(turn)
        return
    turn.set(tried=(*turn.incident.tried, left[0]))
    turn.deliver(DeliveryKind.ANNOUNCE, left[0], phrase_id=rung.target, actor="ladder")
    # Whatever becomes of the announcement, the ladder goes on.
    turn.timer("rung", rung.grace_s + turn.context.ladder.gone.wait_s)
    turn.wait_for(Waiting.DELIVERY)
    turn.say("speaking", Why(f"正由喇叭 {left[0]} 喊话提醒。", f"Loudspeaker {left[0]} is asked to speak."))


def _notify(turn: Turn, rung: Rung) -> None:
    """Tell everybody who answers for the place; where nobody of them can be told, the next best, by name."""
    reach = turn.context.reach(rung)
    if not reach.concerned:
        tell_instead(turn, rung, reach.lacking)
        return
    names = _names([party.words for party in reach.concerned])
    _send_notices(turn, rung, reach.concerned, Why(f"正在通知{names.zh}。", f"Telling {names.en}."))


def tell_instead(turn: Turn, rung: Rung, lacking: Why) -> None:
    """Nobody concerned can be told: the department or the ladder's own notifier; without one, the next rung."""
    party = next((p for p in turn.context.reach(rung).instead if p.key not in turn.incident.tried), None)
    if party is None:
        turn.say(
            "nobody_to_notify",
            Why(
                f"{lacking.zh},也没有可用的备用联系人,跳过通知。",
                f"{lacking.en}, and there is nobody else to tell: the notice is skipped.",
            ),
        )
        skip(turn)
        return
    words = party.words
    _send_notices(
        turn,
        rung,
        (party,),
        Why(f"{lacking.zh},改为通知{words.zh}。", f"{lacking.en}: {words.en} is told instead."),
    )


def _send_notices(turn: Turn, rung: Rung, parties: tuple[Party, ...], why: Why) -> None:
    keys = tuple(party.key for party in parties)
    turn.set(tried=(*turn.incident.tried, *keys), telling=keys)
    for party in parties:
        turn.deliver(DeliveryKind.NOTIFY, party.notifier, grace_s=rung.grace_s, party=party.to_record())
    turn.wait_for(Waiting.DELIVERY)
    turn.timer("rung", rung.grace_s + turn.context.ladder.gone.extend_s)
    turn.say("notifying", why)


def _names(parts: list[Why]) -> Why:
    return Why("、".join(part.zh for part in parts), " and ".join(part.en for part in parts))


def _file(turn: Turn, _rung: Rung) -> None:
    why = Why("开始立案:案件和证据正送往案件平台。", "Filing: case and evidence are on their way to the platform.")
    start_filing(turn, why)


def start_filing(turn: Turn, why: Why) -> None:
    """Put the case into the outbox; only an answer from there changes the status."""
    incident = turn.incident
    turn.set(filing=True, gone=False)
    turn.stop_timer("rung", "recheck")
    turn.wait_for(Waiting.DELIVERY)
    turn.deliver(
        DeliveryKind.FILE,
        ANY_PLATFORM,
        verdict=None if incident.verdict is None else incident.verdict.value,
        reviewer=incident.verdict_by or None,
    )
    turn.say("filing", why)


def skip(turn: Turn) -> None:
    """The rung could not be taken: the next one, at once."""
    turn.set(rung=turn.incident.rung + 1, tried=(), telling=())
    climb(turn)


def warned(turn: Turn, action: Action, cause: str, why: Why, grace_s: float, **detail: Any) -> None:
    """Somebody was told: the grace runs from now, unless an operator's answer is awaited."""
    incident = turn.incident
    if incident.waiting in {Waiting.RETURNED, Waiting.ANSWER}:
        turn.say(cause, why, **detail)
        return
    if incident.status is IncidentStatus.OPEN:
        turn.move(IncidentStatus.WARNED, cause, why, **detail)
    else:
        turn.say(cause, why, **detail)
    if awaited(turn, action):
        turn.set(rung=incident.rung + 1, tried=())
    turn.wait_for(Waiting.NOBODY)
    turn.set(checking_since=None)
    turn.timer("rung", grace_s)


def awaited(turn: Turn, action: Action) -> bool:
    """Whether the ladder itself waits for the outcome of such a step, rather than somebody having asked for it."""
    incident, rungs = turn.incident, turn.context.ladder.rungs
    at = incident.rung
    return incident.waiting is Waiting.DELIVERY and at < len(rungs) and rungs[at].action is action


def grace_over(turn: Turn) -> None:
    """The grace is over: go on only if a fresh look says it is still there."""
    incident, gone = turn.incident, turn.context.ladder.gone
    if incident.status not in _STANDING or incident.filing or incident.live_cases:
        return
    if incident.waiting is Waiting.DELIVERY:
        turn.say("no_answer", Why("喊话或通知没有回音,继续下一步。", "No answer to the warning: going on."))
        turn.set(rung=incident.rung + 1, tried=())
    presence = judge(incident, gone, turn.context.now)
    if presence is Presence.PRESENT:
        if incident.status is IncidentStatus.WARNED:
            turn.say(
                "still_there",
                Why("整改期限已到,视频显示仍在原处。", "The grace is over and video shows it still there."),
            )
        turn.set(checking_since=None)
        climb(turn)
        return
    extend(turn, "rung")


def extend(turn: Turn, timer: str) -> None:
    """No look can say yet: look again, and after too long ask an operator."""
    incident, gone, now = turn.incident, turn.context.ladder.gone, turn.context.now
    since = incident.checking_since or now
    if incident.checking_since is None:
        turn.set(checking_since=now)
        limit = lasting(gone.extend_s)
        turn.say(
            "rechecking",
            Why(
                f"画面暂时无法判断,已要求复核,最多再等 {limit.zh}。",
                f"No look can tell yet: a re-check is asked for, for up to {limit.en}.",
            ),
        )
    if now - since >= timedelta(seconds=gone.extend_s):
        waited = between(since, now)
        turn.stop_timer(timer)
        turn.wait_for(Waiting.ANSWER)
        why = Why(
            f"已复核 {waited.zh},画面仍无法判断是否还在,请人工查看。",
            f"After {waited.en} of re-checks no camera can tell whether it is still there: an operator looks.",
        )
        turn.say("answer_asked", why)
        turn.alert("ask", why)
        return
    turn.recheck()
    turn.timer(timer, gone.wait_s)
