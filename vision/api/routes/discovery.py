"""Finding cameras in the network and taking them in."""

import re
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

from fastapi import APIRouter, HTTPException

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.routes.registry import put_document
from vision.api.services import Finding
from vision.core.errors import SourceError, SourceRefusedError

router = APIRouter(prefix="/discovery", tags=["registry"], responses=RESPONSES)
Engineer = Annotated[Principal, needs(Scope.REGISTRY_WRITE)]


@router.post("", response_model=wire.FoundList)
def find_cameras(hub: Hub, who: Engineer, body: wire.FindBody) -> dict[str, Any]:
    """Ask the network for ONVIF cameras (some seconds): by multicast, and each given host by itself."""
    found = _finding(hub).discover(body.hosts)
    known = {urlsplit(camera.url).hostname: camera.id for camera in hub.fleet.cameras().values()}
    hub.audit.record(who.actor, "cameras_searched", "network", detail={"hosts": body.hosts, "found": len(found)})
    items = [
        {
            "address": camera.address,
            "host": camera.host,
            "name": camera.name,
            "hardware": camera.hardware,
            "location": camera.location,
            "camera_id": known.get(camera.host),
        }
        for camera in found
    ]
    return {"items": items}


@router.post("/add", status_code=201, response_model=wire.Added)
def add_found(hub: Hub, who: Engineer, body: wire.AddBody) -> dict[str, Any]:
    """Take a found camera in: its streams are asked of it with the given login, the small one for those who watch."""
    finding = _finding(hub)
    login = f"{quote(body.username, safe='')}:{quote(body.password, safe='')}" if body.username else ""
    address = urlsplit(body.address)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise HTTPException(422, "address should be the camera's ONVIF service, http://host/onvif/device_service")
    try:
        streams = finding.streams(_with_login(body.address, login))
    except SourceRefusedError as error:
        raise HTTPException(502, str(error)) from None
    except SourceError as error:
        raise HTTPException(503, str(error)) from None
    if not streams:
        raise HTTPException(502, f"{address.hostname}: offers no stream")
    camera_id = body.id or _free_id(hub, address.hostname)
    if camera_id in hub.fleet.cameras():
        raise HTTPException(409, f"there is a camera {camera_id} already")
    options = {"onvif_url": body.address}
    if len(streams) > 1:
        options["sub_url"] = _with_login(streams[-1], login)
    place = {"name": body.name or camera_id, "place": body.place, "district": body.district}
    document = {"url": _with_login(streams[0], login), "options": options, **place}
    put_document(hub, who, camera_id, document, detail={"discovered": address.hostname})
    return {"id": camera_id, "streams": len(streams)}


def _finding(hub: Context) -> Finding:
    if hub.services.finding is None:
        raise HTTPException(503, "no cameras can be searched for from here")
    return hub.services.finding


def _free_id(hub: Context, host: str) -> str:
    base = re.sub(r"[^A-Za-z0-9_.-]", "-", host)
    cameras = hub.fleet.cameras()
    return next(key for key in (base, *(f"{base}-{n}" for n in range(2, 1000))) if key not in cameras)


def _with_login(url: str, login: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{login}@{host}" if login else host, parts.path, parts.query, ""))
