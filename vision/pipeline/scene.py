"""A camera's stages in order: picture quality, standing objects, changes, rules, findings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.core.findings import Finding, Why
from vision.core.frames import Frame, TimeSource
from vision.core.geometry import Box, contains, iou, iou_matrix
from vision.core.registry import Camera, View, Zone
from vision.core.scene import ChangeObject, Quality, Scene, StaticObject
from vision.detectors.change import ChangeDetector
from vision.detectors.quality import QualityGate
from vision.pipeline.close_look import CloseLook, Detect, joined
from vision.rules.bikes import parked_in_bays
from vision.rules.book import RuleBook
from vision.rules.riding import ridden
from vision.rules.settings import RuleSettings
from vision.tracking.company import Company
from vision.tracking.settings import TrackSettings
from vision.tracking.static import StaticTracker

PEOPLE = ("person",)
VEHICLES = ("car", "truck", "bus", "train")
BIKES = ("bicycle", "motorcycle")
_GRID = 24
_ARRIVED_NOVELTY = 0.15
_JOINED_IOU = 0.3
_VEHICLE_SCORE = 0.4
_PERSON_SCORE = 0.3
_THING_SCORE = 0.4  # a person less sure than this, just where something is known to stand, is that thing
_THING_IOU = 0.4
_NAMED_SCORE = 0.35
_PARKED_IOU = 0.6


class SceneAnalyser:
    """One view of one camera, look by look.

    It keeps what has to be remembered between looks (what stands where, the zone's clear reference) and nothing
    else; `to_record` and `restore` carry that over a restart of the worker.
    """

    def __init__(
        self,
        camera: Camera,
        view: View,
        settings: RuleSettings,
        names: Sequence[str],
        model_version: str,
        *,
        track: TrackSettings | None = None,
        close_look: Detect | None = None,
        change: ChangeDetector | None = None,
    ) -> None:
        """`names`: the detector's classes; a rule that needs another class simply never sees it.

        `close_look`: detects on a cut-out of any size; without it, new things that the whole view does not name
        stay unknown. `change`: one of the caller's own; the default watches every zone of the view.
        """
        self._camera, self._view = camera, view
        self._book = RuleBook(settings)
        self.names = tuple(names)
        self._model_version = model_version
        self._track = track or TrackSettings()
        self._tracker = StaticTracker(self._track)
        self._change = change or ChangeDetector(view.zones)
        self._arrived: set[int] = set()
        self._company = Company(settings.garbage.after_vehicle_s)
        self._before: datetime | None = None
        self._quality = QualityGate()
        self._close_look = None if close_look is None else CloseLook(close_look)
        self._parked: dict[str, tuple[int, datetime]] = {}
        self._points = {zone.id: _inner_points(zone) for zone in view.zones}

    @property
    def view(self) -> View:
        return self._view

    @property
    def parked(self) -> Mapping[str, tuple[int, datetime]]:
        """Bikes in each bay at the last usable look, and when that was."""
        return self._parked

    def look(self, frame: Frame, detections: Detections) -> list[Finding]:
        """Judge one look. `detections` are in pixels of `frame.image`."""
        scene = self.scene(frame, detections)
        if scene.quality.usable:
            self._parked = {zone: (count, scene.at) for zone, count in parked_in_bays(self._view, scene).items()}
        return self._book.judge(self._view, scene)

    def scene(self, frame: Frame, detections: Detections) -> Scene:
        """What this look adds up to, before the rules: also what evidence and the bench draw."""
        height, width = frame.image.shape[:2]
        size = (width, height)
        detections = self._without_things(detections, size)
        people = _surer(detections.of(*PEOPLE), _PERSON_SCORE)
        vehicles = _surer(detections.of(*VEHICLES), _VEHICLE_SCORE)
        covers = _boxes(people, size) + _boxes(vehicles, size)
        quality = self._quality.judge(frame.captured_at, frame.image, covers)
        if not quality.usable:
            return self._unusable(frame, quality)
        changes = self._change.update(frame.captured_at, frame.image, covers)
        changes, detections = self._named(frame, changes, detections)
        held = [change.box for change in changes]
        standing = self._standing_bikes(size)
        self._before = frame.captured_at
        objects = self._tracker.update(frame.captured_at, without_ridden(detections, standing), size, held)
        objects = tuple(_joined(thing, changes) for thing in objects)
        changes = tuple(_named_too(change, objects) for change in changes)
        self._company.look(frame.captured_at, _boxes(people, size), _boxes(vehicles, size), changes)
        objects, changes = self._company.join(self._confirmed(objects), changes)
        return Scene(
            camera_id=self._camera.id,
            at=frame.captured_at,
            time_source=frame.time_source,
            objects=objects,
            people=_boxes(people, size),
            vehicles=_boxes(vehicles, size),
            hidden={zone.id: _hidden_share(self._points[zone.id], covers) for zone in self._view.zones},
            changes=changes,
            changes_known=not self._change.adrift,
            size=size,
            model=self._model_version,
        )

    def blind(self, at: datetime, why: Why) -> list[Finding]:
        """Unknown for every zone: what is said while the camera is down. What stood there is not forgotten."""
        scene = Scene(
            camera_id=self._camera.id,
            at=at,
            time_source=TimeSource.ARRIVAL,
            objects=(),
            quality=Quality(usable=False, why=why),
            model=self._model_version,
        )
        return self._book.judge(self._view, scene)

    def _unusable(self, frame: Frame, quality: Quality) -> Scene:
        """What a bad picture adds up to: nothing, and nothing that stood there is forgotten."""
        return Scene(
            camera_id=self._camera.id,
            at=frame.captured_at,
            time_source=frame.time_source,
            quality=quality,
            size=(frame.image.shape[1], frame.image.shape[0]),
            model=self._model_version,
        )

    def _named(
        self, frame: Frame, changes: tuple[ChangeObject, ...], detections: Detections
    ) -> tuple[tuple[ChangeObject, ...], Detections]:
        """Look closely at changes that nothing known accounts for; people among them are no changes."""
        if self._close_look is None:
            return changes, detections
        known = [o.box for o in self._tracker.objects(frame.captured_at) if o.still]
        unnamed = [
            change
            for change in changes
            if change.last_seen == frame.captured_at and all(iou(change.box, box) < _JOINED_IOU for box in known)
        ]
        closely = self._close_look.name(frame, unnamed)
        if closely.people:
            self._change.dismiss(closely.people)
            changes = self._change.objects()
        changes = tuple(_behind(change) if change.id in closely.behind else change for change in changes)
        return changes, detections if closely.named is None else joined([detections, closely.named])

    def _without_things(self, detections: Detections, size: tuple[int, int]) -> Detections:
        """Leave out unsure persons that stand just where a thing is known: a folded umbrella, a bike from the front."""
        known = [change.box for change in self._change.objects()]
        if self._before is not None:
            known += [thing.box for thing in self._tracker.objects(self._before) if thing.still]
        if not known or not len(detections):
            return detections
        person = np.array([detections.class_name(row) in PEOPLE for row in range(len(detections))])
        at_thing = iou_matrix(detections.normalised(*size), np.array(known)).max(axis=1) >= _THING_IOU
        return detections.select(~(person & at_thing & (detections.score < _THING_SCORE)))

    def _standing_bikes(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """(N, 4) pixels: bikes known to stand. Whoever is seen over one of these stands behind it."""
        known = () if self._before is None else self._tracker.objects(self._before)
        boxes = [thing.box for thing in known if thing.still and thing.name in BIKES]
        scaled: NDArray[np.float64] = np.array(boxes, np.float64).reshape(-1, 4) * np.array([*size, *size], np.float64)
        return scaled

    def _confirmed(self, objects: tuple[StaticObject, ...]) -> tuple[StaticObject, ...]:
        """Believe that a thing arrived only when the picture shows it too: a class may flicker on what always stood."""
        for thing in objects:
            novelty = self._change.novelty(thing.box) if thing.arrived and thing.id not in self._arrived else None
            if novelty is not None and novelty >= _ARRIVED_NOVELTY:
                self._arrived.add(thing.id)
        self._arrived &= {thing.id for thing in objects}
        return tuple(replace(thing, arrived=thing.id in self._arrived) if thing.arrived else thing for thing in objects)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values: what a restarted worker needs so that no dwell is lost."""
        return {
            "tracker": self._tracker.to_record(),
            "arrived": sorted(self._arrived),
            "company": self._company.to_record(),
            "change": self._change.to_record(),
            "quality": self._quality.to_record(),
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from `to_record`.

        Raises:
            ValueError, KeyError, TypeError: the record is not an analyser's.
        """
        self._change.restore(record["change"])
        self._quality.restore(record["quality"])
        if "company" in record:  # written by an earlier version, a record has none
            self._company.restore(record["company"])
        tracker, arrived = StaticTracker.from_record(record["tracker"], self._track), set(map(int, record["arrived"]))
        self._tracker, self._arrived = tracker, arrived


def without_ridden(detections: Detections, parked: NDArray[np.float64]) -> Detections:
    """Leave out bikes that carry their rider: they pass, and what passes is not looked at as standing.

    `parked`: (N, 4) bikes that are known to stand, which are kept.
    """
    is_bike = np.isin([detections.class_name(row) for row in range(len(detections))], BIKES)
    riders = detections.of(*PEOPLE).xyxy
    keep = np.ones(len(detections), np.bool_)
    stands = (iou_matrix(detections.xyxy[is_bike], parked) >= _PARKED_IOU).any(axis=1)
    keep[is_bike] = stands | ~ridden(detections.xyxy[is_bike], riders)
    return detections.select(keep)


def _joined(thing: StaticObject, changes: Sequence[ChangeObject]) -> StaticObject:
    """A thing whose class is seen now and then, and whose place has changed for good, has stood there all the while."""
    for change in changes:
        if iou(thing.box, change.box) >= _JOINED_IOU:
            return replace(
                thing,
                first_seen=min(thing.first_seen, change.first_seen),
                last_seen=max(thing.last_seen, change.last_seen),
                still=thing.still or thing.looks >= 2,
            )
    return thing


def _named_too(change: ChangeObject, objects: Sequence[StaticObject]) -> ChangeObject:
    """A change that is also seen as some thing is an object as surely as that is, however faint it is itself."""
    scores = [
        thing.score for thing in objects if thing.score >= _NAMED_SCORE and iou(thing.box, change.box) >= _JOINED_IOU
    ]
    return replace(change, score=max([change.score, *scores]))


def _behind(change: ChangeObject) -> ChangeObject:
    """Somebody is at it now: not seen at this look."""
    return replace(change, last_seen=change.last_seen - timedelta.resolution, covered=True)


def _surer(detections: Detections, score: float) -> Detections:
    """A carton seen from above is a bus at 0.3; what is hidden from the change detector has to be surer than that."""
    return detections.select(detections.score >= score)


def _boxes(detections: Detections, size: tuple[int, int]) -> tuple[Box, ...]:
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in detections.normalised(*size))


def _inner_points(zone: Zone) -> NDArray[np.float64]:
    """(N, 2) points spread over a zone."""
    corners = np.array(zone.polygon, np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    steps = (np.arange(_GRID) + 0.5) / _GRID
    grid = np.stack(np.meshgrid(*(low[i] + steps * (high[i] - low[i]) for i in (0, 1))), axis=-1).reshape(-1, 2)
    inside: NDArray[np.float64] = grid[contains(zone.polygon, grid)]
    return inside


def _hidden_share(points: NDArray[np.float64], covers: Sequence[Box]) -> float:
    if not len(points) or not covers:
        return 0.0
    boxes = np.array(covers)
    inside = (points[:, None, :] >= boxes[None, :, :2]) & (points[:, None, :] <= boxes[None, :, 2:])
    return float(np.mean(np.any(np.all(inside, axis=2), axis=1)))
