"""Loudspeakers: which there are, and speaking through one."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response

from vision.api import wire
from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.api.records import hours_item
from vision.core.errors import NotThereError
from vision.core.registry import Speaker
from vision.incidents.events import SpeakRequested
from vision.storage.tables import IncidentRow

router = APIRouter(prefix="/speakers", tags=["speakers"], responses=RESPONSES)


@router.get("", response_model=list[wire.SpeakerItem], dependencies=[needs(Scope.CAMERAS_READ)])
def list_speakers(hub: Hub, request: Request) -> Response:
    """Loudspeakers by id."""
    speakers = hub.services.registry.speakers()
    return send(request, [_item(speakers[key]) for key in sorted(speakers)])


@router.patch("/{speaker_id}", response_model=wire.SpeakerItem)
def change_speaker(
    hub: Hub, who: Annotated[Principal, needs(Scope.REGISTRY_WRITE)], speaker_id: str, body: wire.SpeakerChange
) -> dict[str, Any]:
    """Change when and how loud a loudspeaker may be; the next announcement goes by it."""
    registry = hub.services.registry
    document = registry.document("speaker", speaker_id)
    changes = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    registry.put("speaker", speaker_id, {**document, **changes}, by=who.actor)
    hub.audit.record(who.actor, "speaker_changed", f"speaker:{speaker_id}", detail=changes)
    return _item(registry.speakers()[speaker_id])


@router.post("/{speaker_id}/announce", status_code=202, response_model=wire.Accepted)
def announce(
    hub: Hub, who: Annotated[Principal, needs(Scope.SPEAK)], speaker_id: str, body: wire.AnnounceBody
) -> dict[str, Any]:
    """Speak a set phrase or a text, for an incident (then it is part of its story) or by itself.

    Quiet hours, sensitive areas and volume caps hold for people as for the policy: the outcome tells.
    """
    services = hub.services
    if speaker_id not in services.registry.speakers():
        raise NotThereError(f"there is no speaker {speaker_id}")
    if body.incident_id is None:
        if services.announcements is None:
            raise HTTPException(503, "no loudspeaker can be used here without an incident")
        services.announcements.announce(speaker_id, text=body.text, phrase_id=body.phrase_id, actor=who.actor)
        hub.audit.record(who.actor, "announced", f"speaker:{speaker_id}", detail={"text": body.text})
        return {"status": "accepted"}
    with services.database.reading() as session:
        row = session.get(IncidentRow, body.incident_id)
        if row is None or not who.sees(row.district):
            raise NotThereError(f"there is no incident {body.incident_id}")
    event = SpeakRequested(who.actor, speaker_id=speaker_id, phrase_id=body.phrase_id or "", text=body.text)
    services.incidents.command(body.incident_id, event)
    services.feed.poke()
    return {"status": "accepted", "incident_id": body.incident_id}


def _item(speaker: Speaker) -> dict[str, Any]:
    return {
        "id": speaker.id,
        "kind": speaker.kind,
        "name": speaker.name or speaker.id,
        "place": speaker.place,
        "url": speaker.safe_url,
        "position": speaker.position,
        "earshot_m": speaker.earshot_m,
        "sensitive_area": speaker.sensitive_area,
        "exemption": speaker.exemption,
        "quiet": [hours_item(hours) for hours in speaker.quiet],
        "volume_cap": speaker.volume_cap,
        "cooldown_s": speaker.cooldown_s,
        "daily_cap": speaker.daily_cap,
        "enabled": speaker.enabled,
    }
