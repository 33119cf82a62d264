"""Evidence files: every look is written down before the file is shown."""

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request, Response
from sqlalchemy import select

from vision.api.access import Principal, Scope, needs
from vision.api.conditional import send_bytes, send_part
from vision.api.context import Hub
from vision.api.problems import RESPONSES
from vision.core.errors import NotThereError
from vision.storage.tables import EvidenceRow, IncidentRow

router = APIRouter(prefix="/evidence", tags=["evidence"], responses=RESPONSES)
WIDTHS_PX = (160, 320, 640, 960)


@router.get(
    "/{evidence_id:path}",
    responses={
        200: {"description": "The file.", "content": {"image/jpeg": {}, "video/mp4": {}}},
        206: {"description": "The part of a clip that Range asks for.", "content": {"video/mp4": {}}},
        416: {"description": "The clip has no such part."},
    },
    response_class=Response,
)
def get_evidence(
    *,
    hub: Hub,
    who: Annotated[Principal, needs(Scope.EVIDENCE_READ)],
    request: Request,
    evidence_id: str,
    width: Annotated[int | None, Query(description="160, 320, 640 or 960: a smaller copy of a picture.")] = None,
    browser: Annotated[bool, Query(description="A clip as every browser plays it: H.265 as an H.264 copy.")] = False,
    reason: Annotated[str, Query(max_length=200, description="Why you look; kept in the audit log.")] = "",
    x_reason: Annotated[str, Header(max_length=200)] = "",
) -> Response:
    """One file of evidence, whole and unchanged (or a copy for showing, with `width` or `browser`)."""
    if width is not None and width not in WIDTHS_PX:
        raise HTTPException(422, f"width should be one of {', '.join(map(str, WIDTHS_PX))}, got {width}")
    why = reason or x_reason
    if not why and hub.services.settings.access.evidence_reason:
        raise HTTPException(422, "say why you look, in `reason` or the header X-Reason: it is kept with your name")
    with hub.services.database.reading() as session:
        found = session.execute(
            select(EvidenceRow, IncidentRow.district)
            .join(IncidentRow, IncidentRow.id == EvidenceRow.incident_id)
            .where(EvidenceRow.id == evidence_id)
        ).all()
    visible = [row for row, district in found if who.sees(district)]
    if not visible:
        raise NotThereError(f"there is no evidence {evidence_id}")
    row = visible[0]
    hub.audit.look(who.actor, row.id, reason=why, detail={"incident": row.incident_id, "role": row.role})
    etag = f'"{row.sha256[:24]}{f"-{width}" if width else ""}"'
    cache = "private, max-age=600"
    if row.media_type.startswith("video/"):
        clip = hub.services.blobs.get(row.id)
        shown = hub.clips.get(row.id, clip) if browser else clip
        tag = etag if shown is clip else f'"{row.sha256[:24]}-h264"'
        return send_part(request, shown, media_type=row.media_type, etag=tag, cache=cache)
    if width is None or not row.media_type.startswith("image/"):
        return send_bytes(request, hub.services.blobs.get(row.id), media_type=row.media_type, etag=etag, cache=cache)
    small = hub.thumbnails.get(row.id, width)
    if small is None:
        small = hub.thumbnails.make(row.id, width, hub.services.blobs.get(row.id))
    return send_bytes(request, small, media_type="image/jpeg", etag=etag, cache=cache)
