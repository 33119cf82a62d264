"""A second model that sees a share of the looks beside the first: what the two see differently, never a finding."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import structlog

from vision.core.detections import Detections
from vision.core.errors import StreetwardError
from vision.core.frames import Image
from vision.core.geometry import iou_matrix
from vision.pipeline.models import Batcher, Model

log = structlog.get_logger()

SAME_IOU = 0.5
CLEAR_SCORE = 0.35
"""What the rules may begin something on: fainter boxes of either model are not counted as seen."""
_MOST_WAITING = 4
Seen = Counter[tuple[str, str]]
"""Boxes by class and by who saw them: "both", "first" or "shadow"."""


class Looking(Protocol):
    """The model that counts: models.Exchange."""

    def submit(self, image: Image, camera_id: str = "") -> "Future[Detections]": ...


def compare(first: Detections, shadow: Detections) -> Seen:
    """Count boxes seen by both (same class, IoU of at least 0.5, each matched once, best first) and by one alone.

    Classes that either model does not know are left out: there is nothing to compare.
    """
    seen: Seen = Counter()
    for name in sorted(set(first.names) & set(shadow.names)):
        ours, theirs = _clear(first, name), _clear(shadow, name)
        both = _pairs(ours, theirs)
        seen.update({(name, "both"): both, (name, "first"): len(ours) - both, (name, "shadow"): len(theirs) - both})
    return +seen


class Shadow:
    """Stands where the exchange stands, and shows a share of the looks to a second model too.

    The second model never delays a look: while it still has some waiting, further ones are let pass and counted.
    """

    def __init__(
        self,
        looking: Looking,
        load: Callable[[str], Model],
        name: str,
        share: float,
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`load` raising StreetwardError leaves the first model alone at work, and the reason in the record."""
        self._looking, self._share, self._draw, self._name = looking, share, draw, name
        self._lock = threading.Lock()
        self._seen: Seen = Counter()
        self._counts: Counter[str] = Counter()
        self._waiting = 0
        self._model: Model | None = None
        self._reason = ""
        try:
            self._model = load(name)
        except StreetwardError as error:
            self._reason = str(error)
            log.warning("shadow_model_not_loaded", model=name, reason=self._reason)

    def submit(self, image: Image, camera_id: str = "") -> "Future[Detections]":
        """The first model's answer; the shadow's is only compared with it. Raises DetectorError when closed."""
        answer = self._looking.submit(image, camera_id)
        if self._model is not None and self._draw() < self._share:
            self._beside(self._model.batcher, image, camera_id, answer)
        return answer

    def record(self) -> dict[str, Any]:
        """What the hub is told: looks compared, let pass and failed, and boxes by class since this worker began."""
        with self._lock:
            classes: dict[str, dict[str, int]] = {}
            for (name, who), count in sorted(self._seen.items()):
                classes.setdefault(name, {"both": 0, "first": 0, "shadow": 0})[who] = count
            return {
                "model": self._name,
                "version": "" if self._model is None else self._model.version,
                "reason": self._reason,
                "share": self._share,
                **{key: self._counts[key] for key in ("compared", "passed", "failed")},
                "classes": classes,
            }

    def close(self) -> None:
        if self._model is not None:
            self._model.batcher.close()

    def _beside(self, batcher: Batcher, image: Image, camera_id: str, first: "Future[Detections]") -> None:
        with self._lock:
            if self._waiting >= _MOST_WAITING:
                self._counts["passed"] += 1
                return
            self._waiting += 1
        with self._counted():
            second = batcher.submit(image, camera_id)
            second.add_done_callback(lambda done: self._answered(first, done))

    def _answered(self, first: "Future[Detections]", second: "Future[Detections]") -> None:
        with self._lock:
            self._waiting -= 1
        first.add_done_callback(lambda done: self._tally(done, second))

    def _tally(self, first: "Future[Detections]", second: "Future[Detections]") -> None:
        if any(done.cancelled() or done.exception() is not None for done in (first, second)):
            with self._lock:
                self._counts["failed"] += 1
            return
        seen = compare(first.result(), second.result())
        with self._lock:
            self._counts["compared"] += 1
            self._seen.update(seen)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """A shadow that takes no more pictures is counted; the look itself goes on."""
        try:
            yield
        except StreetwardError:
            with self._lock:
                self._waiting -= 1
                self._counts["failed"] += 1


def _clear(detections: Detections, name: str) -> Detections:
    of_class = detections.of(name)
    return of_class.select(of_class.score >= CLEAR_SCORE)


def _pairs(ours: Detections, theirs: Detections) -> int:
    """How many boxes pair up, the best overlap first."""
    if not len(ours) or not len(theirs):
        return 0
    overlap = iou_matrix(ours.xyxy, theirs.xyxy)
    count = 0
    while overlap.max() >= SAME_IOU:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        overlap[row, :] = overlap[:, column] = -1.0
        count += 1
    return count
