import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.core import geometry as g

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


def test_a_point_is_inside_or_outside() -> None:
    assert g.contains(SQUARE, np.array([[0.5, 0.5], [0.1, 0.5], [0.9, 0.9]])).tolist() == [True, False, False]


def test_share_of_a_box_that_lies_half_in() -> None:
    assert g.share_inside(SQUARE, (0.0, 0.3, 0.4, 0.7)) == pytest.approx(0.5)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_iou_of_a_box_with_itself_is_one_or_it_is_empty(values: list[float]) -> None:
    x1, x2 = sorted(values[:2])
    y1, y2 = sorted(values[2:])
    box = (x1, y1, x2, y2)
    assert g.iou(box, box) in (pytest.approx(1.0), 0.0)


def test_homography_maps_its_own_points() -> None:
    image = [(0.1, 0.9), (0.9, 0.9), (0.7, 0.4), (0.3, 0.4)]
    ground = [(116.0, 39.0), (116.0003, 39.0), (116.0003, 39.0005), (116.0, 39.0005)]
    h = g.homography(image, ground)
    assert np.allclose(g.apply_homography(h, np.array(image)), ground, atol=1e-9)


def test_homography_refuses_points_on_a_line() -> None:
    line = [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4)]
    with pytest.raises(ValueError, match="one line"):
        g.homography(line, line)


def test_a_degree_of_latitude_is_111_km() -> None:
    assert g.haversine_m((116, 39), (116, 40)) == pytest.approx(111_195, rel=1e-3)
