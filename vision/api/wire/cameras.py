"""Cameras and their views, workers, grids and bays."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from vision.api.wire.base import Wire


class CameraItem(Wire):
    id: str
    name: str
    place: str
    district: str
    kind: str
    url: str = Field(description="Without its password.")
    position: tuple[float, float] | None = Field(description="[longitude, latitude], WGS-84")
    enabled: bool
    sample_s: float
    gateway: str | None
    priority: int
    state: str = Field(
        description="connecting, live, reconnecting, refused or stopped as its worker says; else unwatched, disabled"
    )
    reason: str = Field(description="Why it is not live, or why its picture is of no use; empty when all is well.")
    seen_at: datetime | None = Field(description="When the last picture was taken.")
    worker: str | None
    health: dict[str, Any]
    views: int
    zones: int
    ptz: bool = Field(description="Whether it is known to turn.")
    held_until: datetime | None = Field(description="A person is turning it until then; its zones are unknown.")
    open_incidents: int


class GridItem(Wire):
    id: str
    name: str
    kind: str = Field(description="district, block, grid or line")
    district: str
    department: str
    polygons: list[list[tuple[float, float]]] = Field(description="Outlines, [longitude, latitude] WGS-84.")


class GridList(Wire):
    items: list[GridItem]


class BayItem(Wire):
    """A bike bay that a camera watches."""

    id: str = Field(examples=["gate/bay1"])
    name: str
    camera_id: str
    view_id: str
    district: str
    position: tuple[float, float] | None = Field(description="Its middle, else its camera's place; WGS-84.")
    ground: list[tuple[float, float]] = Field(description="Its outline on the ground; empty when not known.")
    capacity: int | None = Field(description="Bikes it holds, when known.")
    bikes: int | None = Field(description="Bikes that stood in it at the last usable look; null when unknown.")
    counted_at: datetime | None


class BayList(Wire):
    items: list[BayItem]


class PatrolItem(Wire):
    """How well a worker's rounds keep their revisit targets."""

    cameras: int
    dead: int = Field(description="Of them, those whose last three visits or more failed.")
    within_target: float = Field(description="Share of the living seen within their revisit target, 0 to 1.")
    worst_age_s: float = Field(description="The longest that a living camera has not been seen.")
    running: int = Field(description="Visits open now.")
    visits: int
    late_visits: int = Field(description="Of the visits since the start, those that came after their target.")


class WorkerItem(Wire):
    id: str
    at: datetime = Field(description="When it was last heard of.")
    cameras: int
    patrol: PatrolItem | None = Field(description="None where it visits no cameras.")


class WorkerPage(Wire):
    items: list[WorkerItem]


class FindBody(Wire):
    hosts: list[Annotated[str, Field(max_length=253)]] = Field(
        default=[], max_length=512, description="Hosts of other networks, asked one by one."
    )


class FoundItem(Wire):
    address: str = Field(description="Its ONVIF device service.")
    host: str
    name: str
    hardware: str
    location: str
    camera_id: str | None = Field(description="The camera of the registry on the same host.")


class FoundList(Wire):
    items: list[FoundItem]


class AddBody(Wire):
    address: Annotated[str, Field(max_length=300, examples=["http://10.0.0.7/onvif/device_service"])]
    username: Annotated[str, Field(max_length=80)] = ""
    password: Annotated[str, Field(max_length=200)] = ""
    id: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.\-]{0,79})?$")] = ""
    name: Annotated[str, Field(max_length=80)] = ""
    place: Annotated[str, Field(max_length=200)] = ""
    district: Annotated[str, Field(max_length=80)] = ""


class Added(Wire):
    id: str
    streams: int = Field(description="How many streams it offers; the smallest is shown to those who watch.")


class PresetItem(Wire):
    token: str
    name: str
    view: str | None = Field(description="The view whose zones hold at this preset.")


class Presets(Wire):
    items: list[PresetItem]
    patrolled: bool = Field(description="Whether a patrol turns it when nobody holds it.")
    held_until: datetime | None = Field(description="A person is turning it until then; its zones are unknown.")


class Held(Wire):
    held_until: datetime | None


class CameraPage(Wire):
    items: list[CameraItem]
    next_cursor: str | None


class CameraViews(Wire):
    """A camera's views by id, each with `name`, `preset`, `zones` by id and `calibration`."""

    id: str
    views: dict[str, dict[str, Any]]


class DryRunObject(Wire):
    name: str
    box: tuple[float, float, float, float] = Field(description="x1, y1, x2, y2 in 0–1 of the view")
    stayed_s: float
    kept: bool = Field(description="Stayed longer than the zone's dwell: would have been a violation.")


class DryRun(Wire):
    looks: int
    objects: list[DryRunObject]
