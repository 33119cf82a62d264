"""Press to talk over WebSocket, stopping what is said, and the global mute."""

import asyncio
import contextlib
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Query, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from vision.alerts.announcer import SilencedError
from vision.alerts.build import Loudspeakers
from vision.alerts.placement import distance_m, reaching
from vision.alerts.record import to_record
from vision.alerts.talk import Talk, Told
from vision.api import wire
from vision.api.access import Principal, Scope, admit, needs
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.core.errors import ConfigError, NotThereError, Rejected, StorageError
from vision.core.findings import Why

router = APIRouter(tags=["speakers"], responses=RESPONSES)
_POLICY_VIOLATION = 1008
_QUIET_S = 5.0  # a microphone that sends nothing for so long is gone
_LARGEST_PIECE = 1 << 16
_PLAY_OUT_S = 10.0


class MuteBody(wire.Wire):
    on: bool


class LoudspeakersItem(wire.Wire):
    """The state of all: the mute, and who speaks where now."""

    muted: bool
    talking: dict[str, str]


class NearSpeaker(wire.Wire):
    id: str
    name: str
    place: str
    reaches: bool


class Stopped(wire.Wire):
    stopped: bool


def loudspeakers_of(hub: Context) -> Loudspeakers:
    """Raises HTTPException 503 where none can be used."""
    parts = hub.services.loudspeakers
    if parts is None:
        raise HTTPException(503, "no loudspeaker can be used here")
    return parts


@router.get("/loudspeakers", response_model=LoudspeakersItem, dependencies=[needs(Scope.CAMERAS_READ)])
def state(hub: Hub) -> dict[str, Any]:
    """Whether they are muted, and who speaks where now."""
    desk = loudspeakers_of(hub).desk
    return {"muted": desk.muted, "talking": desk.talking()}


@router.put("/loudspeakers/mute", response_model=LoudspeakersItem)
def mute(hub: Hub, who: Annotated[Principal, needs(Scope.SPEAK)], body: MuteBody) -> dict[str, Any]:
    """Silence every loudspeaker of the city at once, or let them speak again."""
    desk = loudspeakers_of(hub).desk
    desk.mute(on=body.on, actor=who.actor)
    hub.audit.record(who.actor, "muted" if body.on else "unmuted", "loudspeakers")
    return {"muted": desk.muted, "talking": desk.talking()}


@router.post("/speakers/{speaker_id}/stop", response_model=Stopped)
def stop(hub: Hub, who: Annotated[Principal, needs(Scope.SPEAK)], speaker_id: str) -> dict[str, Any]:
    """End what this loudspeaker is saying, whoever began it."""
    stopped = loudspeakers_of(hub).desk.stop(speaker_id, who.actor)
    hub.audit.record(who.actor, "speaker_stopped", f"speaker:{speaker_id}", detail={"stopped": stopped})
    return {"stopped": stopped}


@router.get("/cameras/{camera_id}/speakers", response_model=list[NearSpeaker])
def near(hub: Hub, who: Annotated[Principal, needs(Scope.CAMERAS_READ)], camera_id: str) -> list[dict[str, Any]]:
    """Loudspeakers by how well they reach what this camera shows: its zones' own first, then the nearest."""
    registry = hub.services.registry
    camera = registry.camera(camera_id)
    if not who.sees(camera.district):
        raise NotThereError(f"there is no camera {camera_id}")
    speakers = registry.speakers()
    zones = [zone for view in camera.views for zone in view.zones]
    reach = [speaker.id for zone in zones for speaker in reaching(camera, zone, speakers)]
    rest = sorted(speakers.values(), key=lambda one: (distance_m(one, camera.position), one.id))
    ordered = dict.fromkeys([*reach, *(speaker.id for speaker in rest)])
    return [
        {"id": key, "name": speakers[key].name or key, "place": speakers[key].place, "reaches": key in reach}
        for key in ordered
        if speakers[key].enabled
    ]


@router.websocket("/speakers/{speaker_id}/talk")
async def talk(
    websocket: WebSocket,
    speaker_id: str,
    rate: Annotated[int, Query(ge=8000, le=96000)] = 16000,
    incident: Annotated[str | None, Query(max_length=32)] = None,
    emergency: Annotated[str, Query(max_length=200)] = "",
) -> None:
    """Binary messages: 16-bit little-endian samples of one channel at `rate`. Text `end` when the button is released.

    Answers are JSON: `{"state": "connecting" | "speaking" | "done" | "failed", "why": {zh, en}, "announcement": …}`.
    Sound is passed on from `speaking`; what comes before is dropped.
    """
    try:
        who = await run_in_threadpool(admit, websocket, Scope.SPEAK)
        parts = loudspeakers_of(websocket.app.state.context)
    except HTTPException as error:
        await websocket.close(_POLICY_VIOLATION, str(error.detail))
        return
    await websocket.accept()
    loop = asyncio.get_running_loop()
    news: asyncio.Queue[Told] = asyncio.Queue()

    def told(one: Told) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended first
            loop.call_soon_threadsafe(news.put_nowait, one)

    def begin() -> Talk:
        detail = {"talk": True} | ({"emergency": emergency} if emergency else {})
        websocket.app.state.context.audit.record(who.actor, "talked", f"speaker:{speaker_id}", detail=detail)
        return parts.desk.talk(
            speaker_id, actor=who.actor, rate_hz=rate, told=told, incident_id=incident, emergency=emergency
        )

    try:
        session = await run_in_threadpool(begin)
    except SilencedError as error:
        await _refuse(websocket, error.why)
        return
    except (NotThereError, Rejected, ConfigError, StorageError) as error:
        await _refuse(websocket, Why(f"无法喊话: {error}", str(error)))
        return
    listener = asyncio.create_task(_listen(websocket, session))
    try:
        await _report(websocket, news)
    finally:
        session.end()
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close()


async def _listen(websocket: WebSocket, session: Talk) -> None:
    """Pass the microphone on until the button is released, the browser goes, or nothing comes any more."""
    try:
        while True:
            message = await asyncio.wait_for(websocket.receive(), _QUIET_S)
            if message["type"] == "websocket.disconnect" or message.get("text") is not None:
                return
            piece = message.get("bytes") or b""
            if len(piece) <= _LARGEST_PIECE:
                session.hear(piece)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        return
    finally:
        session.end()


async def _report(websocket: WebSocket, news: "asyncio.Queue[Told]") -> None:
    """Tell the browser how it goes, until it is over."""
    while True:
        told = await news.get()
        body: dict[str, Any] = {"state": told.state, "why": {"zh": told.why.zh, "en": told.why.en}}
        if told.announcement is not None:
            body["announcement"] = to_record(told.announcement)
        try:
            await websocket.send_text(orjson.dumps(body).decode())
        except (RuntimeError, WebSocketDisconnect):
            return  # the browser went; the talk ends by itself
        if told.state in {"done", "failed"}:
            return


async def _refuse(websocket: WebSocket, why: Why) -> None:
    body = {"state": "failed", "why": {"zh": why.zh, "en": why.en}}
    await websocket.send_text(orjson.dumps(body).decode())
    await websocket.close()
