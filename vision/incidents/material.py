"""Whether a look changes anything worth writing down; most looks say what the last one said."""

from datetime import timedelta

from vision.core.findings import Finding, FindingState
from vision.core.incidents import IncidentStatus
from vision.incidents.incident import Incident, Waiting, Witness
from vision.incidents.ladder import Ladder
from vision.incidents.presence import Presence, judge, note

_CONFIDENCE_STEP = 0.1


def is_material(incident: Incident, finding: Finding, ladder: Ladder) -> bool:
    """False when taking the look in would leave the incident as it is, but for a time that may wait `update_s`."""
    witness = incident.witness((finding.camera_id, finding.view_id, finding.zone_id))
    if witness is None:
        return finding.state is FindingState.PRESENT
    if finding.at <= witness.looked_at:
        return finding.at != witness.looked_at and finding.at not in witness.absences
    if finding.state is not witness.state:
        return True
    if finding.state is FindingState.UNKNOWN:
        return False
    if finding.state is FindingState.ABSENT:
        return _absence_counts(incident, witness, finding, ladder)
    return _presence_counts(incident, witness, finding, ladder)


def _absence_counts(incident: Incident, witness: Witness, finding: Finding, ladder: Ladder) -> bool:
    rule = ladder.gone
    if not witness.absences or finding.evidence:
        return True  # its pictures are the proof of what it looks like now
    spacing_s = rule.over_s / (2 * rule.looks)
    if incident.gone or len(witness.absences) > 4 * rule.looks:
        spacing_s = ladder.update_s
    if finding.at - witness.looked_at >= timedelta(seconds=spacing_s):
        return True
    after = incident.with_witness(note(witness, finding, rule))
    return not incident.gone and judge(after, rule, finding.at) is Presence.GONE


def _presence_counts(incident: Incident, witness: Witness, finding: Finding, ladder: Ladder) -> bool:
    status = incident.status
    if status.final:
        return False
    return (
        (status is IncidentStatus.SUSPECTED and finding.dwelled)
        or (status is IncidentStatus.HANDLED and witness.still < ladder.gone.still_looks)
        or incident.checking_since is not None
        or incident.waiting is Waiting.ANSWER
        or len(finding.objects) > incident.most_objects
        or finding.subtype is not incident.subtype
        or finding.confidence >= incident.confidence + _CONFIDENCE_STEP
        or bool(finding.evidence)  # a picture or clip that the worker found worth keeping
        or finding.at - witness.looked_at >= timedelta(seconds=ladder.update_s)
    )
