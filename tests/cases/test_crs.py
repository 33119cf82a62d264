import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.cases.crs import check, from_wgs84, gcj02, wgs84_of_gcj02
from vision.core.errors import ConfigError
from vision.core.geometry import haversine_m

# Longitude, latitude before and after, as published with the eviltransform reconstruction's own tests.
PUBLISHED = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]


@pytest.mark.parametrize(("wgs", "gcj"), PUBLISHED)
def test_gcj02_is_the_published_shift(wgs: tuple[float, float], gcj: tuple[float, float]) -> None:
    assert gcj02(wgs) == pytest.approx(gcj, abs=1e-9)
    assert from_wgs84(wgs, "gcj02") == gcj02(wgs)


@given(st.floats(75, 135), st.floats(18, 53))
def test_the_way_back_is_exact_and_the_shift_is_hundreds_of_metres(longitude: float, latitude: float) -> None:
    there = gcj02((longitude, latitude))
    assert haversine_m(wgs84_of_gcj02(there), (longitude, latitude)) < 0.001
    assert 10 < haversine_m(there, (longitude, latitude)) < 1500


def test_places_abroad_stay() -> None:
    assert gcj02((2.2945, 48.8584)) == (2.2945, 48.8584)


def test_web_mercator() -> None:
    x, y = from_wgs84((121.4737, 31.2304), "epsg:3857")
    radius_m = 6378137.0
    assert x == pytest.approx(radius_m * math.radians(121.4737), abs=0.01)
    assert y == pytest.approx(radius_m * math.log(math.tan(math.pi / 4 + math.radians(31.2304) / 2)), abs=0.01)


def test_cgcs2000_is_wgs84_within_a_metre_and_its_planes_are_metres() -> None:
    point = (121.4737, 31.2304)
    assert haversine_m(from_wgs84(point, "cgcs2000"), point) < 1
    x, y = from_wgs84(point, "epsg:4549")  # CGCS2000 / three-degree Gauss-Krüger, 120° E
    assert x - 500_000 == pytest.approx(
        haversine_m((120.0, 31.2304), point), rel=0.005
    )  # a sphere against the ellipsoid
    assert y == pytest.approx(3_457_000, abs=3000)


def test_what_is_no_crs_is_told() -> None:
    with pytest.raises(ConfigError, match="crs should be"):
        check("bd09")
