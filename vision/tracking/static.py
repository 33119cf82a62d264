"""Objects matched across looks by place, so that dwell is a matter of scene time and never of frame counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.core.geometry import Box, iou_matrix
from vision.core.scene import StaticObject
from vision.tracking.company import ATTENDED_SHARE
from vision.tracking.place import Boxes, Place, covered_share, moved
from vision.tracking.settings import TrackSettings, family
from vision.tracking.twins import BIKES, distinct, twins

PEOPLE = frozenset({"person", "rider"})
COVERS = PEOPLE | {"car", "truck", "bus", "train"}
_PART_INSIDE = 0.8
_HELD_SHARE = 0.3


class StaticTracker:
    """The standing objects of one view.

    Looks may come at any interval: what is compared is where things stand, what is summed up is time.
    """

    def __init__(self, settings: TrackSettings | None = None) -> None:
        self._settings = settings or TrackSettings()
        self._places: list[Place] = []
        self._next_id = 1
        self._began: datetime | None = None
        self._last_look: datetime | None = None

    def update(
        self, at: datetime, detections: Detections, size: tuple[int, int], held: Sequence[Box] = ()
    ) -> tuple[StaticObject, ...]:
        """Take one look's detections in; give everything that keeps its place.

        Args:
            at: scene time of the look. One not after the last look changes nothing.
            detections: boxes in pixels of a picture of `size`.
            size: (width, height) in pixels.
            held: boxes in 0–1 where something is known to stand by other means (the change detector): a place
                there is not missed when its class is not seen for a while, and a weak sighting there counts.
        """
        if self._last_look is not None and at <= self._last_look:
            return self.objects(self._last_look)
        if self._last_look is None or (at - self._last_look).total_seconds() > self._settings.gap_s:
            self._places, self._began = [], at
        look = _Look.of(at, detections, size)
        stands = np.array(held, np.float64).reshape(-1, 4)
        free = self._match(look, self._distinct(look), stands)
        self._note_unseen(look, stands)
        self._begin(look, free, stands)
        self._forget(at)
        self._last_look = at
        return self.objects(at)

    def objects(self, at: datetime) -> tuple[StaticObject, ...]:
        """What stands there as of `at`, oldest first."""
        places = sorted(self._places, key=lambda p: (p.first_seen, p.id))
        twice = self._told_twice()
        return tuple(self._object(place, at) for place in places if place.id not in twice)

    def _told_twice(self) -> frozenset[int]:
        """Places of bikes on the ground of one seen more often: one bike, boxed now whole and now in part."""
        bikes = sorted((place for place in self._places if place.name in BIKES), key=lambda p: (-p.looks, p.id))
        if len(bikes) < 2:
            return frozenset()
        twin = twins(np.array([place.box for place in bikes]), [place.name for place in bikes])
        once: list[int] = []
        for row in range(len(bikes)):
            if not twin[row, once].any():
                once.append(row)
        return frozenset(place.id for row, place in enumerate(bikes) if row not in once)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values: what a restarted worker needs to go on without losing dwell."""
        return {
            "next_id": self._next_id,
            "began": None if self._began is None else self._began.isoformat(),
            "last_look": None if self._last_look is None else self._last_look.isoformat(),
            "places": [place.to_record() for place in self._places],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any], settings: TrackSettings | None = None) -> "StaticTracker":
        """The inverse of `to_record`.

        Raises:
            ValueError, KeyError, TypeError: the record is not a tracker's.
        """
        tracker = cls(settings)
        tracker._next_id = int(record["next_id"])
        tracker._began = None if record["began"] is None else datetime.fromisoformat(record["began"])
        tracker._last_look = None if record["last_look"] is None else datetime.fromisoformat(record["last_look"])
        tracker._places = [Place.from_record(place) for place in record["places"]]
        return tracker

    def _distinct(self, look: "_Look") -> list[int]:
        """Rows worth tracking, strong first: one a thing, however often it was told."""
        rows = [
            row
            for row, name in enumerate(look.names)
            if name not in PEOPLE and look.score[row] >= self._settings.keep_score
        ]
        return [rows[row] for row in distinct(look.boxes[rows], [look.names[row] for row in rows], look.score[rows])]

    def _match(self, look: "_Look", rows: list[int], held: Boxes) -> list[int]:
        """Give sightings to the places they fit best, best fit first; returns the rows that fit none."""
        for place in self._places:
            place.missed_in_row += 1  # taken back when it is seen
        if not self._places or not rows:
            return rows
        fit = self._fit(np.array([place.box for place in self._places]), look.boxes[rows])
        same = np.array([[family(p.name) == family(look.names[row]) for row in rows] for p in self._places])
        fit = np.where(same, fit, 0.0)
        free, taken = set(rows), set[int]()
        stands = covered_share(look.boxes, held) >= _HELD_SHARE
        for flat in np.argsort(-fit, axis=None, kind="stable"):
            which, column = divmod(int(flat), len(rows))
            if fit[which, column] <= 0:
                break
            row = rows[column]
            if which in taken or row not in free:
                continue
            taken.add(which)
            free.discard(row)
            weak = bool(stands[row]) and look.score[row] < self._settings.start_score
            if weak and self._places[which].score >= self._settings.start_score:
                self._places[which].glimpse(look.at, attended=bool(look.attended[row]))
                continue
            self._see(self._places[which], look, row)
            if self._has_moved(self._places[which]):
                self._places[which].restart(look.at)
        return [row for row in rows if row in free]

    def _see(self, place: Place, look: "_Look", row: int) -> None:
        place.see(
            look.at,
            look.names[row],
            float(look.score[row]),
            look.box(row),
            attended=bool(look.attended[row]),
            memory=self._settings.memory,
        )

    def _fit(self, anchors: Boxes, boxes: Boxes) -> NDArray[np.float64]:
        """(P, R) how well each box lies on each place: overlap, or being a part of it that did not shift."""
        overlap = iou_matrix(anchors, boxes)
        inside = np.stack([covered_share(boxes, anchor[None]) for anchor in anchors])
        part = (inside >= _PART_INSIDE) & (overlap >= self._settings.match_iou / 2)
        part &= moved(anchors, boxes) <= self._settings.still_shift
        fit: NDArray[np.float64] = np.where((overlap >= self._settings.match_iou) | part, overlap, 0.0)
        return fit

    def _has_moved(self, place: Place) -> bool:
        origin, now = np.array([place.origin]), np.array([place.box])
        return bool(moved(origin, now)[0, 0] > self._settings.still_shift) or bool(
            iou_matrix(origin, now)[0, 0] < self._settings.match_iou / 2
        )

    def _note_unseen(self, look: "_Look", held: Boxes) -> None:
        unseen = [place for place in self._places if place.missed_in_row]
        if not unseen:
            return
        boxes = np.array([place.box for place in unseen])
        hidden = covered_share(boxes, look.covers) >= self._settings.covered_share
        stands = covered_share(boxes, held) >= _HELD_SHARE
        for place, covered, still_there in zip(unseen, hidden, stands, strict=True):
            if covered:
                place.missed_in_row -= 1
                place.covered_since = place.covered_since or look.at
            elif still_there:
                place.missed_in_row -= 1
                place.covered_since = None
            else:
                place.missed += 1
                place.covered_since = None

    def _begin(self, look: "_Look", rows: list[int], held: Boxes) -> None:
        """New places. Where something is known to have been put down, a weak sighting is enough to name it."""
        stands = covered_share(look.boxes, held) >= _HELD_SHARE
        for row in rows:
            if look.score[row] < self._settings.start_score and not stands[row]:
                continue
            place = Place(self._next_id, look.at, look.at, look.box(row), arrived=look.at != self._began)
            self._next_id += 1
            self._see(place, look, row)
            self._places.append(place)

    def _forget(self, at: datetime) -> None:
        def gone(place: Place) -> bool:
            if place.covered_since is not None:
                return (at - place.covered_since).total_seconds() > self._settings.covered_after_s
            missing_s = (at - place.last_seen).total_seconds()
            return place.missed_in_row >= 2 and missing_s > self._settings.missing_after_s

        self._places = [place for place in self._places if not gone(place)]
        excess = len(self._places) - self._settings.most_places
        if excess > 0:
            self._places.sort(key=lambda place: (place.last_seen, place.looks))
            del self._places[:excess]

    def _object(self, place: Place, at: datetime) -> StaticObject:
        return StaticObject(
            id=place.id,
            name=place.name,
            box=place.box,
            first_seen=place.first_seen,
            last_seen=place.last_seen,
            looks=place.looks,
            presence=place.presence,
            attended=place.attended / place.looks,
            score=place.score,
            still=place.looks >= 2
            and (place.last_seen - place.first_seen).total_seconds() >= self._settings.settle_s
            and place.presence >= self._settings.least_presence,
            covered=place.covered_since is not None and place.last_seen < at,
            arrived=place.arrived,
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """One look's sightings: boxes (N, 4) in 0–1, and which of them a person touches."""

    at: datetime
    boxes: Boxes
    names: tuple[str, ...]
    score: NDArray[np.float32]
    covers: Boxes
    attended: NDArray[np.bool_]

    @classmethod
    def of(cls, at: datetime, detections: Detections, size: tuple[int, int]) -> "_Look":
        boxes = detections.normalised(*size).astype(np.float64)
        names = tuple(detections.class_name(row) for row in range(len(detections)))
        covers = boxes[np.array([name in COVERS for name in names], np.bool_)]
        people = boxes[np.array([name in PEOPLE for name in names], np.bool_)]
        attended = covered_share(boxes, people) >= ATTENDED_SHARE
        return cls(at, boxes, names, detections.score, covers, attended)

    def box(self, row: int) -> Box:
        x1, y1, x2, y2 = (float(edge) for edge in self.boxes[row])
        return x1, y1, x2, y2
