"""What loudspeakers said and achieved, the phrases they say, and their recordings."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import Field
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from vision.alerts.effect import effects
from vision.alerts.phrases import Phrase
from vision.alerts.record import announcement_of, to_record
from vision.alerts.uploads import UploadRefusedError
from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send, send_bytes
from vision.api.context import Context, Hub
from vision.api.problems import RESPONSES
from vision.api.records import hours_item
from vision.api.routes.talk import loudspeakers_of
from vision.config.base import Id
from vision.config.speakers import PhraseConfig
from vision.core.errors import NotThereError
from vision.core.findings import ViolationType
from vision.storage.tables import AnnouncementRow, IncidentRow

router = APIRouter(tags=["speakers"], responses=RESPONSES)
_WAV: dict[int | str, dict[str, Any]] = {200: {"description": "WAV.", "content": {"audio/wav": {}}}}


class Announced(wire.AnnouncementItem):
    audio_key: str | None
    proof: dict[str, Any]


class PhraseItem(wire.Wire):
    id: str
    zh: str
    en: str
    types: list[ViolationType]
    cameras: list[str]
    zones: list[str]
    hours: list[wire.HoursItem]
    warning: int | None
    recorded: bool
    origin: Literal["own", "changed", "file", "shipped"] = Field(
        description="Who wrote the words: people (own, or changed over a given one), the configuration, the product."
    )


@router.get("/announcements", response_model=list[Announced])
def list_announcements(
    hub: Hub,
    who: Annotated[Principal, needs(Scope.INCIDENTS_READ)],
    request: Request,
    speaker: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Uses of loudspeakers, also those that stayed silent and why, newest first."""
    query = select(AnnouncementRow).order_by(AnnouncementRow.id.desc()).limit(limit)
    if speaker is not None:
        query = query.where(AnnouncementRow.speaker_id == speaker)
    if who.districts:
        query = query.join(IncidentRow, IncidentRow.id == AnnouncementRow.incident_id)
        query = query.where(IncidentRow.district.in_(who.districts))
    with hub.services.database.reading() as session:
        return send(request, [to_record(announcement_of(row)) for row in session.scalars(query)])


@router.get("/announcements/{announcement_id}/audio", responses=_WAV, response_class=Response)
def get_audio(
    hub: Hub, who: Annotated[Principal, needs(Scope.EVIDENCE_READ)], request: Request, announcement_id: int
) -> Response:
    """What was played or said, as it was; every look is logged."""
    with hub.services.database.reading() as session:
        row = session.get(AnnouncementRow, announcement_id)
        incident = session.get(IncidentRow, row.incident_id) if row is not None and row.incident_id else None
        seen = row is not None and who.sees(incident.district if incident is not None else "")
        key = row.audio_key if row is not None and seen else None
    if key is None:
        raise NotThereError(f"there is no sound of announcement {announcement_id}")
    hub.audit.look(who.actor, key, reason="", detail={"announcement": announcement_id})
    return send_bytes(request, hub.services.blobs.get(key), media_type="audio/wav")


@router.get("/statistics/loudspeakers")
def get_effect(
    hub: Hub,
    who: Annotated[Principal, needs(Scope.STATISTICS_READ)],
    request: Request,
    since: Annotated[datetime | None, Query(description="Begin; 30 days before `until` if not given.")] = None,
    until: Annotated[datetime | None, Query(description="End; now if not given.")] = None,
) -> Response:
    """Rectified-within-grace rate of warnings by phrase, type and hour, and why loudspeakers stayed silent."""
    end = until or hub.services.clock.now()
    begin = since or end - timedelta(days=30)
    if end.tzinfo is None or begin.tzinfo is None or begin >= end:
        raise HTTPException(422, "since and until should carry their zone, since the earlier")
    zone = ZoneInfo(hub.services.settings.time_zone)
    with hub.services.database.reading() as session:
        found = effects(
            session, begin, end, timezone=zone, grace_s=hub.services.settings.grace_s, districts=who.districts
        )
    return send(request, found.to_record())


