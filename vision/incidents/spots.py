"""One zone can hold several violations: its objects are told apart by distance on the ground, or in the picture."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vision.core.findings import Finding, FindingObject, FindingState
from vision.core.geometry import Box, Point, foot
from vision.incidents.incident import Incident
from vision.incidents.ladder import JoinRule

Locate = Callable[[Point], Point | None]
"""A point of the view to metres on the ground; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """How far apart two boxes of a view are, and how far is too far."""

    rule: JoinRule
    locate: Locate | None = None

    def apart(self, a: Box, b: Box) -> bool:
        """Whether they are two places."""
        if self.locate is not None:
            metres = [self.locate(point) for point in (*_feet(a), *_feet(b))]
            if None not in metres:
                known = [m for m in metres if m is not None]
                return min(math.dist(p, q) for p in known[:3] for q in known[3:]) > self.rule.split_m
        return gap(a, b) > self.rule.split_view


def gap(a: Box, b: Box) -> float:
    """Distance between two boxes' nearest edges, in widths of the view; 0 when they touch."""
    dx = max(0.0, a[0] - b[2], b[0] - a[2])
    dy = max(0.0, a[1] - b[3], b[1] - a[3])
    return math.hypot(dx, dy)


def union(boxes: Sequence[Box]) -> Box:
    """The box around all of them."""
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


def box_of(finding: Finding) -> Box | None:
    """The box around a finding's objects."""
    return union([o.box for o in finding.objects]) if finding.objects else None


@dataclass(frozen=True, slots=True)
class Part:
    """A look as it concerns one incident; `incident_id` is None for objects that belong to none yet."""

    incident_id: str | None
    finding: Finding


def divide(finding: Finding, incidents: Sequence[Incident], yardstick: Yardstick) -> list[Part]:
    """Share a look out among the incidents of its site.

    Each object goes to the nearest incident within reach, or to one that holds an object within reach of it (a pile
    grows at its edge); what is left makes new ones, apart from each other by the same measure. An incident that gets
    no object sees an absent look. Unknown and absent looks concern them all.
    """
    site = (finding.camera_id, finding.view_id, finding.zone_id)
    if finding.state is not FindingState.PRESENT:
        return [Part(incident.id, finding) for incident in incidents]
    if not finding.objects:
        return [Part(incident.id, finding) for incident in incidents] or [Part(None, finding)]
    anchors = {i.id: w.box for i in incidents if (w := i.witness(site)) is not None}
    groups: dict[str, list[FindingObject]] = {key: [] for key in anchors}
    loose: list[FindingObject] = []
    for item in finding.objects:
        owner = _nearest(item.box, anchors, yardstick)
        (loose if owner is None else groups[owner]).append(item)
    if not loose and len(groups) == 1:
        return [Part(next(iter(groups)), finding)]
    _grow(groups, loose, yardstick)
    parts = [Part(key, _share(finding, items)) for key, items in groups.items()]
    parts += [Part(None, _share(finding, cluster)) for cluster in _clusters(loose, yardstick)]
    return parts


def _nearest(box: Box, anchors: dict[str, Box | None], yardstick: Yardstick) -> str | None:
    near = [
        (0.0 if a is None else gap(a, box), key)
        for key, a in anchors.items()
        if a is None or not yardstick.apart(a, box)
    ]
    return min(near)[1] if near else None


def _grow(groups: dict[str, list[FindingObject]], loose: list[FindingObject], yardstick: Yardstick) -> None:
    """Loose objects beside an incident's own become its own, until none does."""
    grown = True
    while grown:
        grown = False
        for item in list(loose):
            for items in groups.values():
                if any(not yardstick.apart(item.box, other.box) for other in items):
                    items.append(item)
                    loose.remove(item)
                    grown = True
                    break


def _clusters(loose: Sequence[FindingObject], yardstick: Yardstick) -> list[list[FindingObject]]:
    """Single linkage, from left to right so that the order is the same every time."""
    clusters: list[list[FindingObject]] = []
    for item in sorted(loose, key=lambda o: o.box):
        touching = [c for c in clusters if any(not yardstick.apart(item.box, other.box) for other in c)]
        clusters = [c for c in clusters if c not in touching]
        clusters.append([item, *(other for c in touching for other in c)])
    return sorted(clusters, key=lambda c: min(o.box for o in c))


def _share(finding: Finding, items: Sequence[FindingObject]) -> Finding:
    """The look with only these objects; without any it is an absent one, its unmarked pictures showing the place."""
    if len(items) == len(finding.objects):
        return finding
    if not items:
        bare = tuple(pair for pair in finding.evidence if pair.role == "original")
        return replace(finding, state=FindingState.ABSENT, objects=(), since=finding.at, evidence=bare)
    return replace(
        finding,
        objects=tuple(items),
        since=min(item.first_seen for item in items),
        confidence=max(item.score for item in items),
    )


def _feet(box: Box) -> tuple[Point, Point, Point]:
    return (box[0], box[3]), foot(box), (box[2], box[3])
