from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.core.detections import Detections
from vision.core.frames import Image
from vision.core.geometry import Polygon, contains
from vision.detectors.tiling import Tile, Tiling, detect_tiled

STRIP: Polygon = ((0.1, 0.7), (0.9, 0.7), (0.9, 0.8), (0.1, 0.8))


def boxes(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32), ("person", "bicycle"))


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.floats(0.0, 0.7), st.floats(0.0, 0.7)),
    st.tuples(st.floats(0.05, 0.3), st.floats(0.05, 0.3)),
    st.integers(200, 4000),
    st.integers(200, 3000),
)
def test_whatever_stands_in_a_zone_is_whole_in_one_tile(
    corner: tuple[float, float], size: tuple[float, float], width: int, height: int
) -> None:
    (x, y), (w, h) = corner, size
    zone = ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    tiling = Tiling.of([zone], width, height, tile_px=320, object_px=80, limit=10_000)
    rng = np.random.default_rng(1)
    for px, py in rng.uniform([x, y], [x + w, y + h], (30, 2)):
        low = np.maximum([px * width - 20, py * height - 20], 0)
        high = np.minimum([px * width + 20, py * height + 20], [width, height])
        assert any(
            (t.x1 <= low[0]) and (t.y1 <= low[1]) and (t.x2 >= high[0]) and (t.y2 >= high[1]) for t in tiling.tiles
        )


def test_tiles_lie_where_the_zones_are() -> None:
    tiling = Tiling.of([STRIP], 1920, 1080, tile_px=400, object_px=80)
    assert 4 <= len(tiling.tiles) <= 6
    assert all(tile.y1 < 864 and tile.y2 > 756 for tile in tiling.tiles)


def test_no_zone_needs_no_tile() -> None:
    assert Tiling.of([], 1920, 1080).tiles == ()


def test_there_are_never_more_tiles_than_allowed() -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert len(Tiling.of([everything], 3840, 2160, limit=5).tiles) == 5


def test_tiles_larger_than_the_picture_are_the_picture() -> None:
    assert Tiling.of([STRIP], 200, 100, tile_px=640).tiles == (Tile(0, 0, 200, 100),)


def test_objects_that_fit_no_tile_are_refused() -> None:
    with pytest.raises(ValueError, match="object_px should be"):
        Tiling.of([STRIP], 100, 100, tile_px=64, object_px=64)


TWO = Tiling(200, 100, (Tile(0, 0, 120, 100), Tile(80, 0, 200, 100)))


def test_an_object_seen_by_several_parts_is_one_the_best_one() -> None:
    merged = TWO.merge(
        [boxes((90, 40, 110, 60, 0.3, 0)), boxes((90, 40, 110, 60, 0.8, 0)), boxes((10, 41, 30, 61, 0.6, 0))]
    )
    assert merged.xyxy.tolist() == [[90, 40, 110, 60]]
    assert merged.score.tolist() == [pytest.approx(0.8)]


def test_a_piece_at_a_tiles_inner_edge_is_dropped_but_not_at_the_pictures() -> None:
    merged = TWO.merge(
        [boxes(), boxes((100, 10, 120, 30, 0.9, 0), (0, 10, 20, 30, 0.7, 0)), boxes((20, 10, 60, 30, 0.5, 0))]
    )
    assert merged.xyxy.tolist() == [[0, 10, 20, 30], [100, 10, 140, 30]]


def test_neighbours_of_one_class_in_one_part_stay_two() -> None:
    inside = boxes((10, 10, 50, 90, 0.9, 0), (15, 20, 30, 60, 0.8, 0))
    assert len(TWO.merge([inside, boxes(), boxes()])) == 2


def test_two_classes_at_one_place_stay_two() -> None:
    merged = TWO.merge([boxes((90, 40, 110, 60, 0.9, 0)), boxes((90, 40, 110, 60, 0.8, 1)), boxes()])
    assert len(merged) == 2


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="200×100 pictures, got 100×50"):
        TWO.cut(np.zeros((50, 100, 3), np.uint8))


class BrightSpots:
    """Sees one box of white pixels if it is at least a tenth of the picture wide: small things only in tiles."""

    names = ("spot",)
    version = "spots-1"

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        answers = []
        for image in images:
            rows, columns = np.nonzero(image[..., 0])
            if len(rows) == 0 or columns.max() + 1 - columns.min() < image.shape[1] / 10:
                answers.append(Detections.empty(self.names))
                continue
            box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
            answers.append(
                Detections(np.array(box, np.float32), np.ones(1, np.float32), np.zeros(1, np.int32), self.names)
            )
        return answers

    def close(self) -> None:
        """Nothing to release."""


def test_what_is_too_small_for_the_whole_picture_is_found_in_its_tile() -> None:
    image = np.zeros((1080, 1920, 3), np.uint8)
    image[800:840, 1000:1040] = 255
    tiling = Tiling.of([STRIP], 1920, 1080, tile_px=320, object_px=96)
    assert len(BrightSpots().detect([image])[0]) == 0
    assert contains(STRIP, np.array([[1020 / 1920, 820 / 1080]])).all()
    assert detect_tiled(BrightSpots(), image, tiling).xyxy.tolist() == [[1000, 800, 1040, 840]]
