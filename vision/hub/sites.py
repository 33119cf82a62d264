"""What the hub holds in memory of every watched incident, so that an unchanged look costs a look-up."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from vision.core.findings import ViolationType
from vision.core.geometry import Point, haversine_m
from vision.incidents.incident import Incident

Site = tuple[str, str, str, ViolationType]
_ENDED_KEPT = 10_000
_CELLS_PER_DEGREE = 500  # about 220 m: larger than any distance at which incidents join


@dataclass(frozen=True, slots=True)
class Held:
    """An incident as of a version of its row."""

    incident: Incident
    version: int

    @property
    def position(self) -> Point | None:
        """Where its first witness to know saw it; later ones do not move it, so that joins never drift."""
        return next((w.ground for w in self.incident.witnesses if w.ground is not None), None)


class Sites:
    """Watched incidents by site and by ground cell, and the newest look taken in for each site."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._by_site: dict[Site, tuple[str, ...]] = {}
        self._by_cell: dict[tuple[ViolationType, int, int], set[str]] = {}
        self._ended: OrderedDict[str, int] = OrderedDict()  # versions of incidents let go lately
        self.marks: dict[Site, datetime] = {}
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, incident_id: str) -> Held | None:
        return self._held.get(incident_id)

    def version(self, incident_id: str) -> int | None:
        """Of the row as memory last saw it; None for one that it does not hold."""
        held = self._held.get(incident_id)
        return self._ended.get(incident_id) if held is None else held.version

    def at(self, site: Site) -> tuple[str, ...]:
        """Ids of the incidents watched at the site."""
        return self._by_site.get(site, ())

    def put(self, held: Held) -> None:
        """Hold an incident, or let it go when its looks matter no more. An older version changes nothing."""
        incident = held.incident
        newest = self.version(incident.id)
        if newest is not None and newest > held.version:
            return
        known = self._held.get(incident.id)
        with self._changing:
            for witness in incident.witnesses:
                self.mark((*witness.site, incident.type), witness.looked_at)
            if incident.watched:
                # Linked anew before the old links go: a reader must never find a watched site empty.
                self._held[incident.id] = held
                self._link(held)
            if known is not None:
                self._unlink(known, keep=held if incident.watched else None)
            if not incident.watched:
                self._held.pop(incident.id, None)
                self._ended[incident.id] = held.version
                if len(self._ended) > _ENDED_KEPT:
                    self._ended.popitem(last=False)
            else:
                self._ended.pop(incident.id, None)

    def mark(self, site: Site, at: datetime) -> None:
        known = self.marks.get(site)
        if known is None or at > known:
            self.marks[site] = at

    def near(self, type_: ViolationType, position: Point, within_m: float) -> Iterator[tuple[float, Held]]:
        """Watched incidents of the type within the distance (at most a cell's width), nearest first."""
        ids = {key for x, y in cells_around(position) for key in tuple(self._by_cell.get((type_, x, y), ()))}
        found = []
        for held in (self._held[key] for key in ids if key in self._held):
            at = held.position
            assert at is not None
            distance = haversine_m(at, position)
            if distance <= within_m:
                found.append((distance, held.incident.id, held))
        for distance, _id, held in sorted(found, key=lambda item: item[:2]):
            yield distance, held

    def all(self) -> Iterable[Held]:
        return list(self._held.values())

    def _link(self, held: Held) -> None:
        incident = held.incident
        for witness in incident.witnesses:
            site = (*witness.site, incident.type)
            ids = self._by_site.get(site, ())
            if incident.id not in ids:
                self._by_site[site] = (*ids, incident.id)
        at = held.position
        if at is not None:
            self._by_cell.setdefault((incident.type, *_cell(at)), set()).add(incident.id)

    def _unlink(self, held: Held, *, keep: Held | None) -> None:
        """Take out the links of an older version that the newer one does not have."""
        incident = held.incident
        kept = set() if keep is None else {w.site for w in keep.incident.witnesses}
        for witness in incident.witnesses:
            site = (*witness.site, incident.type)
            if witness.site in kept:
                continue
            left = tuple(key for key in self._by_site.get(site, ()) if key != incident.id)
            if left:
                self._by_site[site] = left
            else:
                self._by_site.pop(site, None)
        at = held.position
        if at is not None and (keep is None or keep.position is None or _cell(keep.position) != _cell(at)):
            cell = (incident.type, *_cell(at))
            self._by_cell[cell].discard(incident.id)
            if not self._by_cell[cell]:
                del self._by_cell[cell]


def cells_around(position: Point) -> list[tuple[int, int]]:
    """The position's cell and its neighbours: two places at which incidents could join have a cell in common."""
    x, y = _cell(position)
    return [(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]


def _cell(position: Point) -> tuple[int, int]:
    return int(position[0] * _CELLS_PER_DEGREE // 1), int(position[1] * _CELLS_PER_DEGREE // 1)
