"""Who is signed in."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException

from vision.api import wire
from vision.api.access import SCOPES, Principal, needs
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.api.records import iso
from vision.storage.tables import User

router = APIRouter(prefix="/me", tags=["access"], responses=RESPONSES)


@router.get("", response_model=wire.Viewer)
def get_me(hub: Hub, who: Annotated[Principal, needs(None)]) -> dict[str, Any]:
    """Who calls and what they may do; the console begins here."""
    settings: dict[str, Any] = {}
    city = hub.services.settings
    if who.by == "session":
        with hub.services.database.reading() as session:
            user = session.get(User, who.name)
            settings = {} if user is None else user.settings
    return {
        "name": who.name,
        "role": who.role,
        "scopes": sorted(SCOPES[who.role]),
        "districts": list(who.districts),
        "by": who.by,
        "csrf": who.csrf,
        "settings": settings,
        "console": {
            "name": city.name,
            "language": city.language,
            "time_zone": city.time_zone,
            "version": city.version,
            **city.console.model_dump(mode="json"),
        },
    }


@router.put("/settings", status_code=204)
def put_settings(hub: Hub, who: Annotated[Principal, needs(None)], settings: Annotated[dict[str, Any], Body()]) -> None:
    """Keep one's own settings of the console (language, theme): a small JSON object."""
    if len(json.dumps(settings)) > 4000:
        raise HTTPException(413, "settings should be at most 4000 characters of JSON")
    with hub.services.database.transaction() as session:
        user = session.get(User, who.name) if who.by == "session" else None
        if user is not None:
            user.settings = settings


@router.post("/shift", response_model=wire.Shift)
def go_on(hub: Hub, who: Annotated[Principal, needs(None)], body: wire.ShiftBody) -> dict[str, Any]:
    """Say that one's console is open; the answer tells what is new since the last shift, on whatever machine that was.

    A shift ends by signing out, or when the console was closed for an hour.
    """
    row = hub.shifts.go_on(who.actor, body.opened, all_seen=body.all_seen)
    return {"unread_since": iso(row.unread_since), "opened": row.opened}
