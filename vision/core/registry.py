"""What a city has: cameras with their views and zones, loudspeakers."""

import math
import re
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum

from vision.core.geometry import Point, Polygon

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")
_AREAS_PER_DEGREE = 100


def redact_url(text: str) -> str:
    """The text with every `user:password@` of a URL replaced: for logs, the API and pages."""
    return _CREDENTIALS.sub("***@", text)


class ZoneKind(StrEnum):
    KEEP_CLEAR = "keep_clear"  # nothing may be left here
    SHOPFRONT = "shopfront"  # the strip before a shop's threshold
    BIKE_BAY = "bike_bay"  # where bikes belong
    BIKE_NO_PARKING = "bike_no_parking"
    PAVEMENT = "pavement"
    BIN = "bin"  # where rubbish bins stand
    ROAD = "road"
    IGNORE = "ignore"  # never look here: a screen, a mirror, a private window


class Blocked(StrEnum):
    """What a bike that stands in a zone stands in the way of."""

    TACTILE_PATH = "tactile_path"  # 盲道
    DOOR = "door"


class SourceKind(StrEnum):
    """How a camera is looked at."""

    LIVE = "live"  # RTSP, kept open
    PATROL = "patrol"  # RTSP, opened for a visit
    SNAPSHOT = "snapshot"  # HTTP(S) JPEG
    FILE = "file"  # a clip, for trials


@dataclass(frozen=True, slots=True)
class Hours:
    """A daily stretch of local time on the given ISO weekdays; `end` before `begin` runs past midnight."""

    begin: time
    end: time
    weekdays: frozenset[int] = frozenset({1, 2, 3, 4, 5, 6, 7})


@dataclass(frozen=True, slots=True)
class Zone:
    """A piece of a view where a rule holds.

    Attributes:
        polygon: corners in 0–1 of the view.
        dwell_s: how long something must stay before it is a violation; None takes the type's default.
        permitted: hours in which the zone's use is allowed (night market, breakfast stall).
        allowed: class names that may stand here (a shop's own potted plants).
        ground: the same polygon as (longitude, latitude) WGS-84, when known.
        area_class: A, B or C, which decides time limits; empty takes the grid's.
        capacity: how many bikes a bay holds, when known.
        blocks: what a bike in a no-parking zone stands in the way of; one bike is enough there.
    """

    id: str
    kind: ZoneKind
    polygon: Polygon
    name: str = ""
    dwell_s: float | None = None
    permitted: tuple[Hours, ...] = ()
    allowed: frozenset[str] = frozenset()
    shop_id: str | None = None
    grid_id: str | None = None
    speaker_ids: tuple[str, ...] = ()
    ground: Polygon = ()
    area_class: str = ""
    capacity: int | None = None
    blocks: Blocked | None = None

    def __post_init__(self) -> None:
        if len(self.polygon) < 3:
            raise ValueError(f"a zone's polygon needs at least three corners, got {len(self.polygon)}")


@dataclass(frozen=True, slots=True)
class View:
    """What a camera shows from one position; PTZ cameras have one per preset.

    Attributes:
        preset: the PTZ preset's token; None for a fixed camera.
        tiles: most tiles that each look is also seen in, twice as large; 0 for none.
        calibration: pairs of (view point in 0–1, (longitude, latitude)) for the ground homography.
    """

    id: str = "main"
    name: str = ""
    preset: str | None = None
    zones: tuple[Zone, ...] = ()
    calibration: tuple[tuple[Point, Point], ...] = ()
    tiles: int = 0

    def zone(self, zone_id: str) -> Zone:
        return next(zone for zone in self.zones if zone.id == zone_id)


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera. `url` carries the password: show `safe_url` instead.

    Attributes:
        sample_s: seconds between looks.
        position: (longitude, latitude) WGS-84.
        gateway: the NVR or media gateway it hangs on; caps on opens are per gateway.
        priority: 1 (most important) to 3.
        options: settings of its source (transport, hardware decode, sub-stream), checked by the source.
    """

    id: str
    url: str = field(repr=False)
    kind: SourceKind = SourceKind.LIVE
    name: str = ""
    place: str = ""
    district: str = ""
    position: Point | None = None
    sample_s: float = 10.0
    gateway: str | None = None
    priority: int = 2
    enabled: bool = True
    views: tuple[View, ...] = (View(),)
    options: tuple[tuple[str, str], ...] = ()

    @property
    def safe_url(self) -> str:
        return redact_url(self.url)

    @property
    def area(self) -> str:
        """The part of the city that it looks at: a ground cell of about a kilometre, else its district."""
        if self.position is None:
            return self.district
        east, north = (math.floor(value * _AREAS_PER_DEGREE) for value in self.position)
        return f"{east},{north}"

    def view(self, view_id: str) -> View:
        return next(view for view in self.views if view.id == view_id)


@dataclass(frozen=True, slots=True)
class Speaker:
    """One loudspeaker. `url` carries the password: show `safe_url` instead.

    Attributes:
        kind: protocol, a key of the table in alerts/speakers.
        sensitive_area: stands in a noise-sensitive building area (噪声污染防治法 §64).
        exemption: the document that allows it there all the same.
        volume_cap: 0–1.
        earshot_m: radius in which two speakers must not talk at once.
    """

    id: str
    kind: str
    url: str = field(repr=False, default="")
    name: str = ""
    place: str = ""
    position: Point | None = None
    bearing_deg: float | None = None
    earshot_m: float = 80.0
    sensitive_area: bool = False
    exemption: str = ""
    quiet: tuple[Hours, ...] = (Hours(time(22), time(6)),)
    volume_cap: float = 1.0
    cooldown_s: float = 300.0
    daily_cap: int = 40
    enabled: bool = True
    options: tuple[tuple[str, str], ...] = ()

    @property
    def safe_url(self) -> str:
        return redact_url(self.url)
