"""From WGS-84, in which everything is kept, to the coordinates a platform wants; explicitly, one endpoint at a time."""

import math
from functools import cache

from pyproj import Transformer
from pyproj.exceptions import CRSError

from vision.core.errors import ConfigError
from vision.core.geometry import Point

WGS84, GCJ02, CGCS2000 = "wgs84", "gcj02", "cgcs2000"
_NAMED = {CGCS2000: "EPSG:4490"}
_KRASOVSKY_A_M = 6_378_245.0
_KRASOVSKY_E2 = 0.00669342162296594323


def from_wgs84(point: Point, crs: str) -> Point:
    """(longitude, latitude) WGS-84 in degrees to (x, y) in `crs`: degrees or metres, as that one has.

    `crs`: wgs84, gcj02, cgcs2000 (geographic, EPSG:4490) or epsg:N, such as epsg:3857, or epsg:4549 for CGCS2000 in
    three-degree Gauss-Krüger zones around 120° E.

    Raises:
        ConfigError: no such CRS.
    """
    if crs == WGS84:
        return point
    if crs == GCJ02:
        return gcj02(point)
    x, y = _transformer(crs).transform(*point)
    return float(x), float(y)


def check(crs: str) -> None:
    """Raises ConfigError when there is no such CRS."""
    if crs not in {WGS84, GCJ02}:
        _transformer(crs)


def gcj02(point: Point) -> Point:
    """WGS-84 to GCJ-02, the shifted datum of Chinese web maps; places outside China stay where they are.

    The shift was never published officially; this is the widely used reconstruction ("eviltransform") on the
    Krasovsky 1940 ellipsoid, which agrees with the maps within a few metres.
    """
    longitude, latitude = point
    if not (72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271):
        return point
    x, y = longitude - 105.0, latitude - 35.0
    wave = 20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    d_lat += 2 / 3 * (wave + _waves(y, (20, 1), (40, 1 / 3), (160, 1 / 12), (320, 1 / 30)))
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    d_lon += 2 / 3 * (wave + _waves(x, (20, 1), (40, 1 / 3), (150, 1 / 12), (300, 1 / 30)))
    phi = math.radians(latitude)
    w2 = 1 - _KRASOVSKY_E2 * math.sin(phi) ** 2
    metres_lat = _KRASOVSKY_A_M * (1 - _KRASOVSKY_E2) / w2**1.5
    metres_lon = _KRASOVSKY_A_M / math.sqrt(w2) * math.cos(phi)
    return longitude + math.degrees(d_lon / metres_lon), latitude + math.degrees(d_lat / metres_lat)


def wgs84_of_gcj02(point: Point) -> Point:
    """The inverse of `gcj02`, by fixed-point iteration to better than a millimetre."""
    guess = point
    for _ in range(8):
        shifted = gcj02(guess)
        guess = guess[0] + point[0] - shifted[0], guess[1] + point[1] - shifted[1]
    return guess


def _waves(value: float, *terms: tuple[float, float]) -> float:
    return sum(amplitude * math.sin(value * factor * math.pi) for amplitude, factor in terms)


@cache
def _transformer(crs: str) -> Transformer:
    try:
        return Transformer.from_crs("EPSG:4326", _NAMED.get(crs, crs.upper()), always_xy=True)
    except CRSError as error:
        raise ConfigError(f"crs should be wgs84, gcj02, cgcs2000 or epsg:N, got {crs}") from error
