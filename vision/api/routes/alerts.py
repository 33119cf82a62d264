"""The alert stream: server-sent events with resume, and the same over WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocketDisconnect

from vision.alerts.feed import Alert, AlertFeed
from vision.api.access import Principal, Scope, admit, needs
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.core.errors import StorageError

router = APIRouter(prefix="/alerts", tags=["alerts"])
HEARTBEAT_S = 10.0
_POLICY_VIOLATION = 1008


@router.get(
    "/stream",
    responses={
        200: {
            "description": "Server-sent events: `id` the cursor, `event: alert`, `data` one alert as JSON.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **RESPONSES,
    },
    response_class=StreamingResponse,
)
async def stream(
    hub: Hub,
    who: Annotated[Principal, needs(Scope.INCIDENTS_READ)],
    request: Request,
    last_event_id: Annotated[str | None, Header(description="Go on after this alert.")] = None,
    cursor: Annotated[int | None, Query(ge=0, description="The same for a first request; 0: from the start.")] = None,
) -> StreamingResponse:
    """Alerts as they happen; a connection that broke goes on where it stopped."""
    feed = hub.services.feed
    start = _start(feed, last_event_id, cursor)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(feed, who, request, start), media_type="text/event-stream", headers=headers)


@router.websocket("/ws")
async def socket(websocket: WebSocket, cursor: int | None = None) -> None:
    """The same alerts, one JSON message each, after one that tells the cursor; `cursor` resumes."""
    try:
        who = await run_in_threadpool(admit, websocket, Scope.INCIDENTS_READ)
    except HTTPException as error:
        await websocket.close(_POLICY_VIOLATION, str(error.detail))
        return
    feed: AlertFeed = websocket.app.state.context.services.feed
    at = feed.head if cursor is None or cursor < 0 else cursor
    await websocket.accept()
    await websocket.send_text(f'{{"cursor": {at}}}')
    gone = asyncio.create_task(_until_gone(websocket))
    try:
        while not gone.done() and not feed.stopped:
            for alert in await run_in_threadpool(feed.after, at):
                at = alert.id
                if who.sees(alert.district):
                    await websocket.send_text(orjson.dumps(alert.body).decode())
            await feed.wait(at, 1.0)
        if feed.stopped:
            await websocket.close(1001)
    except (WebSocketDisconnect, RuntimeError):
        return  # the peer went while we wrote
    finally:
        gone.cancel()


async def _until_gone(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


async def _events(feed: AlertFeed, who: Principal, request: Request, cursor: int) -> AsyncIterator[bytes]:
    yield b"retry: 1500\n\n" + _hello(cursor)
    at = cursor
    while not feed.stopped and not await request.is_disconnected():
        try:
            alerts = await run_in_threadpool(feed.after, at)
        except StorageError:
            yield b": storage is away\n\n"
            await asyncio.sleep(1)
            continue
        if alerts:
            at = alerts[-1].id
            yield b"".join(_event(alert) for alert in alerts if who.sees(alert.district)) or _hello(at)
        elif not await feed.wait(at, HEARTBEAT_S):
            yield b": beat\n\n"


def _event(alert: Alert) -> bytes:
    return b"id: %d\nevent: alert\ndata: %b\n\n" % (alert.id, orjson.dumps(dict(alert.body)))


def _hello(cursor: int) -> bytes:
    """Tells the cursor without an alert, so that a resume skips what this caller may not see."""
    return b'id: %d\nevent: cursor\ndata: {"cursor": %d}\n\n' % (cursor, cursor)


def _start(feed: AlertFeed, last_event_id: str | None, cursor: int | None) -> int:
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19:
        return int(last_event_id)
    return feed.head if cursor is None else cursor
