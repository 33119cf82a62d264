"""PTZ cameras: their presets, and turning one by hand while its zones stay unknown."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.routes.cameras import visible_camera
from vision.api.services import Turning
from vision.core.errors import NotThereError, SourceError, SourceRefusedError
from vision.core.registry import Camera, SourceKind

router = APIRouter(prefix="/cameras", tags=["cameras"], responses=RESPONSES)
Operator = Annotated[Principal, needs(Scope.CAMERAS_TURN)]
Token = Annotated[str, Path(max_length=64)]
_HOLD_S = 90.0
"""How long a camera is left to the person who turned it last."""


@router.get("/{camera_id}/presets", response_model=wire.Presets)
def list_presets(hub: Hub, who: Operator, camera_id: str) -> dict[str, Any]:
    """A PTZ camera's presets, asked of the camera now."""
    camera = visible_camera(hub, who, camera_id)
    try:
        found = _turning(hub).presets(camera)
    except SourceError as error:
        raise _unanswered(error) from None
    views = {view.preset: view.id for view in camera.views if view.preset is not None}
    return {
        "items": [
            {"token": preset.token, "name": preset.name or preset.token, "view": views.get(preset.token)}
            for preset in found
        ],
        "patrolled": camera.kind is SourceKind.PATROL,
        "held_until": wire.from_unix(_held(hub, camera)),
    }


@router.post("/{camera_id}/presets/{token}", status_code=202, response_model=wire.Held)
def go_to_preset(hub: Hub, who: Operator, camera_id: str, token: Token) -> dict[str, Any]:
    """Turn the camera to a preset. For a while patrol and detection leave it alone: its zones are unknown."""
    camera = visible_camera(hub, who, camera_id)
    turning = _turning(hub)
    until_s = hub.services.clock.now().timestamp() + _HOLD_S
    before_s = _held(hub, camera)
    hub.services.board.hold(camera.id, until_s=until_s)  # first: no look of the turning camera may be judged
    try:
        turning.go_to(camera, token)
    except (SourceError, NotThereError) as error:
        if before_s is None:
            hub.services.board.release(camera.id)
        if isinstance(error, SourceError):
            raise _unanswered(error) from None
        raise
    hub.audit.record(who.actor, "camera_turned", f"camera:{camera.id}", detail={"preset": token})
    return {"held_until": wire.from_unix(until_s)}


@router.delete("/{camera_id}/hold", status_code=204)
def let_go(hub: Hub, who: Operator, camera_id: str) -> None:
    """Give the camera back before its time: it returns to its view, or to the patrol."""
    camera = visible_camera(hub, who, camera_id)
    hub.services.board.release(camera.id)
    hub.audit.record(who.actor, "camera_let_go", f"camera:{camera.id}")


def _turning(hub: Context) -> Turning:
    if hub.services.turning is None:
        raise HTTPException(503, "no camera can be turned from here")
    return hub.services.turning


def _held(hub: Context, camera: Camera) -> float | None:
    return hub.services.board.held(now_s=hub.services.clock.now().timestamp()).get(camera.id)


def _unanswered(error: SourceError) -> HTTPException:
    """A camera that refuses will refuse again; one that is silent may answer later."""
    return HTTPException(502 if isinstance(error, SourceRefusedError) else 503, str(error))
