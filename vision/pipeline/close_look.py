"""A second, close look at what is new: the detector is shown an enlarged cut-out of every change it could not name.

Things of twenty pixels are named badly in a whole view and well in a cut-out; and a change that turns out to be
somebody half hidden is none. It costs a few inferences a thing, not a look.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
_AROUND = 2.5  # side of the cut-out, in longer sides of the thing
_LEAST_SIDE_PX = 96
_NAMED_IOU = 0.3
_PERSON_SHARE = 0.3
PERSON = "person"


@dataclass(slots=True)
class _Tried:
    times: int
    last: datetime


class CloseLook:
    """Which changes of one view have been looked at closely, and what came of it."""

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._tried: dict[int, _Tried] = {}

    def name(self, frame: Frame, changes: Sequence[ChangeObject]) -> tuple[Detections | None, frozenset[int]]:
        """Look at some of the unnamed `changes`.

        Returns:
            What they are, in pixels of `frame.image` (None when nothing was named), and the ids of those that are
            people.
        """
        self._tried = {key: tried for key, tried in self._tried.items() if key in {change.id for change in changes}}
        found: list[Detections] = []
        people: set[int] = set()
        for change in [one for one in changes if self._due(one, frame.captured_at)][:_AT_ONCE]:
            tried = self._tried.setdefault(change.id, _Tried(0, frame.captured_at))
            tried.times, tried.last = tried.times + 1, frame.captured_at
            seen = self._cut_out(frame, change.box)
            size = (frame.image.shape[1], frame.image.shape[0])
            boxes = [_box(row) for row in seen.normalised(*size)]
            if any(
                seen.class_name(row) == PERSON and overlap_share(change.box, box) >= _PERSON_SHARE
                for row, box in enumerate(boxes)
            ):
                people.add(change.id)
                tried.times = 0  # whoever stands there is looked at until gone
                continue
            fits = np.array([iou(box, change.box) >= _NAMED_IOU for box in boxes], np.bool_)
            if fits.any():
                found.append(_best(seen.select(fits)))
        return (joined(found) if found else None), frozenset(people)

    def _due(self, change: ChangeObject, at: datetime) -> bool:
        tried = self._tried.get(change.id)
        return tried is None or tried.times < _TRIES or (at - tried.last).total_seconds() >= _AGAIN_AFTER_S

    def _cut_out(self, frame: Frame, box: Box) -> Detections:
        """Detections of the surroundings of a box, in pixels of `frame.image`."""
        picture = frame.best
        height, width = picture.shape[:2]
        side = max(_AROUND * max((box[2] - box[0]) * width, (box[3] - box[1]) * height), _LEAST_SIDE_PX)
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


def _best(seen: Detections) -> Detections:
    return seen.select(np.array([int(np.argmax(seen.score))], np.intp))


def _box(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in row)
    return x1, y1, x2, y2
