"""A second, close look at what is new: the detector is shown an enlarged cut-out of every change it could not name.

Things of twenty pixels are named badly in a whole view and well in a cut-out; and a change that turns out to be
somebody half hidden is none. It costs a few inferences a thing, not a look.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from vision.core.detections import Detections
from vision.core.frames import Frame, Image
from vision.core.geometry import Box, iou
from vision.core.scene import ChangeObject
from vision.rules.ground import overlap_share

Detect = Callable[[Image], Detections]

_AT_ONCE = 2  # cut-outs a look
_TRIES = 4
_AGAIN_AFTER_S = 300.0
_AROUND = (2.5, 1.6, 4.0)  # side of the cut-out, in longer sides of the thing, try by try
_LEAST_SIDE_PX = 96
_NAMED_IOU = 0.3
_PERSON_SHARE = 0.3
_LINGERS = 3  # of the last four close looks with a person: somebody stands there, and does not just pass before a thing
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
    """`people`: whether each of the last close looks showed a person there."""

    last: datetime
    times: int = 0
    people: deque[bool] = field(default_factory=lambda: deque(maxlen=4))


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

    def name(self, frame: Frame, changes: Sequence[ChangeObject]) -> Closely:
        """Look at some of the unnamed `changes`."""
        self._tried = {key: tried for key, tried in self._tried.items() if key in {change.id for change in changes}}
        found: list[Detections] = []
        people: set[int] = set()
        for change in [one for one in changes if self._due(one, frame.captured_at)][:_AT_ONCE]:
            tried = self._tried.setdefault(change.id, _Tried(frame.captured_at))
            seen = self._cut_out(frame, change.box, _AROUND[tried.times % len(_AROUND)])
            tried.times, tried.last = tried.times + 1, frame.captured_at
            boxes = [_box(row) for row in seen.normalised(frame.image.shape[1], frame.image.shape[0])]
            tried.people.append(_shows_person(seen, boxes, change.box))
            if tried.people[-1]:
                tried.times = 0  # whoever stands there is looked at until gone
                if sum(tried.people) >= _LINGERS:
                    people.add(change.id)
                continue
            fits = np.array(
                [
                    seen.class_name(row) in CAN_BE_LEFT and iou(box, change.box) >= _NAMED_IOU
                    for row, box in enumerate(boxes)
                ],
                np.bool_,
            )
            if fits.any():
                found.append(_best(seen.select(fits)))
        behind = frozenset(key for key, tried in self._tried.items() if tried.people and tried.people[-1])
        return Closely(joined(found) if found else None, frozenset(people), behind)

    def _due(self, change: ChangeObject, at: datetime) -> bool:
        tried = self._tried.get(change.id)
        return tried is None or tried.times < _TRIES or (at - tried.last).total_seconds() >= _AGAIN_AFTER_S

    def _cut_out(self, frame: Frame, box: Box, around: float) -> Detections:
        """Detections of a box and its surroundings, `around` times its longer side, in pixels of `frame.image`."""
        picture = frame.best
        height, width = picture.shape[:2]
        side = max(around * max((box[2] - box[0]) * width, (box[3] - box[1]) * height), _LEAST_SIDE_PX)
        side = min(side, width, height)
        left = int(np.clip((box[0] + box[2]) / 2 * width - side / 2, 0, width - side))
        top = int(np.clip((box[1] + box[3]) / 2 * height - side / 2, 0, height - side))
        cut = np.ascontiguousarray(picture[top : top + round(side), left : left + round(side)])
        seen = self._detect(cut)
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


def _shows_person(seen: Detections, boxes: Sequence[Box], place: Box) -> bool:
    return any(
        seen.class_name(row) == PERSON and overlap_share(place, box) >= _PERSON_SHARE for row, box in enumerate(boxes)
    )


def _best(seen: Detections) -> Detections:
    return seen.select(np.array([int(np.argmax(seen.score))], np.intp))


def _box(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in row)
    return x1, y1, x2, y2
