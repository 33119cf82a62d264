"""Tiles for high and rooftop views: the zones seen larger, and what they show merged with the whole picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.core.frames import Image
from vision.core.geometry import Polygon, contains
from vision.core.ports import Detector
from vision.detectors.boxes import fixed_point

_CELLS = 96  # cells along the longer side of the picture, on which coverage is counted
_CUT_PX = 2.0  # a box this near to a tile's inner edge may be a piece of something larger
_SAME_IOU = 0.5
_INSIDE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the picture: pixels, right and lower edge excluded."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True)
class Tiling:
    """Where one view is looked at larger; make it once a view with `of`.

    The whole picture always comes first, for what is larger than a tile, then the tiles.
    """

    width_px: int
    height_px: int
    tiles: tuple[Tile, ...]

    @classmethod
    def of(
        cls,
        zones: Sequence[Polygon],
        width_px: int,
        height_px: int,
        *,
        tile_px: int = 320,
        object_px: int = 96,
        limit: int = 12,
    ) -> Self:
        """Few tiles that hold everything in the zones, those that hold most first.

        A sweep from the left: of the tiles that cover the leftmost place still open, the one that covers most goes in.
        A place counts as covered only well inside a tile, so that an object of up to `object_px` whose middle lies in
        a zone is wholly in one tile. `tile_px` is the side of a square tile in the picture's own pixels: half the
        network's input shows things twice as large as they are. What more than `limit` tiles
        would add is left to the whole picture.

        Raises:
            ValueError: objects should fit into tiles, `object_px` < `tile_px`.
        """
        if not 0 < object_px < tile_px:
            raise ValueError(f"object_px should be positive and less than tile_px, got {object_px} and {tile_px}")
        step_px = (tile_px - object_px) / 8
        cell_px = min(max(width_px, height_px) / _CELLS, step_px)
        points = np.concatenate([_samples(zone, width_px, height_px, cell_px) for zone in zones] or [np.zeros((0, 2))])
        candidates = _candidates(width_px, height_px, tile_px, step_px)
        safe = _safe_area(candidates, width_px, height_px, object_px / 2 + cell_px)
        chosen: dict[int, int] = {}
        while len(points):
            near = np.flatnonzero(_inside(safe, points[points[:, 0].argmin()][None])[:, 0])
            covers = _inside(safe[near], points)
            best = int(covers.sum(axis=1).argmax())
            chosen[int(near[best])] = int(covers[best].sum())
            points = points[~covers[best]]
        most_first = sorted(chosen, key=lambda index: -chosen[index])
        tiles = tuple(Tile(*map(int, candidates[index])) for index in most_first[:limit])
        return cls(width_px, height_px, tiles)

    def cut(self, image: Image) -> list[Image]:
        """The picture and its tiles (views into it, no copies).

        Raises:
            ValueError: the picture has another size than the tiling was made for.
        """
        if image.shape[:2] != (self.height_px, self.width_px):
            raise ValueError(
                f"the tiling is for {self.width_px}×{self.height_px} pictures, got {image.shape[1]}×{image.shape[0]}"
            )
        return [image, *(image[tile.y1 : tile.y2, tile.x1 : tile.x2] for tile in self.tiles)]

    def merge(self, parts: Sequence[Detections]) -> Detections:
        """The boxes of the picture from those of `cut`'s parts, in their order, each object once, best first.

        A box cut by a tile's inner edge is left to the tile or the whole picture that shows all of it. Two boxes of
        one class from different parts are one object when they overlap by half, or one lies within the other.
        """
        whole, *rest = parts
        boxes, sources, scores, classes = [whole.xyxy], [np.zeros(len(whole), np.intp)], [whole.score], [whole.class_id]
        for index, (tile, seen) in enumerate(zip(self.tiles, rest, strict=True), start=1):
            kept = ~self._cut_off(tile, seen.xyxy)
            boxes.append(seen.xyxy[kept] + np.array([tile.x1, tile.y1, tile.x1, tile.y1], np.float32))
            sources.append(np.full(int(kept.sum()), index, np.intp))
            scores.append(seen.score[kept])
            classes.append(seen.class_id[kept])
        score = np.concatenate(scores)
        order = np.argsort(-score, kind="stable")
        xyxy, source = np.concatenate(boxes)[order], np.concatenate(sources)[order]
        class_id = np.concatenate(classes)[order]
        twice = _one_object(xyxy) & (class_id[:, None] == class_id) & (source[:, None] != source)
        return Detections(xyxy, score[order], class_id, whole.names).select(fixed_point(twice))

    def _cut_off(self, tile: Tile, xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
        cut = np.zeros(len(xyxy), np.bool_)
        if tile.x1 > 0:
            cut |= xyxy[:, 0] < _CUT_PX
        if tile.y1 > 0:
            cut |= xyxy[:, 1] < _CUT_PX
        if tile.x2 < self.width_px:
            cut |= xyxy[:, 2] > tile.x2 - tile.x1 - _CUT_PX
        if tile.y2 < self.height_px:
            cut |= xyxy[:, 3] > tile.y2 - tile.y1 - _CUT_PX
        return cut


def detect_tiled(detector: Detector, image: Image, tiling: Tiling) -> Detections:
    """One picture through its tiling.

    Raises:
        DetectorError: inference failed.
    """
    return tiling.merge(detector.detect(tiling.cut(image)))


def _samples(zone: Polygon, width_px: int, height_px: int, cell_px: float) -> NDArray[np.float64]:
    """(N, 2) pixels: middles of the cells that lie in the zone, and points along its edges for slivers between them."""
    columns, rows = max(1, round(width_px / cell_px)), max(1, round(height_px / cell_px))
    y, x = np.mgrid[:rows, :columns]
    middles = np.stack([(x.ravel() + 0.5) / columns, (y.ravel() + 0.5) / rows], axis=1)
    size = np.array([width_px, height_px], np.float64)
    corners = np.asarray(zone, np.float64) * size
    parts = [middles[contains(zone, middles)] * size]
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        count = 1 + int(np.abs(end - start).max() / cell_px)
        parts.append(start + (end - start) * (np.arange(count) / count)[:, None])
    return np.concatenate(parts)


def _candidates(width_px: int, height_px: int, tile_px: int, step_px: float) -> NDArray[np.int_]:
    """(N, 4) every place of a tile on a grid of steps, and flush with the far edges."""
    wide, high = min(tile_px, width_px), min(tile_px, height_px)
    xs = np.unique(np.append(np.arange(0, width_px - wide, step_px).astype(np.int_), width_px - wide))
    ys = np.unique(np.append(np.arange(0, height_px - high, step_px).astype(np.int_), height_px - high))
    y, x = (grid.ravel() for grid in np.meshgrid(ys, xs, indexing="ij"))
    return np.stack([x, y, x + wide, y + high], axis=1)


def _safe_area(tiles: NDArray[np.int_], width_px: int, height_px: int, margin_px: float) -> NDArray[np.float64]:
    """(N, 4) the part of each tile that is `margin_px` from every edge that is not the picture's."""
    low = np.where(tiles[:, :2] > 0, tiles[:, :2] + margin_px, -np.inf)
    high = np.where(tiles[:, 2:] < [width_px, height_px], tiles[:, 2:] - margin_px, np.inf)
    return np.hstack([low, high])


def _inside(areas: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(areas, points): which point lies in which area."""
    inside = (points >= areas[:, None, :2]) & (points <= areas[:, None, 2:])
    both: NDArray[np.bool_] = inside[..., 0] & inside[..., 1]
    return both


def _one_object(xyxy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N, N): boxes that overlap by half of their union, or one of which lies almost wholly within the other."""
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    inter = np.maximum(high - low, 0).prod(axis=2)
    area = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    union = area[:, None] + area - inter
    smaller = np.minimum(area[:, None], area)
    same: NDArray[np.bool_] = (inter > _SAME_IOU * union) | (inter > _INSIDE_SHARE * smaller)
    return same
