"""What a camera's look does to an incident."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from vision.core.findings import Finding, FindingState, Why
from vision.core.geometry import haversine_m
from vision.core.incidents import DeliveryKind, IncidentStatus
from vision.incidents.climbing import climb
from vision.incidents.events import FindingSeen
from vision.incidents.incident import Incident, Waiting, Witness
from vision.incidents.presence import Presence, gone_since, judge, note
from vision.incidents.spots import box_of, union
from vision.incidents.turn import Turn
from vision.incidents.words import SUBTYPE_NAMES, between, joined, lasting

_FOR_NOTHING = timedelta(seconds=600)  # flapping is told at most this often


def witness_of(seen: FindingSeen) -> Witness:
    """A first look that said present, as a witness."""
    finding, spot = seen.finding, seen.spot
    return Witness(
        finding.camera_id,
        finding.view_id,
        finding.zone_id,
        finding.state,
        looked_at=finding.at,
        seen_at=finding.at,
        box=box_of(finding),
        ground=None if spot is None else spot.position,
        error_m=None if spot is None else spot.error_m,
    )


def is_duplicate(incident: Incident, finding: Finding) -> bool:
    """This very look, or one that can tell nothing new, was already taken in."""
    witness = incident.witness((finding.camera_id, finding.view_id, finding.zone_id))
    if witness is None:
        return False
    return finding.at == witness.looked_at or finding.at in witness.absences


def looked(turn: Turn, seen: FindingSeen) -> None:
    """Take a look in: presence first, then what follows from it in the present status."""
    before, finding = turn.incident, seen.finding
    witness = before.witness((finding.camera_id, finding.view_id, finding.zone_id))
    if witness is None:
        if finding.state is not FindingState.PRESENT:
            return
        _joined(turn, seen)
        witness = turn.incident.witness((finding.camera_id, finding.view_id, finding.zone_id))
        assert witness is not None
    elif not is_duplicate(before, finding):
        rule = turn.context.ladder.gone
        turn.incident = turn.incident.with_witness(note(witness, finding, rule, handled_at=before.handled_at))
        _tell_of_change(turn, witness, finding)
    else:
        return
    if finding.state is FindingState.PRESENT:
        _keep_best(turn, finding)
    if turn.incident.status.final:
        _unmute(turn)
    else:
        _AFTER_LOOK[turn.incident.status](turn, finding)


def _joined(turn: Turn, seen: FindingSeen) -> None:
    finding, incident = seen.finding, turn.incident
    turn.incident = incident.with_witness(witness_of(seen))
    distance = min(
        (haversine_m(w.ground, seen.spot.position) for w in incident.witnesses if w.ground and seen.spot), default=None
    )
    apart = Why("", "") if distance is None else Why(f"(相距 {distance:.0f} 米)", f" ({distance:.0f} m apart)")
    why = Why(
        f"摄像机 {finding.camera_id} 也看到了同一处{apart.zh},并入本事件。",
        f"Camera {finding.camera_id} sees the same spot too{apart.en}: one incident, one more witness.",
    )
    turn.say("witnessed", why, camera_id=finding.camera_id, zone_id=finding.zone_id)
    turn.alert("witnessed", why)


def _keep_best(turn: Turn, finding: Finding) -> None:
    incident = turn.incident
    witness, box = incident.witness((finding.camera_id, finding.view_id, finding.zone_id)), box_of(finding)
    if witness is not None and box is not None:
        around = box if witness.box is None else union((witness.box, box))
        incident = incident.with_witness(replace(witness, box=around))
    changes: dict[str, object] = {
        "began_at": min(incident.began_at, finding.since),
        "last_seen_at": max(incident.last_seen_at, finding.at),
        "confidence": max(incident.confidence, finding.confidence),
        "most_objects": max(incident.most_objects, len(finding.objects)),
    }
    if finding.at >= incident.last_seen_at:
        changes |= {"object_count": len(finding.objects), "subtype": finding.subtype, "why": finding.why}
    turn.incident = replace(incident, **changes)  # type: ignore[arg-type]
    if incident.status is not IncidentStatus.SUSPECTED and len(finding.objects) > incident.most_objects > 0:
        more = Why(
            f"数量由 {incident.most_objects} 增至 {len(finding.objects)}。",
            f"It grew from {incident.most_objects} to {len(finding.objects)} objects.",
        )
        turn.alert("updated", more)


def _tell_of_change(turn: Turn, before: Witness, finding: Finding) -> None:
    """First absent look, seen again, gone blind: told once, not at every flap."""
    incident = turn.incident
    if incident.status is IncidentStatus.SUSPECTED or incident.status.final or finding.at <= before.looked_at:
        return
    if finding.state is before.state or incident.gone:
        return
    camera = finding.camera_id
    if finding.state is FindingState.ABSENT and not before.absences:
        if incident.away_told_at is not None and finding.at - incident.away_told_at < _FOR_NOTHING:
            turn.set(blind_told=False)
            return
        turn.set(away_told_at=finding.at, away_told=True)
        why = Why(
            f"摄像机 {camera} 未再看到,继续核实是否已清除。",
            f"Camera {camera} no longer sees it; more looks will tell whether it is gone.",
        )
        turn.say("not_seen", why)
    elif finding.state is FindingState.UNKNOWN and finding.at - before.seen_at < _FOR_NOTHING:
        if incident.blind_told_at is not None and finding.at - incident.blind_told_at < _FOR_NOTHING:
            return
        turn.set(blind_told_at=finding.at, blind_told=True)
        turn.say(
            "view_lost",
            Why(
                f"摄像机 {camera} 暂时无法判断({finding.why.zh}),不作清除处理。",
                f"Camera {camera} cannot tell ({finding.why.en}); that never counts as gone.",
            ),
        )
    elif finding.state is FindingState.PRESENT and before.absences and incident.away_told:
        turn.set(away_told=False)
        away = between(before.absences[0], finding.at)
        turn.say(
            "seen_again",
            Why(
                f"摄像机 {camera} 重新看到,中断 {away.zh},视为同一事件。",
                f"Camera {camera} sees it again after {away.en}: the same incident goes on.",
            ),
        )
    elif finding.state is FindingState.PRESENT and incident.blind_told and incident.checking_since is None:
        turn.say(
            "view_back",
            Why(f"摄像机 {camera} 恢复可见,目标仍在。", f"Camera {camera} can see again: it is still there."),
        )
    if finding.state is not FindingState.UNKNOWN:
        turn.set(blind_told=False)


def _presence(turn: Turn, finding: Finding) -> Presence:
    newest = max(w.looked_at for w in turn.incident.witnesses)
    return judge(turn.incident, turn.context.ladder.gone, max(newest, finding.at))


def _proof(turn: Turn) -> tuple[datetime, Why]:
    """When it was gone, and the sentence that says how that is known."""
    rule, incident = turn.context.ladder.gone, turn.incident
    since = gone_since(incident, rule)
    stood = between(incident.began_at, since)
    cameras = "、".join(w.camera_id for w in incident.witnesses if w.absences)
    over = lasting(rule.over_s)
    return since, Why(
        f"摄像机 {cameras} 连续至少 {rule.looks} 次、历时 {over.zh}未再看到,确认已清除;共存在 {stood.zh}。",
        f"Camera {cameras.replace('、', ', ')} did not see it in at least {rule.looks} looks over {over.en}: "
        f"it is gone, after {stood.en}.",
    )


def _suspected(turn: Turn, finding: Finding) -> None:
    permit = turn.context.permit
    if finding.state is FindingState.PRESENT and permit is not None:
        turn.set(ended_at=finding.at)
        turn.move(IncidentStatus.LAPSED, "permitted", Why(f"{permit.why.zh}。", f"{permit.why.en}."))
        return
    if finding.dwelled:
        confirm(turn, "dwelled", finding.at, finding)
        return
    if turn.incident.waiting is Waiting.ANSWER and finding.state is not FindingState.UNKNOWN:
        turn.wait_for(Waiting.NOBODY)
        turn.timer("unseen", turn.context.ladder.unseen_s)
        turn.say("view_back", Why("画面恢复,继续观察。", "A camera can see again: watching goes on."))
    if finding.state is FindingState.ABSENT and _presence(turn, finding) is Presence.GONE:
        since, _ = _proof(turn)
        stood = between(turn.incident.began_at, since)
        turn.set(ended_at=since)
        turn.move(
            IncidentStatus.LAPSED,
            "gone_before_dwell",
            Why(
                f"停留 {stood.zh}后离开,未达认定时长。", f"It left after {stood.en}, before it counted as a violation."
            ),
        )


def confirm(turn: Turn, cause: str, at: datetime, finding: Finding | None = None) -> None:
    """Suspicion becomes a violation, and the ladder begins."""
    incident = turn.incident
    name = SUBTYPE_NAMES[incident.subtype]
    stood = between(incident.began_at, at)
    account = Why("", "") if finding is None else finding.why
    turn.set(confirmed_at=at, rung=0)
    turn.stop_timer("unseen")
    turn.move(
        IncidentStatus.OPEN,
        cause,
        Why(
            f"{name.zh}已持续 {stood.zh},认定为违规。{account.zh}",
            f"{name.en.capitalize()} for {stood.en}: a violation. {account.en}".rstrip(),
        ),
    )
    climb(turn)


def _standing(turn: Turn, finding: Finding) -> None:
    """Open or warned: gone closes it (unless a case is on its way), seen again answers a pending question."""
    incident = turn.incident
    presence = _presence(turn, finding)
    if presence is Presence.GONE:
        since, why = _proof(turn)
        if incident.filing:
            if not incident.gone:
                turn.set(gone=True, ended_at=since)
                turn.say("gone_while_filing", why)
            return
        turn.set(ended_at=since)
        turn.move(IncidentStatus.RECTIFIED, "gone", why)
        return
    if finding.state is not FindingState.PRESENT or presence is not Presence.PRESENT:
        return
    if incident.gone:
        turn.set(gone=False, ended_at=None, last_seen_at=finding.at)
        turn.say("back_while_filing", Why("立案途中又出现。", "It is back while the case is on its way."))
    if incident.waiting is Waiting.ANSWER or incident.checking_since is not None:
        turn.set(checking_since=None)
        turn.say(
            "still_there", Why("复核看到仍在原处,继续处置。", "The re-check sees it still there: the ladder goes on.")
        )
        climb(turn)


def _with_platform(turn: Turn, finding: Finding) -> None:
    """Filed, reopened or handled: gone closes the case."""
    if _presence(turn, finding) is Presence.GONE:
        close_case(turn)


def close_case(turn: Turn) -> None:
    """Proven gone: tell every platform, with the after picture, and close."""
    since, why = _proof(turn)
    turn.set(ended_at=since)
    cases = turn.incident.live_cases
    for case in cases:
        turn.deliver(DeliveryKind.CLOSE, case.platform, change="gone", text=why.zh, gone_at=since.isoformat())
    names = "、".join(case.platform for case in cases)
    told = Why(f"正告知平台 {names} 核实通过。", f"{names.replace('、', ', ')} is told so.") if cases else Why("", "")
    turn.move(IncidentStatus.CLOSED, "gone", joined(why, told))


def _handled(turn: Turn, finding: Finding) -> None:
    rule, incident = turn.context.ladder.gone, turn.incident
    presence = _presence(turn, finding)
    if presence is Presence.GONE:
        close_case(turn)
    elif max(w.still for w in incident.witnesses) >= rule.still_looks and turn.context.permit is None:
        reopen(
            turn,
            "still_there",
            Why(
                f"平台称已处置,但摄像机 {finding.camera_id} 的视频显示仍在;已告知平台,等待再次处置。",
                f"The platform says handled, but on camera {finding.camera_id} video shows it still there: "
                "it is told so and has to act again.",
            ),
        )


def reopen(turn: Turn, cause: str, why: Why) -> None:
    """Handled it was not: say so to every platform and wait for it again."""
    turn.stop_timer("recheck")
    turn.set(
        handled_at=None,
        checking_since=None,
        witnesses=tuple(replace(w, still=0) for w in turn.incident.witnesses),
    )
    turn.move(IncidentStatus.REOPENED, cause, why)
    for case in turn.incident.live_cases:
        turn.deliver(DeliveryKind.UPDATE, case.platform, change="still_there", text=why.zh)
    turn.wait_for(Waiting.PLATFORM)


def _unmute(turn: Turn) -> None:
    """A rejected thing that has gone: the next one here is news again."""
    incident = turn.incident
    newest = max(w.looked_at for w in incident.witnesses)
    if incident.muted and judge(incident, turn.context.ladder.gone, newest) is Presence.GONE:
        turn.set(muted=False)
        why = Why(
            "被驳回的目标已离开,此后出现的按新事件处理。",
            "The rejected thing has gone: what comes after it is a new matter.",
        )
        turn.say("unmuted", why)


_AFTER_LOOK: dict[IncidentStatus, Callable[[Turn, Finding], None]] = {
    IncidentStatus.SUSPECTED: _suspected,
    IncidentStatus.OPEN: _standing,
    IncidentStatus.WARNED: _standing,
    IncidentStatus.FILED: _with_platform,
    IncidentStatus.REOPENED: _with_platform,
    IncidentStatus.HANDLED: _handled,
}
