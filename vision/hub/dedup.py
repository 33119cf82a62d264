"""Which incident a look belongs to: its site's, its spot's, another camera's of the same ground, or a new one."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from vision.core.findings import Finding, FindingState
from vision.core.geometry import haversine_m
from vision.hub.sites import Sites
from vision.hub.surroundings import Surroundings, site_of
from vision.incidents.events import FindingSeen
from vision.incidents.ground import Spot
from vision.incidents.incident import Incident
from vision.incidents.ladder import JoinRule
from vision.incidents.spots import Part, box_of, divide


def counted(around: Surroundings, finding: Finding) -> Finding:
    """The look with presence counted only from the end of the last permission."""
    if finding.state is not FindingState.PRESENT:
        return finding
    since = around.counted_since(finding)
    return finding if since <= finding.since else replace(finding, since=since)


def parts(around: Surroundings, finding: Finding, incidents: Sequence[Incident]) -> list[Part]:
    """The look shared out among the incidents that watch its site."""
    return divide(finding, incidents, around.yardstick(finding.type, site_of(finding)))


def is_news(around: Surroundings, finding: Finding, mark: datetime | None) -> bool:
    """Something stands where nothing did, later than all that is known of the site, and nothing allows it."""
    return (
        finding.state is FindingState.PRESENT
        and (mark is None or finding.at > mark)
        and around.permit(finding.type, site_of(finding), finding.at, box_of(finding)) is None
    )


def seen(around: Surroundings, finding: Finding) -> FindingSeen:
    """The look with the place on the ground that it is about."""
    place = around.place(site_of(finding))
    return FindingSeen(finding, None if place is None else place.spot(box_of(finding)))


def twin(
    around: Surroundings,
    sites: Sites,
    look: FindingSeen,
    *,
    newest: Callable[[Incident], Incident] = lambda incident: incident,
    unheld: Iterable[Incident] = (),
) -> str | None:
    """The nearest incident that another view has of the same ground.

    `newest` gives the state of an incident that the caller has changed and `sites` does not know yet; `unheld` are
    incidents that `sites` does not hold yet.
    """
    finding, spot = look.finding, look.spot
    rule = around.ladder(finding.type, site_of(finding)).join
    if spot is None or rule.within_m <= 0:
        return None
    near = [newest(held.incident) for _metres, held in sites.near(finding.type, spot.position, rule.within_m)]
    for incident in [*near, *(one for one in unheld if one.type is finding.type)]:
        if incident.watched and _is_same(around, incident, finding, spot, rule):
            return incident.id
    return None


def _is_same(around: Surroundings, incident: Incident, finding: Finding, spot: Spot, rule: JoinRule) -> bool:
    witness = next((w for w in incident.witnesses if w.ground is not None), None)
    if witness is None or witness.ground is None or witness.error_m is None:
        return False
    if any((w.camera_id, w.view_id) == (finding.camera_id, finding.view_id) for w in incident.witnesses):
        return False
    here, there = around.place(site_of(finding)), around.place(witness.site)
    shops = {place.zone.shop_id for place in (here, there) if place is not None and place.zone.shop_id}
    return (
        len(shops) < 2
        and haversine_m(witness.ground, spot.position) <= rule.within_m
        and witness.error_m + spot.error_m <= rule.within_m
        and abs((finding.at - incident.last_seen_at).total_seconds()) <= rule.within_s
    )


def incident_id_of(finding: Finding, nth: int = 0) -> str:
    """Deterministic, so that a first look delivered twice around a crash is one incident; `nth` counts its spots."""
    return f"{finding.at:%Y%m%d}-{hashlib.sha256(f'{finding.id}|{nth}'.encode()).hexdigest()[:12]}"
