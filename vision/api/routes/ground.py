"""What lies on the ground, for maps: unit grids and bike bays."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request, Response

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.api.records import iso
from vision.core.errors import StorageError
from vision.core.geometry import apply_homography, homography
from vision.core.registry import Camera, View, Zone, ZoneKind

router = APIRouter(tags=["map"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.CAMERAS_READ)]
_FRESH = timedelta(minutes=30)
"""A patrolled bay is looked at every half hour; an older count is no count."""


@router.get("/grids", response_model=wire.GridList)
def list_grids(hub: Hub, who: Reader, request: Request) -> Response:
    """Unit grids, blocks, districts and street lines as imported, with their outlines."""
    documents = hub.services.registry.documents("grid")
    shown = [
        {
            "id": key,
            "name": document.get("name") or key,
            "kind": document.get("kind", "grid"),
            "district": document.get("district", ""),
            "department": document.get("department", ""),
            "polygons": document["polygons"],
        }
        for key, document in sorted(documents.items())
        if not document.get("district") or who.sees(document["district"])
    ]
    return send(request, {"items": shown})


@router.get("/bays", response_model=wire.BayList)
def list_bays(hub: Hub, who: Reader, request: Request) -> Response:
    """Bike bays that cameras watch: where they are, and how many bikes stood in each at the last usable look."""
    try:
        health = hub.services.board.health()
    except StorageError:
        health = {}
    now = hub.services.clock.now()
    shown = [
        _bay(camera, view, zone, _counted(health.get(camera.id), f"{view.id}/{zone.id}", now))
        for camera in sorted(hub.fleet.cameras().values(), key=lambda camera: camera.id)
        if who.sees(camera.district)
        for view in camera.views
        for zone in view.zones
        if zone.kind is ZoneKind.BIKE_BAY
    ]
    return send(request, {"items": shown})


def _bay(camera: Camera, view: View, zone: Zone, counted: tuple[int, datetime] | None) -> dict[str, Any]:
    ground = outline(view, zone)
    return {
        "id": f"{camera.id}/{zone.id}",
        "name": zone.name or zone.id,
        "camera_id": camera.id,
        "view_id": view.id,
        "district": camera.district,
        "position": tuple(np.mean(ground, axis=0).tolist()) if ground else camera.position,
        "ground": ground,
        "capacity": zone.capacity,
        "bikes": None if counted is None else counted[0],
        "counted_at": None if counted is None else iso(counted[1]),
    }


def outline(view: View, zone: Zone) -> list[tuple[float, float]]:
    """A zone's outline on the ground: as given, else by the view's calibration, else unknown."""
    if zone.ground:
        return list(zone.ground)
    if len(view.calibration) < 4:
        return []
    try:
        plane = homography([seen for seen, _ in view.calibration], [there for _, there in view.calibration])
    except ValueError:
        return []
    corners = apply_homography(plane, np.asarray(zone.polygon))
    return [(float(x), float(y)) for x, y in corners] if np.isfinite(corners).all() else []


def _counted(health: Mapping[str, Any] | None, key: str, now: datetime) -> tuple[int, datetime] | None:
    """What the worker says stood there, while it is fresh."""
    told = ((health or {}).get("bays") or {}).get(key)
    if told is None:
        return None
    at = datetime.fromisoformat(told["at"])
    return (int(told["bikes"]), at) if now - at <= _FRESH else None
