"""Is it still there? What the looks of all witnesses together say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from vision.core.findings import Finding, FindingState
from vision.incidents.incident import Incident, Witness
from vision.incidents.ladder import GoneRule


class Presence(StrEnum):
    """What all witnesses together say of now."""

    PRESENT = "present"
    GOING = "going"  # absent looks, not yet enough of them
    GONE = "gone"
    UNKNOWN = "unknown"


def note(witness: Witness, finding: Finding, rule: GoneRule, *, handled_at: datetime | None = None) -> Witness:
    """The witness after one more look, which may come late or twice.

    Only a usable look counts: an unknown one neither proves absence nor breaks it.
    """
    newest = finding.at > witness.looked_at
    state = finding.state if newest else witness.state
    looked_at = max(witness.looked_at, finding.at)
    if finding.state is FindingState.PRESENT:
        seen_at = max(witness.seen_at, finding.at)
        settled = handled_at is not None and finding.at >= handled_at + timedelta(seconds=rule.settle_s)
        return replace(
            witness,
            state=state,
            looked_at=looked_at,
            seen_at=seen_at,
            absences=tuple(at for at in witness.absences if at > seen_at),
            still=witness.still + (1 if newest and settled else 0),
        )
    absences = witness.absences
    if finding.state is FindingState.ABSENT and finding.at > witness.seen_at:
        absences = _with_absence(absences, finding.at, rule)
    return replace(witness, state=state, looked_at=looked_at, absences=absences)


def _with_absence(absences: tuple[datetime, ...], at: datetime, rule: GoneRule) -> tuple[datetime, ...]:
    """Keep the first, the newest, and between them a bounded number of evenly spread ones."""
    if at in absences:
        return absences
    ordered = (*absences, at) if not absences or at > absences[-1] else tuple(sorted((*absences, at)))
    spacing = timedelta(seconds=rule.over_s / (2 * rule.looks))
    kept = [ordered[0]]
    for candidate in ordered[1:-1]:
        if candidate - kept[-1] >= spacing:
            kept.append(candidate)
    if len(ordered) > 1:
        kept.append(ordered[-1])
    return (kept[0], *kept[1:][-4 * rule.looks :])


def enough(looks: Sequence[datetime], rule: GoneRule) -> bool:
    """Whether these absent looks are as many, and as far apart, as the proof asks for."""
    return len(looks) >= rule.looks and (looks[-1] - looks[0]).total_seconds() >= rule.over_s


def _proof(incident: Incident, rule: GoneRule) -> datetime | None:
    """When the earliest complete proof of absence began: k absent looks of one witness with a usable view over the
    set time, none of them older than the last time that any witness saw it.
    """
    last_seen = max(w.seen_at for w in incident.witnesses)
    starts = []
    for witness in incident.witnesses:
        looks = [at for at in witness.absences if at > last_seen]
        if enough(looks, rule):
            starts.append(looks[0])
    return min(starts, default=None)


def judge(incident: Incident, rule: GoneRule, scene_now: datetime) -> Presence:
    """What the witnesses say together at `scene_now`.

    A camera that went blind after seeing it does not hold the incident open for ever, and one that still sees it
    does, whatever the others say.
    """
    fresh = scene_now - timedelta(seconds=rule.fresh_s)
    if any(w.state is FindingState.PRESENT and w.seen_at >= fresh for w in incident.witnesses):
        return Presence.PRESENT
    if _proof(incident, rule) is not None:
        return Presence.GONE
    if any(w.state is FindingState.ABSENT and w.looked_at >= fresh for w in incident.witnesses):
        return Presence.GOING
    return Presence.UNKNOWN


def gone_since(incident: Incident, rule: GoneRule) -> datetime:
    """First absent look of the proof: when it was no longer there. Only after `judge` said gone."""
    began = _proof(incident, rule)
    if began is None:
        raise ValueError(f"incident {incident.id} is not proven gone")
    return began
