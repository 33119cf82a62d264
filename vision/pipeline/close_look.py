"""A second, close look at what is new: the detector is shown an enlarged cut-out of every change it could not name.

Things of twenty pixels are named badly in a whole view and well in a cut-out; and a change that turns out to be
somebody half hidden is none. It costs a few inferences a thing, not a look.

What several close looks say is summed up: a bike seen from the front is an overfull bin to one and a bike to the next,
while goods and garbage are a bike to none.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.core.frames import Frame, Image
from vision.core.geometry import Box, iou, iou_matrix
from vision.core.scene import ChangeObject
from vision.rules.bikes import BIKES
from vision.rules.ground import overlap_share
from vision.rules.riding import ridden
from vision.tracking.belief import Belief
from vision.tracking.company import ATTENDED_SHARE
from vision.tracking.place import covered_share
from vision.tracking.settings import family

Detect = Callable[[Image], Detections]

_AT_ONCE = 2  # cut-outs a look
_TRIES = 6
_TRIES_MORE = 12  # while it may be a bike
_AGAIN_AFTER_S = 300.0
_AROUND = ((2.5, 0.0), (4.0, 0.0), (3.0, 0.0), (4.0, 0.15), (2.5, -0.15), (5.5, 0.0))
"""Try by try: side of the cut-out in longer sides of the thing, and how far the thing lies off its middle, in sides of
the cut-out. No two are alike, so that one silly name does not stay; nearer than 2, a wheel is a clock."""
_LEAST_SIDE_PX = 96
_NAMED_IOU = 0.3
_WITHIN = 0.8  # of the thing, where the change has a shadow or a neighbour about it
_WITHIN_IOU = 0.15
_BIKE_TRUST, _TRUST = 0.9, 0.3  # of goods and garbage next to none is a bike to the model; of bikes many are a bin
_BIKE_BELIEF = 0.35
_SAME_PLACE_IOU = 0.4
_TWICE_IOU = 0.45
_PERSON_SHARE = 0.3
_LINGERS = 3  # of the last four close looks with a person: somebody stands there, and does not just pass before a thing
_BIKE_FAMILIES = frozenset(map(family, BIKES))
PERSON = "person"
CAN_BE_LEFT = frozenset(
    {
        "bicycle", "motorcycle", "e-bike", "tricycle", "garbage", "garbage_bin", "overflow", "chair", "couch", "bench",
        "dining table", "umbrella", "stall", "crate", "goods", "carton", "suitcase", "handbag", "backpack",
        "potted plant", "vase", "bottle", "bowl", "banana", "apple", "orange", "broccoli", "carrot", "car",
    }
)  # fmt: skip
"""What a thing that has just been put down can be. A hydrant, a boat or a bus of thirty pixels it is not: such names
are mistakes, and would hide the right one behind a higher score."""


@dataclass(slots=True)
class _Tried:
    """What came of the close looks at one change.

    Attributes:
        since: when the change began that was looked at; it begins anew when it looks otherwise.
        times: close looks in this series.
        belief: what it is, by class family.
        bike: its box in pixels of the look and how sure it is, once it is believed to be one.
        seen: the last box of a bike, believed or not.
        people: whether each of the last ones showed a person there.
    """

    last: datetime
    since: datetime
    times: int = 0
    belief: Belief = field(default_factory=Belief)
    bike: Detections | None = None
    seen: Detections | None = None
    people: deque[bool] = field(default_factory=lambda: deque(maxlen=4))

    def due(self, change: ChangeObject, at: datetime) -> bool:
        """Whether to look once more: a few times at once, longer at what may be a bike, and again when all is old."""
        if self.bike is not None and self.times >= _TRIES and change.first_seen > self.since:
            self.since, self.times, self.belief = change.first_seen, 0, Belief()  # another thing may stand there now
        maybe = self.bike is None and any(self.belief.of(name) > 0 for name in _BIKE_FAMILIES)
        tries = _TRIES_MORE if maybe else _TRIES
        return self.times < tries or (at - self.last).total_seconds() >= _AGAIN_AFTER_S

    def forget(self) -> None:
        """What was heard was of something else."""
        self.belief, self.bike, self.seen = Belief(), None, None

    def conclude(self, named: Detections) -> Detections | None:
        """Add one look to what was heard; what it names, unless that is a bike.

        A bike keeps its name until a whole series of looks no longer bears it out: the name took several looks, none of
        which need be sure of a bike seen from the front, and is as sure as all of them together.
        """
        bikes = named.of(*BIKES)
        if len(bikes):
            bike = _best(bikes)
            if self.seen is not None and iou_matrix(self.seen.xyxy, bike.xyxy)[0, 0] < _SAME_PLACE_IOU:
                self.forget()  # a pram that is pushed about: what stands is seen where it was
            self.seen = bike
        self.belief.hear(_supports(named))
        most = self.belief.most()
        of_it = named.select(np.array([family(named.class_name(row)) == most for row in range(len(named))], np.bool_))
        sure = self.belief.of(most) if most in _BIKE_FAMILIES else 0.0
        if sure >= _BIKE_BELIEF and (len(of_it) or self.bike is not None):
            box = _best(of_it) if len(of_it) else self.bike
            assert box is not None
            self.bike = replace(box, score=np.array([sure], np.float32))
        elif self.times >= _TRIES:
            self.bike = None
        return _best(of_it) if len(of_it) and most not in _BIKE_FAMILIES and self.bike is None else None


@dataclass(frozen=True, slots=True)
class Closely:
    """What close looks tell of one look's changes.

    Attributes:
        named: what they are, in pixels of the look; None when nothing was named.
        people: ids of changes that are somebody who stays there.
        behind: ids of changes that have somebody at them now, who may be passing: nothing is told of these.
    """

    named: Detections | None = None
    people: frozenset[int] = frozenset()
    behind: frozenset[int] = frozenset()


class CloseLook:
    """Which changes of one view have been looked at closely, and what came of it."""

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._tried: dict[int, _Tried] = {}

    def name(self, frame: Frame, changes: Sequence[ChangeObject], hidden: Collection[int] = ()) -> Closely:
        """Look at some of the unnamed `changes`, which are seen at this look.

        `hidden`: ids of changes that are not; what is known of those is kept.
        """
        seen_now = {change.id for change in changes}
        self._tried = {key: tried for key, tried in self._tried.items() if key in seen_now or key in hidden}
        named: list[Detections] = []
        people: set[int] = set()
        for change in [one for one in changes if self._due(one, frame.captured_at)][:_AT_ONCE]:
            tried = self._tried.setdefault(change.id, _Tried(frame.captured_at, change.first_seen))
            seen = self._cut_out(frame, change.box, *_AROUND[tried.times % len(_AROUND)])
            tried.times, tried.last = tried.times + 1, frame.captured_at
            boxes = [_box(row) for row in seen.normalised(frame.image.shape[1], frame.image.shape[0])]
            fits = seen.select(_fitting(seen, boxes, change) & ~_attended(seen))
            tried.people.append(_shows_person(seen, boxes, change.box, fits.of(*BIKES)))
            if tried.people[-1]:
                tried.times = 0  # whoever stands there is looked at until gone
                if sum(tried.people) >= _LINGERS:
                    people.add(change.id)
            elif (thing := tried.conclude(fits)) is not None:
                named.append(thing)
        behind = frozenset(key for key, tried in self._tried.items() if tried.people and tried.people[-1])
        for change in changes:
            known = self._tried.get(change.id)
            if known is None or known.bike is None or change.id in behind:
                continue
            if _is_of(_box(known.bike.normalised(frame.image.shape[1], frame.image.shape[0])[0]), change.box):
                named.append(known.bike)
            else:
                known.forget()
        return Closely(joined(named) if named else None, frozenset(people), behind)

    def began(self, change: ChangeObject) -> bool:
        """Whether it has been looked at: then its few tries are made, whatever name it got meanwhile."""
        return change.id in self._tried

    def _due(self, change: ChangeObject, at: datetime) -> bool:
        tried = self._tried.get(change.id)
        return tried is None or tried.due(change, at)

    def _cut_out(self, frame: Frame, box: Box, around: float, aside: float) -> Detections:
        """Detections of a box and its surroundings, `around` times its longer side, in pixels of `frame.image`."""
        picture = frame.best
        height, width = picture.shape[:2]
        side = max(around * max((box[2] - box[0]) * width, (box[3] - box[1]) * height), _LEAST_SIDE_PX)
        side = min(side, width, height)
        left = int(np.clip((box[0] + box[2]) / 2 * width + (aside - 0.5) * side, 0, width - side))
        top = int(np.clip((box[1] + box[3]) / 2 * height - side / 2, 0, height - side))
        cut = np.ascontiguousarray(picture[top : top + round(side), left : left + round(side)])
        seen = with_second_opinions(self._detect(cut))
        scale = frame.image.shape[1] / width
        xyxy = (seen.xyxy + np.array([left, top, left, top], np.float32)) * np.float32(scale)
        return Detections(xyxy.astype(np.float32), seen.score, seen.class_id, seen.names)


def joined(parts: Sequence[Detections]) -> Detections:
    """The rows of several detections of one detector; `parts` has at least one."""
    return Detections(
        np.concatenate([part.xyxy for part in parts]),
        np.concatenate([part.score for part in parts]),
        np.concatenate([part.class_id for part in parts]),
        parts[0].names,
    )


def with_second_opinions(seen: Detections) -> Detections:
    """What was seen, and every bike among it though another class scores more: a hydrant 0.8 is a motorcycle 0.3."""
    if seen.also is None:
        return seen
    others = np.array([seen.class_name(row) not in BIKES for row in range(len(seen))], np.bool_)
    return joined([seen.select(others), seen.also.of(*BIKES)])


def _fitting(seen: Detections, boxes: Sequence[Box], change: ChangeObject) -> NDArray[np.bool_]:
    """(N,) which boxes are of the change, and of something that can have been put down."""
    names, place = BIKES if change.thin else CAN_BE_LEFT, change.box
    return np.array(
        [seen.class_name(row) in names and _is_of(box, place) for row, box in enumerate(boxes)],
        np.bool_,
    )


def _attended(seen: Detections) -> NDArray[np.bool_]:
    """(N,) which boxes are bikes with somebody at them, as a pushed pram has; a parked bike has nobody for long."""
    bike = np.array([seen.class_name(row) in BIKES for row in range(len(seen))], np.bool_)
    people = seen.of(PERSON)
    at_it = np.zeros(len(seen), np.bool_)
    for person, score in zip(people.xyxy, people.score, strict=True):
        one = (iou_matrix(seen.xyxy, person[None])[:, 0] >= _TWICE_IOU) & (seen.score > score)  # told twice
        at_it |= (covered_share(seen.xyxy.astype(np.float64), person[None].astype(np.float64)) >= ATTENDED_SHARE) & ~one
    return bike & at_it


def _is_of(box: Box, place: Box) -> bool:
    """Whether a box is of what changed at a place: as large, or within it, which has a shadow or a neighbour too."""
    overlap = iou(box, place)
    return overlap >= _NAMED_IOU or (overlap >= _WITHIN_IOU and overlap_share(box, place) >= _WITHIN)


def _shows_person(seen: Detections, boxes: Sequence[Box], place: Box, bikes: Detections) -> bool:
    """Whether somebody is there who is not just a bike told twice: from the front it has a head and two arms."""
    here = np.array(
        [
            seen.class_name(row) == PERSON and overlap_share(place, box) >= _PERSON_SHARE
            for row, box in enumerate(boxes)
        ],
        np.bool_,
    )
    if not here.any() or not len(bikes):
        return bool(here.any())
    people = seen.select(here)
    one = (iou_matrix(people.xyxy, bikes.xyxy) >= _TWICE_IOU) & (people.score[:, None] < bikes.score[None, :])
    return not one.any(axis=1).all() or bool(ridden(bikes.xyxy, people.xyxy).any())


def _supports(named: Detections) -> dict[str, float]:
    """How far one look speaks for each class family."""
    supports: dict[str, float] = {}
    for row, score in enumerate(named.score):
        name = named.class_name(row)
        trust = _BIKE_TRUST if name in BIKES else _TRUST
        supports[family(name)] = max(supports.get(family(name), 0.0), trust * float(score))
    return supports


def _best(seen: Detections) -> Detections:
    return seen.select(np.array([int(np.argmax(seen.score))], np.intp))


def _box(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in row)
    return x1, y1, x2, y2
