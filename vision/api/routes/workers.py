"""Workers: who watches how much, and how well their patrols keep the revisit targets."""

from typing import Any

from fastapi import APIRouter, Request, Response

from vision.api import wire
from vision.api.access import Scope, needs
from vision.api.conditional import send
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.core.errors import StorageError

router = APIRouter(prefix="/workers", tags=["cameras"], responses=RESPONSES)


@router.get("", response_model=wire.WorkerPage, dependencies=[needs(Scope.CAMERAS_READ)])
def list_workers(hub: Hub, request: Request) -> Response:
    """Workers that are alive, by name, each with its patrol's report."""
    return send(request, {"items": worker_items(hub)})


def worker_items(hub: Context) -> list[dict[str, Any]]:
    """Empty while Redis is away: nobody knows then."""
    try:
        rows = hub.services.board.workers()
    except StorageError:
        return []
    return [
        {"id": name, "at": row["at"], "cameras": row["cameras"], "patrol": row.get("patrol")}
        for name, row in sorted(rows.items())
        if row["alive"]
    ]
