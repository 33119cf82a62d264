"""The life-cycle as one pure function: an incident, an event and the moment give the next incident, its log, and
what is asked of the world.

    suspected ─┬─▶ open ─▶ warned ─▶ filed ─▶ handled ─┬─▶ closed
               │     └───────┴────▶ rectified          └─▶ reopened ─▶ handled | closed
               └─▶ lapsed         any but the last ─▶ rejected

What people ask for and cannot have is refused (IllegalTransitionError). What platforms, cameras and loudspeakers
report is a fact and never refused: said twice it changes nothing, said too late it is logged.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from vision.core.errors import IllegalTransitionError
from vision.core.findings import Finding, FindingState, Why
from vision.core.incidents import DeliveryKind, IncidentStatus, Verdict
from vision.incidents import casework
from vision.incidents.climbing import climb, extend, grace_over, start_filing
from vision.incidents.context import Context
from vision.incidents.events import (
    Announced,
    CaseFiled,
    CaseStatusReported,
    DeliveryFailed,
    Event,
    FileRequested,
    FindingSeen,
    LogEntry,
    Notified,
    PresenceAnswered,
    SpeakRequested,
    TimerFired,
    VerdictGiven,
)
from vision.incidents.incident import Incident, Waiting
from vision.incidents.looks import close_case, confirm, looked, witness_of
from vision.incidents.presence import Presence, judge
from vision.incidents.turn import Step, Turn
from vision.incidents.words import SUBTYPE_NAMES, joined, lasting, person, quoted


def begin(incident_id: str, seen: FindingSeen, context: Context) -> Step:
    """A first look that said present: a suspicion, or at once a violation when its dwell is already over.

    Raises:
        ValueError: the look did not say present.
    """
    finding = seen.finding
    if finding.state is not FindingState.PRESENT:
        raise ValueError(f"only a present finding begins an incident, this one is {finding.state}")
    incident = Incident(
        id=incident_id,
        type=finding.type,
        subtype=finding.subtype,
        status=IncidentStatus.SUSPECTED,
        witnesses=(witness_of(seen),),
        began_at=finding.since,
        last_seen_at=finding.at,
        why=finding.why,
        object_count=len(finding.objects),
        most_objects=len(finding.objects),
        confidence=finding.confidence,
    )
    turn = Turn(incident, context, _camera(finding), finding.at)
    name = SUBTYPE_NAMES[finding.subtype]
    dwell = lasting(finding.dwell_s)
    why = joined(
        Why(
            f"摄像机 {finding.camera_id} 发现疑似{name.zh},停留满 {dwell.zh}才认定。",
            f"Camera {finding.camera_id} suspects {name.en}; it counts once it has stayed {dwell.en}.",
        ),
        finding.why,
    )
    turn.log.append(LogEntry(None, IncidentStatus.SUSPECTED.value, "seen", turn.actor, finding.at, why))
    if finding.dwelled:
        confirm(turn, "dwelled", finding.at, finding)
    else:
        turn.timer("unseen", context.ladder.unseen_s)
        turn.alert(IncidentStatus.SUSPECTED.value, why)
    return turn.step()


def advance(incident: Incident, event: Event, context: Context) -> Step:
    """The next step of an incident.

    Raises:
        IllegalTransitionError: a person asked for something that the incident's state does not allow, with the reason.
    """
    actor, scene_at = _who_and_when(event, context)
    turn = Turn(incident, context, actor, scene_at)
    _HANDLERS[type(event)](turn, event)
    return turn.step()


def _who_and_when(event: Event, context: Context) -> tuple[str, datetime]:
    match event:
        case FindingSeen(finding):
            return _camera(finding), finding.at
        case VerdictGiven(actor=actor) | PresenceAnswered(actor=actor):
            return actor, context.now
        case FileRequested(actor=actor) | SpeakRequested(actor=actor):
            return actor, context.now
        case CaseFiled(platform=platform) | CaseStatusReported(platform=platform):
            return f"platform:{platform}", context.now
        case DeliveryFailed() | Notified():
            return "outbox", context.now
        case Announced(speaker_id=speaker_id):
            return f"speaker:{speaker_id}", context.now
        case TimerFired():
            return "timer", context.now


def _camera(finding: Finding) -> str:
    return f"camera:{finding.camera_id}"


def _finding(turn: Turn, event: FindingSeen) -> None:
    looked(turn, event)


def _verdict(turn: Turn, event: VerdictGiven) -> None:
    incident = turn.incident
    if incident.status.final:
        if incident.verdict is event.verdict:
            return
        raise IllegalTransitionError(
            f"incident {incident.id} has ended ({incident.status}); a verdict changes nothing any more"
        )
    if event.verdict is Verdict.REJECT:
        _reject(turn, event)
        return
    if incident.verdict is Verdict.CONFIRM:
        return
    said = quoted(event.reason)
    who = person(event.actor)
    why = Why(f"{who.zh}确认违规{said.zh}", f"{who.en} confirmed it{said.en}")
    turn.set(verdict=Verdict.CONFIRM, verdict_by=event.actor)
    if incident.status is IncidentStatus.SUSPECTED:
        turn.say("confirmed", why)
        confirm(turn, "confirmed", turn.context.now)
        return
    turn.say("confirmed", why)
    turn.alert("confirmed", why)
    if incident.waiting is Waiting.REVIEW:
        climb(turn)


def _reject(turn: Turn, event: VerdictGiven) -> None:
    said = quoted(event.reason)
    turn.set(verdict=Verdict.REJECT, verdict_by=event.actor, ended_at=turn.context.now, muted=True)
    who, cases = person(event.actor), turn.incident.live_cases
    for case in cases:
        turn.deliver(DeliveryKind.CLOSE, case.platform, change="withdrawn", reason=event.reason)
    names = "、".join(f"{case.platform} {case.case_id}" for case in cases)
    withdrawn = Why(f"正请平台撤销案件 {names}。", f"Asking to withdraw {names}.") if cases else Why("", "")
    turn.move(
        IncidentStatus.REJECTED,
        "rejected",
        joined(
            Why(f"{who.zh}驳回:不是违规{said.zh}", f"{who.en} rejected it as no violation{said.en}"),
            withdrawn,
            Why("同一目标离开前不再报警。", "The same thing raises nothing more until it is gone."),
        ),
        reason=event.reason,
    )


def _answer(turn: Turn, event: PresenceAnswered) -> None:
    incident = turn.incident
    if incident.status.final:
        raise IllegalTransitionError(f"incident {incident.id} has ended ({incident.status}); nobody asked any more")
    if incident.waiting is not Waiting.ANSWER:
        raise IllegalTransitionError(
            f"incident {incident.id} is not waiting for anyone to say whether it is still there"
        )
    said, who = quoted(event.reason), person(event.actor)
    if event.present:
        why = Why(f"{who.zh}查看:仍在{said.zh}", f"{who.en} looked: still there{said.en}")
        if incident.status is IncidentStatus.SUSPECTED:
            turn.say("answered", why)
            confirm(turn, "answered", turn.context.now)
            return
        casework.answered_present(turn, why)
        return
    why = Why(f"{who.zh}查看:已不在{said.zh}", f"{who.en} looked: it is gone{said.en}")
    turn.set(ended_at=turn.context.now)
    if incident.status is IncidentStatus.SUSPECTED:
        turn.move(IncidentStatus.LAPSED, "answered", why)
        return
    cases = incident.live_cases
    for case in cases:
        turn.deliver(DeliveryKind.CLOSE, case.platform, change="gone", text=why.zh)
    turn.move(IncidentStatus.CLOSED if cases else IncidentStatus.RECTIFIED, "answered", why)


def _file(turn: Turn, event: FileRequested) -> None:
    incident = turn.incident
    if incident.status.final:
        raise IllegalTransitionError(f"incident {incident.id} has ended ({incident.status}); there is nothing to file")
    if incident.filing or incident.live_cases:
        raise IllegalTransitionError(f"incident {incident.id} is already filed or on its way")
    who = person(event.actor)
    turn.set(verdict=Verdict.CONFIRM, verdict_by=event.actor)
    if incident.status is IncidentStatus.SUSPECTED:
        turn.set(confirmed_at=turn.context.now)
        turn.stop_timer("unseen")
        name = SUBTYPE_NAMES[incident.subtype]
        turn.move(
            IncidentStatus.OPEN, "confirmed", Why(f"{who.zh}认定为{name.zh}。", f"{who.en} says it is {name.en}.")
        )
    said = quoted(event.reason)
    start_filing(turn, Why(f"{who.zh}要求立案{said.zh}", f"{who.en} has the case filed{said.en}"))


def _speak(turn: Turn, event: SpeakRequested) -> None:
    incident = turn.incident
    if incident.status.final:
        raise IllegalTransitionError(
            f"incident {incident.id} has ended ({incident.status}); there is nobody to speak to"
        )
    speaker_id = event.speaker_id or next(iter(turn.context.speaker_ids), "")
    if not speaker_id:
        raise IllegalTransitionError(f"no loudspeaker covers incident {incident.id}: name one")
    who = person(event.actor)
    turn.deliver(DeliveryKind.ANNOUNCE, speaker_id, phrase_id=event.phrase_id, text=event.text, actor=event.actor)
    turn.say("speaking", Why(f"{who.zh}要求喇叭 {speaker_id} 喊话。", f"{who.en} has loudspeaker {speaker_id} speak."))


def _timer(turn: Turn, event: TimerFired) -> None:
    """A timer that is not set, or not yet due, came twice or too late: nothing happens."""
    due = next((due for name, due in turn.incident.timers if name == event.name), None)
    if due is None or due > turn.context.now:
        return
    turn.stop_timer(event.name)
    _TIMERS[event.name](turn)


def _recheck_due(turn: Turn) -> None:
    """Handled, and video has not agreed yet."""
    if turn.incident.status is not IncidentStatus.HANDLED:
        return
    if judge(turn.incident, turn.context.ladder.gone, turn.context.now) is Presence.GONE:
        close_case(turn)
        return
    extend(turn, "recheck")


def _unseen(turn: Turn) -> None:
    """A suspicion that no look has settled: while cameras see it, wait on; else ask."""
    if turn.incident.status is not IncidentStatus.SUSPECTED:
        return
    ladder = turn.context.ladder
    if judge(turn.incident, ladder.gone, turn.context.now) is not Presence.UNKNOWN:
        turn.timer("unseen", ladder.unseen_s)
        return
    turn.wait_for(Waiting.ANSWER)
    why = Why(
        "疑似目标已长时间无画面可核,请人工查看。",
        "No camera could look at this suspicion for a long time: an operator looks.",
    )
    turn.say("answer_asked", why)
    turn.alert("ask", why)


def _remind(turn: Turn) -> None:
    waiting = turn.incident.waiting
    if turn.incident.status.final or waiting is Waiting.NOBODY:
        return
    whom = _WHOM[waiting]
    why = Why(f"仍在等待{whom.zh}。", f"Still waiting for {whom.en}.")
    turn.say("reminded", why)
    turn.alert("reminder", why)
    turn.wait_for(waiting)


_WHOM: dict[Waiting, Why] = {
    Waiting.REVIEW: Why("人工确认", "an operator's verdict"),
    Waiting.ANSWER: Why("人工查看是否还在", "an operator to say whether it is still there"),
    Waiting.RETURNED: Why("人工更正或驳回", "an operator to correct or reject it"),
    Waiting.DELIVERY: Why("送达", "a delivery"),
    Waiting.PLATFORM: Why("案件平台处置", "the case platform"),
}
_TIMERS: dict[str, Callable[[Turn], None]] = {
    "rung": grace_over,
    "recheck": _recheck_due,
    "unseen": _unseen,
    "remind": _remind,
}
_HANDLERS: dict[type[Any], Callable[[Turn, Any], None]] = {
    FindingSeen: _finding,
    VerdictGiven: _verdict,
    PresenceAnswered: _answer,
    FileRequested: _file,
    SpeakRequested: _speak,
    CaseFiled: casework.filed,
    CaseStatusReported: casework.status_reported,
    DeliveryFailed: casework.delivery_failed,
    Announced: casework.announced,
    Notified: casework.notified,
    TimerFired: _timer,
}
