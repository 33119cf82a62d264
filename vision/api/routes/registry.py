"""Changing what the city has: cameras, their zones, and current pictures to draw on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send, send_bytes
from vision.api.context import Context, Hub
from vision.api.dry_run import tried
from vision.api.problems import RESPONSES
from vision.api.routes.cameras import visible_camera
from vision.config.registry import CalibrationPoint, CameraConfig, ZoneConfig
from vision.core.errors import ConfigError, NotThereError
from vision.core.registry import redact_url

router = APIRouter(prefix="/cameras", tags=["registry"], responses=RESPONSES)
Reader = Annotated[Principal, needs(Scope.CAMERAS_READ)]
Engineer = Annotated[Principal, needs(Scope.REGISTRY_WRITE)]
_WATCH_S = 15.0
_LOOK_WAIT_S = 6.0
_STREAM_EVERY_S = 0.5
_BOUNDARY = "look"
_MASK = "***@"


@router.get("/{camera_id}/views", response_model=wire.CameraViews)
def get_views(hub: Hub, who: Reader, request: Request, camera_id: str) -> Response:
    """A camera's views with their zones and calibration, as the registry holds them."""
    visible_camera(hub, who, camera_id)
    document = hub.services.registry.document("camera", camera_id)
    return send(request, {"id": camera_id, "views": _views(document)})


@router.put("/{camera_id}/views/{view_id}/zones", response_model=wire.CameraViews)
def put_zones(
    hub: Hub,
    who: Engineer,
    camera_id: str,
    view_id: str,
    zones: Annotated[dict[str, ZoneConfig], Body()],
) -> dict[str, Any]:
    """Replace a view's zones; the worker takes them up within seconds, without a restart."""
    values = {key: zone.model_dump(mode="json", by_alias=True) for key, zone in zones.items()}
    return _change(hub, who, camera_id, view_id, {"zones": values})


@router.put("/{camera_id}/views/{view_id}/calibration", response_model=wire.CameraViews)
def put_calibration(
    hub: Hub,
    who: Engineer,
    camera_id: str,
    view_id: str,
    points: Annotated[list[CalibrationPoint], Body()],
) -> dict[str, Any]:
    """Replace a view's ground points: none, or four and more."""
    values = [point.model_dump(mode="json", by_alias=True) for point in points]
    return _change(hub, who, camera_id, view_id, {"calibration": values})


@router.put("/{camera_id}", response_model=wire.Accepted)
def put_camera(hub: Hub, who: Engineer, camera_id: str, body: CameraConfig) -> dict[str, Any]:
    """Add or change a camera; a URL given with its password masked keeps the password it has."""
    document = body.model_dump(mode="json", by_alias=True)
    try:
        known: dict[str, Any] = hub.services.registry.document("camera", camera_id)
        visible_camera(hub, who, camera_id)
    except NotThereError:
        known = {}
    if _MASK in document["url"]:
        if redact_url(str(known.get("url", ""))) != document["url"]:
            raise HTTPException(422, "url: give the whole address with its password, this one is masked")
        document["url"] = known["url"]
    put_document(hub, who, camera_id, document)
    return {"status": "accepted"}


@router.patch("/{camera_id}", response_model=wire.Accepted)
def change_camera(
    hub: Hub, who: Engineer, camera_id: str, body: Annotated[dict[str, Any], Body(examples=[{"enabled": False}])]
) -> dict[str, Any]:
    """Change some of a camera's settings; the others stay."""
    visible_camera(hub, who, camera_id)
    if "url" in body and _MASK in str(body["url"]):
        raise HTTPException(422, "url: give the whole address with its password, this one is masked")
    put_document(
        hub,
        who,
        camera_id,
        {**hub.services.registry.document("camera", camera_id), **body},
        detail={"set": sorted(body)},
    )
    return {"status": "accepted"}


@router.post("/{camera_id}/views/{view_id}/dry-run", response_model=wire.DryRun)
def dry_run(hub: Hub, who: Engineer, camera_id: str, view_id: str, zone: ZoneConfig) -> dict[str, Any]:
    """What a zone would have found in the last hour, from the objects that the view's kept findings name.

    Only looks at what the present zones of the view reported: a place that no zone covered has no record.
    """
    visible_camera(hub, who, camera_id)
    now = hub.services.clock.now()
    with hub.services.database.reading() as session:
        return tried(session, (camera_id, view_id), zone.to_core("trial"), now - timedelta(hours=1), now)


