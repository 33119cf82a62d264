"""Cameras: what the registry says of them and how they are right now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import func, select

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.records import ACTIVE, iso
from vision.core.errors import NotThereError, StorageError
from vision.core.registry import Camera, redact_url
from vision.storage.tables import IncidentRow

router = APIRouter(prefix="/cameras", tags=["cameras"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.CAMERAS_READ)]
_VIEW_STATES = {"unusable": "view_unusable", "held": "held"}
_SILENT = timedelta(seconds=30)  # a worker that has said nothing for so long watches nothing


@router.get("", response_model=wire.CameraPage)
def list_cameras(
    *,
    hub: Hub,
    who: Reader,
    request: Request,
    state: Annotated[str | None, Query(max_length=40)] = None,
    district: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=20000)] = 20000,
    cursor: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """Cameras by id, with their state."""
    found = [item for item in camera_items(hub, who) if cursor is None or item["id"] > cursor]
    if state is not None:
        found = [item for item in found if item["state"] == state]
    if district is not None:
        found = [item for item in found if item["district"] == district]
    page = found[:limit]
    return send(request, {"items": page, "next_cursor": page[-1]["id"] if len(found) > limit else None})


@router.get("/{camera_id}", response_model=wire.CameraItem)
def get_camera(hub: Hub, who: Reader, request: Request, camera_id: str) -> Response:
    camera = visible_camera(hub, who, camera_id)
    now = hub.services.clock.now()
    item = camera_item(camera, _health(hub).get(camera.id), _open(hub).get(camera.id, 0), now)
    return send(request, item | {"held_until": _held(hub, now).get(camera.id)})


def visible_camera(hub: Context, who: Principal, camera_id: str) -> Camera:
    """Raises NotThereError also for another district's camera."""
    camera = hub.fleet.camera(camera_id)
    if not who.sees(camera.district):
        raise NotThereError(f"there is no camera {camera_id}")
    return camera


def camera_items(hub: Context, who: Principal) -> list[dict[str, Any]]:
    health, waiting, now = _health(hub), _open(hub), hub.services.clock.now()
    cameras, held = hub.fleet.cameras(), _held(hub, now)
    return [
        camera_item(cameras[key], health.get(key), waiting.get(key, 0), now) | {"held_until": held.get(key)}
        for key in sorted(cameras)
        if who.sees(cameras[key].district)
    ]


def camera_item(camera: Camera, health: Mapping[str, Any] | None, waiting: int, now: datetime) -> dict[str, Any]:
    state, reason = camera_state(camera, health, now)
    told = {key: redact_url(value) if isinstance(value, str) else value for key, value in (health or {}).items()}
    return {
        "id": camera.id,
        "name": camera.name or camera.id,
        "place": camera.place,
        "district": camera.district,
        "kind": camera.kind.value,
        "url": camera.safe_url,
        "position": camera.position,
        "enabled": camera.enabled,
        "sample_s": camera.sample_s,
        "gateway": camera.gateway,
        "priority": camera.priority,
        "state": state,
        "reason": reason,
        "seen_at": _time(told.get("last_look_at") or told.get("seen_at")),
        "worker": told.pop("worker", None),
        "health": told,
        "views": len(camera.views),
        "zones": sum(len(view.zones) for view in camera.views),
        "ptz": any(view.preset is not None for view in camera.views) or "onvif_url" in dict(camera.options),
        "open_incidents": waiting,
    }


def camera_state(camera: Camera, health: Mapping[str, Any] | None, now: datetime) -> tuple[str, str]:
    """State and reason: the worker's own word while it is fresh."""
    if not camera.enabled:
        return "disabled", ""
    if health is None:
        return "unwatched", ""
    at = _parse(health.get("at"))
    if at is None or now - at > _SILENT:
        return "unwatched", str(health.get("worker") or "")
    state = str(health.get("state") or "unknown")
    if state == "live":  # it sends pictures; whether they are of use its view tells
        state = _VIEW_STATES.get(str(health.get("view") or ""), state)
    return state, redact_url(str(health.get("reason") or ""))


def _health(hub: Context) -> dict[str, dict[str, Any]]:
    try:
        return hub.services.board.health()
    except StorageError:
        return {}  # shown as unwatched: the page must not go dark because Redis did


def _held(hub: Context, now: datetime) -> dict[str, str | None]:
    """Until when people are turning which cameras."""
    try:
        held = hub.services.board.held(now_s=now.timestamp())
    except StorageError:
        return {}
    return {key: iso(datetime.fromtimestamp(until_s, UTC)) for key, until_s in held.items()}


def _open(hub: Context) -> dict[str, int]:
    with hub.services.database.reading() as session:
        rows = session.execute(
            select(IncidentRow.camera_id, func.count())
            .where(IncidentRow.status.in_(ACTIVE))
            .group_by(IncidentRow.camera_id)
        )
        return {camera_id: count for camera_id, count in rows}  # noqa: C416 - typed rows, not tuples


def _parse(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _time(value: object) -> str | None:
    return iso(_parse(value))
