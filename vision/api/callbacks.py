"""What platforms may reach without a login: their signed callbacks, and evidence by signed link."""

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select

from vision.api.audit import AuditTrail
from vision.cases.callbacks import Callbacks
from vision.cases.signing import SignatureError, check_link
from vision.core.clock import Clock
from vision.core.errors import NotThereError, StorageError
from vision.core.ports import BlobStore
from vision.storage.database import Database
from vision.storage.tables import EvidenceRow

_BODY_MOST = 1 << 20


def platform_router(
    callbacks: Callbacks, database: Database, blobs: BlobStore, clock: Clock, link_secret: str
) -> APIRouter:
    """Routes outside /api/v1: signatures stand in for callers. `link_secret` is the one that links are made with."""
    router = APIRouter(include_in_schema=False)
    audit = AuditTrail(database, clock)

    @router.post("/callbacks/{platform}")
    async def take(request: Request, platform: str) -> Response:
        if int(request.headers.get("content-length") or 0) > _BODY_MOST:
            raise HTTPException(413, "a callback should be smaller than 1 MiB")
        body = await request.body()
        try:
            answer = await run_in_threadpool(callbacks.take_callback, platform, request.headers, body)
        except StorageError as error:
            raise HTTPException(503, "nothing was kept, send it again", headers={"Retry-After": "10"}) from error
        return Response(answer.words, answer.status, media_type="text/plain; charset=utf-8")

    @router.get("/evidence/shared/{key:path}")
    def shared(key: str, token: str = "") -> Response:
        try:
            check_link(link_secret, key, token, clock.now())
        except SignatureError as error:
            raise HTTPException(403, str(error)) from error
        with database.reading() as session:
            row = session.scalars(select(EvidenceRow).where(EvidenceRow.id == key)).first()
        if row is None:
            raise HTTPException(404, "there is no such evidence")
        try:
            data = blobs.get(key)
        except NotThereError as error:
            raise HTTPException(404, "the file was removed") from error
        audit.look("platform:link", key, reason="case evidence", detail={"incident": row.incident_id})
        headers = {"Cache-Control": "private, max-age=600", "X-Content-Type-Options": "nosniff"}
        return Response(data, media_type=row.media_type, headers=headers)

    return router