@router.get(
    "/{camera_id}/views/{view_id}/reference",
    responses={200: {"description": "JPEG", "content": {"image/jpeg": {}}}},
    response_class=Response,
)
def get_reference(
    *,
    hub: Hub,
    who: Annotated[Principal, needs(Scope.EVIDENCE_READ)],
    request: Request,
    camera_id: str,
    view_id: str,
    reason: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """What the view should show: the picture that each look is compared with."""
    visible_camera(hub, who, camera_id)
    picture = hub.services.board.reference(f"{camera_id}/{view_id}")
    if picture is None:
        raise NotThereError(f"camera {camera_id} has no reference of a view {view_id} yet")
    hub.audit.look(who.actor, f"camera:{camera_id}", reason=reason, detail={"reference": view_id})
    return send_bytes(request, picture, media_type="image/jpeg", cache="no-store")


@router.post("/{camera_id}/views/{view_id}/reference", status_code=202, response_model=wire.Accepted)
def accept_view(hub: Hub, who: Engineer, camera_id: str, view_id: str) -> dict[str, Any]:
    """Take what the view shows now for right: the worker compares with its next look from then on."""
    camera = visible_camera(hub, who, camera_id)
    if all(view.id != view_id for view in camera.views):
        raise NotThereError(f"camera {camera_id} has no view {view_id}")
    hub.services.board.accept(f"{camera_id}/{view_id}")
    hub.audit.record(who.actor, "view_accepted", f"camera:{camera_id}", detail={"view": view_id})
    return {"status": "accepted"}


@router.delete("/{camera_id}", status_code=204)
def remove_camera(hub: Hub, who: Engineer, camera_id: str) -> None:
    """Take a camera out; its incidents stay."""
    visible_camera(hub, who, camera_id)
    hub.services.registry.remove("camera", camera_id, by=who.actor)
    hub.audit.record(who.actor, "camera_removed", f"camera:{camera_id}")


@router.get(
    "/{camera_id}/look",
    responses={
        200: {"description": "JPEG", "content": {"image/jpeg": {}}},
        204: {"description": "None yet, and `wait` was false."},
    },
    response_class=Response,
)
async def get_look(
    *,
    hub: Hub,
    who: Annotated[Principal, needs(Scope.EVIDENCE_READ)],
    request: Request,
    camera_id: str,
    reason: Annotated[str, Query(max_length=200)] = "",
    wait: Annotated[bool, Query(description="Wait a few seconds for a picture when there is none yet.")] = True,
) -> Response:
    """The camera's current picture; asks its worker for one and waits a few seconds for it."""
    await run_in_threadpool(_looked, hub, who, camera_id, reason)
    for _ in range(int(_LOOK_WAIT_S / _STREAM_EVERY_S) if wait else 1):
        picture = await run_in_threadpool(hub.services.board.look, camera_id)
        if picture is not None:
            return send_bytes(request, picture, media_type="image/jpeg", cache="no-store")
        if not wait:
            return Response(status_code=204)
        await asyncio.sleep(_STREAM_EVERY_S)
    raise HTTPException(503, "no picture yet: the camera's worker has sent none", headers={"Retry-After": "3"})


@router.get(
    "/{camera_id}/live",
    responses={200: {"description": "MJPEG", "content": {"multipart/x-mixed-replace": {}}}},
    response_class=StreamingResponse,
)
async def get_live(
    hub: Hub,
    who: Annotated[Principal, needs(Scope.EVIDENCE_READ)],
    request: Request,
    camera_id: str,
    reason: Annotated[str, Query(max_length=200)] = "",
) -> StreamingResponse:
    """Current pictures as MJPEG, for as long as somebody looks; nothing is fetched when nobody does."""
    await run_in_threadpool(_looked, hub, who, camera_id, reason)
    return StreamingResponse(
        _pictures(hub, request, camera_id), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
    )


async def _pictures(hub: Context, request: Request, camera_id: str) -> AsyncIterator[bytes]:
    services, last = hub.services, b""
    while not services.feed.stopped and not await request.is_disconnected():
        await run_in_threadpool(_watch, hub, camera_id)
        picture = await run_in_threadpool(services.board.look, camera_id)
        if picture is not None and picture != last:
            last = picture
            yield b"--%b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (
                _BOUNDARY.encode(),
                len(picture),
                picture,
            )
        await asyncio.sleep(_STREAM_EVERY_S)


def _looked(hub: Context, who: Principal, camera_id: str, reason: str) -> None:
    visible_camera(hub, who, camera_id)
    hub.audit.look(who.actor, f"camera:{camera_id}", reason=reason, detail={"live": True})
    _watch(hub, camera_id)


def _watch(hub: Context, camera_id: str) -> None:
    hub.services.board.watch(camera_id, until_s=hub.services.clock.now().timestamp() + _WATCH_S)


def _views(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("views"):
        return dict(document["views"])
    return {"main": {"name": "", "preset": None, "zones": document.get("zones", {}), "calibration": []}}


def _change(hub: Context, who: Principal, camera_id: str, view_id: str, part: dict[str, Any]) -> dict[str, Any]:
    visible_camera(hub, who, camera_id)
    document = dict(hub.services.registry.document("camera", camera_id))
    if not document.get("views") and view_id == "main" and "zones" in part:
        document["zones"] = part["zones"]
    else:
        views = _views(document)
        if view_id not in views:
            raise NotThereError(f"camera {camera_id} has no view {view_id}")
        document["views"] = {**views, view_id: {**views[view_id], **part}}
        document["zones"] = {}
    put_document(hub, who, camera_id, document, detail={"view": view_id, **part})
    return {"id": camera_id, "views": _views(document)}


def put_document(
    hub: Context, who: Principal, camera_id: str, document: dict[str, Any], detail: dict[str, Any] | None = None
) -> None:
    """Check and keep a camera's document, and write down who changed it. Raises ConfigError, HTTPException."""
    try:
        checked = CameraConfig.model_validate(document)
    except ValidationError as error:
        raise ConfigError(*(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from None
    if not who.sees(checked.district):
        raise HTTPException(403, f"the district {checked.district} is not yours")
    _check_speakers(hub, checked)
    hub.services.registry.put("camera", camera_id, checked.model_dump(mode="json", by_alias=True), by=who.actor)
    hub.audit.record(who.actor, "camera_changed", f"camera:{camera_id}", detail=detail or {})


def _check_speakers(hub: Context, camera: CameraConfig) -> None:
    known = hub.services.registry.documents("speaker")
    zones = [*camera.zones.items(), *(pair for view in camera.views.values() for pair in view.zones.items())]
    unknown = sorted({speaker for _id, zone in zones for speaker in zone.speakers if speaker not in known})
    if unknown:
        raise ConfigError(f"zones name unknown speakers: {', '.join(unknown)}")
