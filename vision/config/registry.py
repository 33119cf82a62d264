"""Cameras, views, zones and speakers as the YAML file and the database's documents spell them."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from vision.config.base import GroundPoint, HoursConfig, Id, Section, ViewPoint
from vision.core.geometry import polygon_area
from vision.core.registry import Blocked, Camera, SourceKind, Speaker, View, Zone, ZoneKind

_TILES_OF = {"auto": 4, "off": 0}
Tiles = Literal["auto", "off"] | Annotated[int, Field(ge=1, le=12)]
_TILES = "High views: also look at the zones twice as large, in so many tiles at most; auto is four, off none."
_SCHEMES = {
    SourceKind.LIVE: ("rtsp", "rtsps"),
    SourceKind.PATROL: ("rtsp", "rtsps"),
    SourceKind.SNAPSHOT: ("http", "https"),
    SourceKind.FILE: ("", "file"),
}


class ZoneConfig(Section):
    """A piece of a view where a rule holds."""

    kind: ZoneKind = Field(description="What the zone is; decides which rules look at it.")
    polygon: tuple[ViewPoint, ...] = Field(min_length=3, description="Corners [x, y] in 0–1 of the view.")
    name: str = Field("", description="What operators call it.")
    dwell_s: float | None = Field(None, gt=0, description="Seconds something must stay; the type's default if unset.")
    permitted: tuple[HoursConfig, ...] = Field((), description="Hours in which the use is allowed (night market).")
    allowed: tuple[str, ...] = Field((), description="Classes that may stand here, such as potted plant.")
    shop: str | None = Field(None, description="Id of the shop that the strip belongs to.")
    grid: str | None = Field(None, description="Unit grid id (15 digits).")
    speakers: tuple[Id, ...] = Field((), description="Speakers that reach it, nearest first.")
    ground: tuple[GroundPoint, ...] = Field((), description="The polygon as [longitude, latitude] WGS-84, if known.")
    area_class: str = Field("", pattern=r"^[ABC]?$", description="A, B or C, for time limits; the grid's if unset.")
    capacity: int | None = Field(None, ge=1, description="Bikes that a bay holds, if known.")
    blocks: Blocked | None = Field(
        None, description="bike_no_parking only: what one bike blocks here, tactile_path (盲道) or door."
    )

    @field_validator("polygon")
    @classmethod
    def _has_area(cls, polygon: tuple[ViewPoint, ...]) -> tuple[ViewPoint, ...]:
        if polygon_area(polygon) < 1e-6:
            raise ValueError("should enclose an area, its corners lie on one line")
        return polygon

    @model_validator(mode="after")
    def _bikes_block(self) -> Self:
        if self.blocks is not None and self.kind is not ZoneKind.BIKE_NO_PARKING:
            raise ValueError(f"blocks belongs to zones of kind bike_no_parking, not {self.kind.value}")
        return self

    def to_core(self, zone_id: str) -> Zone:
        return Zone(
            id=zone_id,
            kind=self.kind,
            polygon=self.polygon,
            name=self.name or zone_id,
            dwell_s=self.dwell_s,
            permitted=tuple(hours.to_core() for hours in self.permitted),
            allowed=frozenset(self.allowed),
            shop_id=self.shop,
            grid_id=self.grid,
            speaker_ids=self.speakers,
            ground=self.ground,
            area_class=self.area_class,
            capacity=self.capacity,
            blocks=self.blocks,
        )


class CalibrationPoint(Section):
    """A point of the view and where it is on the ground."""

    view: ViewPoint = Field(description="[x, y] in 0–1 of the view.")
    ground: GroundPoint = Field(description="[longitude, latitude], WGS-84.")


class ViewConfig(Section):
    """What a camera shows from one position."""

    name: str = Field("", description="What operators call it.")
    preset: str | None = Field(None, description="PTZ preset token; none for a fixed camera.")
    zones: dict[Id, ZoneConfig] = Field(default_factory=dict, description="Zones by id.")
    calibration: tuple[CalibrationPoint, ...] = Field((), description="Four or more points for the ground plane.")
    tiles: Tiles = Field("off", description=_TILES)

    @field_validator("tiles", mode="before")
    @classmethod
    def _off(cls, tiles: object) -> object:
        return spelt(tiles)

    @model_validator(mode="after")
    def _enough_points(self) -> Self:
        if 0 < len(self.calibration) < 4:
            raise ValueError(f"calibration should have no points or at least four, got {len(self.calibration)}")
        return self

    def to_core(self, view_id: str) -> View:
        return View(
            id=view_id,
            name=self.name,
            preset=self.preset,
            zones=tuple(zone.to_core(zone_id) for zone_id, zone in self.zones.items()),
            calibration=tuple((point.view, point.ground) for point in self.calibration),
            tiles=_TILES_OF[self.tiles] if isinstance(self.tiles, str) else self.tiles,
        )


class CameraConfig(Section):
    """One camera; either `zones` (one fixed view) or `views` (PTZ presets)."""

    url: str = Field(description="rtsp://user:password@host/path, http(s) snapshot, or a file; ${NAME} for secrets.")
    kind: SourceKind = Field(SourceKind.LIVE, description="live, patrol, snapshot or file.")
    name: str = Field("", description="What operators call it.")
    place: str = Field("", description="Where it is, in words.")
    district: str = Field("", description="District it belongs to; routes cases and limits what people see.")
    position: GroundPoint | None = Field(None, description="[longitude, latitude], WGS-84.")
    sample_s: float = Field(10.0, gt=0, le=3600, description="Seconds between looks.")
    gateway: str | None = Field(None, description="NVR or media gateway it hangs on; opens are capped per gateway.")
    priority: int = Field(2, ge=1, le=3, description="1 is looked at first when there is too much to do.")
    enabled: bool = Field(True, description="Whether it is looked at.")
    zones: dict[Id, ZoneConfig] = Field(default_factory=dict, description="Zones of a camera with one view.")
    views: dict[Id, ViewConfig] = Field(default_factory=dict, description="Views of a PTZ camera, by id.")
    tiles: Tiles = Field("off", description=_TILES)
    options: dict[str, str] = Field(default_factory=dict, description="Settings of the source; see docs/streams.md.")

    @field_validator("tiles", mode="before")
    @classmethod
    def _off(cls, tiles: object) -> object:
        return spelt(tiles)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        scheme = urlsplit(self.url).scheme
        if scheme not in _SCHEMES[self.kind]:
            wanted = " or ".join(f"{s}://" for s in _SCHEMES[self.kind] if s) or "a path"
            raise ValueError(f"url of a {self.kind.value} camera should begin with {wanted}")
        if self.zones and self.views:
            raise ValueError("should have either zones or views, not both")
        if self.views and self.tiles != "off":
            raise ValueError("tiles should stand in each of the views, for the camera has several")
        return self

    def to_core(self, camera_id: str) -> Camera:
        views = {"main": ViewConfig(zones=self.zones, tiles=self.tiles)} if not self.views else self.views
        tiled = any(view.tiles != "off" for view in views.values())  # tiles are cut from the full picture
        options = {"keep_full": "true"} | self.options if tiled else self.options
        return Camera(
            id=camera_id,
            url=self.url,
            kind=self.kind,
            name=self.name or camera_id,
            place=self.place,
            district=self.district,
            position=self.position,
            sample_s=self.sample_s,
            gateway=self.gateway,
            priority=self.priority,
            enabled=self.enabled,
            views=tuple(view.to_core(view_id) for view_id, view in views.items()),
            options=tuple(sorted(options.items())),
        )


def spelt(tiles: object) -> object:
    """`off` as it was meant: YAML 1.1 reads the bare word as false."""
    return "off" if tiles is False else tiles


class SpeakerConfig(Section):
    """One loudspeaker."""

    kind: str = Field(description="Protocol; see docs/loudspeakers.md for the list.")
    url: str = Field("", description="Address with user and password where needed; ${NAME} for secrets.")
    name: str = Field("", description="What operators call it.")
    place: str = Field("", description="Where it is, in words.")
    position: GroundPoint | None = Field(None, description="[longitude, latitude], WGS-84.")
    bearing_deg: float | None = Field(None, ge=0, lt=360, description="Where the horn points; 0 is north.")
    earshot_m: float = Field(80.0, gt=0, description="Within this, two speakers never talk at once.")
    sensitive_area: bool = Field(False, description="Stands in a noise-sensitive building area.")
    exemption: str = Field("", description="The document that allows it there all the same.")
    quiet: tuple[HoursConfig, ...] = Field(
        (HoursConfig.model_validate({"from": "22:00", "to": "06:00"}),), description="Hours of silence."
    )
    volume_cap: float = Field(1.0, gt=0, le=1, description="Loudest it may be, 0–1.")
    cooldown_s: float = Field(300.0, ge=0, description="Seconds between two announcements.")
    daily_cap: int = Field(40, ge=0, description="Announcements a day at most.")
    enabled: bool = Field(True, description="Whether it may speak at all.")
    options: dict[str, str] = Field(default_factory=dict, description="Settings of its protocol.")

    def to_core(self, speaker_id: str) -> Speaker:
        values: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        values["quiet"] = tuple(hours.to_core() for hours in self.quiet)
        values["options"] = tuple(sorted(self.options.items()))
        values["name"] = self.name or speaker_id
        return Speaker(id=speaker_id, **values)
