import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.core.geometry import haversine_m
from vision.incidents.ground import GroundMap, Plane

ORIGIN = (121.47, 31.23)
PLANE = Plane(ORIGIN)


def street_view() -> GroundMap:
    """A camera that looks along a street: 10 m wide at the lower edge of the picture, 60 m away at its middle."""
    corners = {(0.1, 1.0): (-5.0, 5.0), (0.9, 1.0): (5.0, 5.0), (0.4, 0.4): (-5.0, 60.0), (0.6, 0.4): (5.0, 60.0)}
    return GroundMap([(point, PLANE.position(metres)) for point, metres in corners.items()])


def test_the_calibration_points_come_back() -> None:
    spot = street_view().spot((0.05, 0.8, 0.15, 1.0))
    assert spot is not None
    assert haversine_m(spot.position, PLANE.position((-5.0, 5.0))) < 0.05


def test_the_error_grows_with_distance() -> None:
    view = street_view()
    near, far = view.spot((0.45, 0.9, 0.55, 1.0)), view.spot((0.45, 0.3, 0.55, 0.42))
    assert near is not None
    assert far is not None
    assert near.error_m < 0.2
    assert far.error_m > 5 * near.error_m


def test_above_the_horizon_there_is_no_ground() -> None:
    assert street_view().spot((0.45, 0.0, 0.55, 0.1)) is None


def test_a_point_that_fits_badly_is_error_everywhere() -> None:
    pairs = [
        (p, PLANE.position(m)) for p, m in [((0, 0), (0, 0)), ((1, 0), (10, 0)), ((1, 1), (10, 10)), ((0, 1), (0, 10))]
    ]
    assert GroundMap(pairs).residual_m < 1e-6
    crooked = GroundMap([*pairs, ((0.5, 0.5), PLANE.position((7.0, 5.0)))])
    assert crooked.residual_m > 0.3


def test_points_on_one_line_are_refused() -> None:
    with pytest.raises(ValueError, match="line"):
        GroundMap([((0.1 * n, 0.1 * n), PLANE.position((n, n))) for n in range(4)])


@given(st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)))
def test_the_plane_is_true_to_the_metre(metres: tuple[float, float]) -> None:
    position = PLANE.position(metres)
    back = PLANE.metres(position)
    assert math.dist(back, metres) < 1e-3
    assert haversine_m(ORIGIN, position) == pytest.approx(math.hypot(*metres), rel=1e-3, abs=0.01)