@router.get("/phrases", response_model=list[PhraseItem], dependencies=[needs(Scope.CAMERAS_READ)])
def list_phrases(hub: Hub, request: Request) -> Response:
    """Phrases in the order in which they are tried."""
    book = loudspeakers_of(hub).phrases
    origins = book.origins()
    return send(request, [_item(phrase, origins) for phrase in book.phrases()])


@router.put("/phrases/{phrase_id}", response_model=PhraseItem)
def put_phrase(
    hub: Hub, who: Annotated[Principal, needs(Scope.REGISTRY_WRITE)], phrase_id: Id, body: PhraseConfig
) -> dict[str, Any]:
    """Add or change a phrase; a recording made for its old words goes."""
    book = loudspeakers_of(hub).phrases
    book.put(phrase_id, body)
    hub.audit.record(who.actor, "phrase_changed", f"phrase:{phrase_id}", detail={"zh": body.zh, "en": body.en})
    return _item(book.phrase(phrase_id), book.origins())


@router.delete("/phrases/{phrase_id}", status_code=204)
def delete_phrase(hub: Hub, who: Annotated[Principal, needs(Scope.REGISTRY_WRITE)], phrase_id: str) -> None:
    """Take back what people changed or recorded: a given phrase says its first words again, an own one goes."""
    loudspeakers_of(hub).phrases.forget(phrase_id)
    hub.audit.record(who.actor, "phrase_reset", f"phrase:{phrase_id}")


@router.put(
    "/phrases/{phrase_id}/recording",
    response_model=PhraseItem,
    openapi_extra={"requestBody": {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def put_recording(
    hub: Hub, who: Annotated[Principal, needs(Scope.REGISTRY_WRITE)], phrase_id: str, request: Request
) -> dict[str, Any]:
    """Make the body (any audio file) the phrase's recording: trimmed, at one loudness; refused with the reason."""
    book = loudspeakers_of(hub).phrases
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > book.largest_bytes:
            raise HTTPException(413, f"the file is too large: at most {book.largest_bytes / 1e6:g} MB")
    return await run_in_threadpool(_record, hub, who, phrase_id, bytes(data))


@router.delete("/phrases/{phrase_id}/recording", status_code=204)
def delete_recording(hub: Hub, who: Annotated[Principal, needs(Scope.REGISTRY_WRITE)], phrase_id: str) -> None:
    """Use speech again."""
    loudspeakers_of(hub).phrases.forget_recording(phrase_id)
    hub.audit.record(who.actor, "recording_removed", f"phrase:{phrase_id}")


@router.get(
    "/phrases/{phrase_id}/preview",
    responses=_WAV,
    response_class=Response,
    dependencies=[needs(Scope.SPEAK)],
)
def preview(
    hub: Hub,
    request: Request,
    phrase_id: str,
    shop: Annotated[str, Query(max_length=80)] = "",
    place: Annotated[str, Query(max_length=80)] = "",
) -> Response:
    """What a phrase sounds like, chime and all."""
    spoken = loudspeakers_of(hub).desk.preview(phrase_id, {"shop": shop, "place": place})
    return send_bytes(request, spoken.audio.to_wav(), media_type="audio/wav")


def _record(hub: Context, who: Principal, phrase_id: str, data: bytes) -> dict[str, Any]:
    book = loudspeakers_of(hub).phrases
    try:
        clip = book.record(phrase_id, data)
    except UploadRefusedError as error:
        raise HTTPException(422, f"{error.why.en} / {error.why.zh}") from error
    hub.audit.record(who.actor, "phrase_recorded", f"phrase:{phrase_id}", detail={"duration_s": clip.duration_s})
    return _item(book.phrase(phrase_id), book.origins())


def _item(phrase: Phrase, origins: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": phrase.id,
        "zh": phrase.zh,
        "en": phrase.en,
        "types": sorted(phrase.types),
        "cameras": sorted(phrase.camera_ids),
        "zones": sorted(phrase.zone_ids),
        "hours": [hours_item(hours) for hours in phrase.hours],
        "warning": phrase.warning,
        "recorded": phrase.clip_key is not None,
        "origin": origins.get(phrase.id, "shipped"),
    }
