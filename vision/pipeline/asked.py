"""A look at the detector: the whole picture, and its tiles where the view has any, as one answer."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vision.core.detections import Detections
from vision.core.frames import Frame, Image
from vision.core.registry import View, ZoneKind
from vision.detectors.tiling import Tiling

_OBJECT_SHARE = 1 / 3  # of a tile's side: what is larger is found in the whole picture
_PARTS = 2  # tiles are half as wide as the picture, which shows things twice as large


class Batcher(Protocol):
    def submit(self, image: Image, camera_id: str) -> "Future[Detections]": ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One look on its way. `tiling` is None where the whole picture is all that is looked at."""

    frame: Frame
    answers: tuple["Future[Detections]", ...]
    tiling: Tiling | None = None

    def result(self, timeout_s: float) -> Detections:
        """Boxes in pixels of `frame.image`, each thing once.

        Raises:
            DetectorError, TimeoutError, CancelledError: of any part.
        """
        whole, *parts = [answer.result(timeout=timeout_s) for answer in self.answers]
        if self.tiling is None:
            return whole
        scale = self.tiling.width_px / self.frame.image.shape[1]
        merged = self.tiling.merge([_scaled(whole, scale), *parts])
        return _scaled(merged, 1 / scale)


class Tilings:
    """The tilings of the views, made when first needed and anew when a view's zones or picture change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[View, tuple[int, ...], Tiling | None]] = {}

    def of(self, frame: Frame, view: View) -> Tiling | None:
        """How this look is cut; None where the view asks for no tiles or has no zones."""
        if not view.tiles:
            return None
        key = frame.camera_id, frame.view_id
        known = self._known.get(key)
        if known is None or known[0] is not view or known[1] != frame.best.shape:
            known = self._known[key] = view, frame.best.shape, _tiling(view, frame.best)
        return known[2]


def ask(batcher: Batcher, frame: Frame, tiling: Tiling | None) -> Asked:
    """Send a look to the detector: its picture, then its tiles, which are cut from the sharpest picture held.

    Raises:
        DetectorError: the batcher is closed.
    """
    pictures: Sequence[Image] = [frame.image]
    if tiling is not None:
        pictures = [frame.image, *(np.ascontiguousarray(tile) for tile in tiling.cut(frame.best)[1:])]
    return Asked(frame, tuple(batcher.submit(picture, frame.camera_id) for picture in pictures), tiling)


def _tiling(view: View, picture: Image) -> Tiling | None:
    zones = [zone.polygon for zone in view.zones if zone.kind is not ZoneKind.IGNORE]
    height, width = picture.shape[:2]
    side = max(width, height) // _PARTS
    tiling = Tiling.of(zones, width, height, tile_px=side, object_px=int(side * _OBJECT_SHARE), limit=view.tiles)
    return tiling if tiling.tiles else None


def _scaled(detections: Detections, factor: float) -> Detections:
    xyxy = (detections.xyxy * np.float32(factor)).astype(np.float32)
    return Detections(xyxy, detections.score, detections.class_id, detections.names)
