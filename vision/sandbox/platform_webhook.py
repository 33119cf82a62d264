"""The sandbox platform's webhook: takes signed JSON messages as docs/cases.md publishes them."""

import base64
import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request

from vision.cases.signing import SignatureError, verify
from vision.core.clock import Clock
from vision.sandbox.platform_cases import SandboxCase, SandboxCases
from vision.sandbox.platform_faults import Faults

CHANNEL = "webhook"
_AFTER_CHANGE = {"gone": "closed", "still_there": "dispatched", "withdrawn": "withdrawn"}


def webhook_router(
    cases: SandboxCases, faults: Faults, clock: Clock, secret: str, pictures: dict[str, tuple[str, bytes]]
) -> APIRouter:
    """`pictures` receives what comes inline or as parts: SHA-256 → (media type, bytes)."""
    router = APIRouter(prefix="/webhook")

    def check(request: Request, body: bytes) -> datetime:
        from datetime import timedelta

        now = clock.now() + timedelta(seconds=faults.clock_skew_s)
        try:
            verify(secret, request.headers, body, now)
        except SignatureError as error:
            raise HTTPException(401, str(error)) from error
        return now

    @router.post("")
    async def take(request: Request) -> dict[str, Any]:
        body = await _message(request, pictures)
        now = check(request, body)
        try:
            message = json.loads(body)
            kind, key = message["kind"], message["idempotency_key"]
        except (ValueError, KeyError, TypeError) as error:
            raise HTTPException(400, f"not a message of version 1: {error}") from error
        _keep_inline(message, pictures)
        if kind == "case.filed":
            if faults.refuse:
                raise HTTPException(422, faults.refuse)
            case, _new = cases.accept(CHANNEL, key, message, now, once_per_key=faults.honours_idempotency)
            return _shown(case)
        known = cases.get(str(message.get("case_id", "")))
        if known is None:
            raise HTTPException(404, f"no case {message.get('case_id')}")
        change = message["change"]
        status = _AFTER_CHANGE.get(change["kind"], known.status)
        changed = cases.set_status(known.id, status, now, reason=change["text"], key=key)
        return _shown(changed or known)

    @router.get("")
    async def find(request: Request, idempotency_key: Annotated[str, Query()] = "") -> dict[str, Any]:
        check(request, b"")
        if not faults.lists:
            raise HTTPException(404, "this platform keeps no list")
        found = cases.with_key(CHANNEL, idempotency_key) if idempotency_key else cases.all(CHANNEL)
        return {"cases": [_shown(case) for case in found for _ in range(2 if faults.duplicates else 1)]}

    @router.get("/{case_id}")
    async def one(request: Request, case_id: str) -> dict[str, Any]:
        check(request, b"")
        case = cases.get(case_id)
        if case is None:
            raise HTTPException(404, f"no case {case_id}")
        return _shown(case)

    return router


async def _message(request: Request, pictures: dict[str, tuple[str, bytes]]) -> bytes:
    """The signed bytes: the body itself, or the part `message` of a form."""
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return await request.body()
    form = await request.form()
    message = b""
    for name, part in form.multi_items():
        data = part.encode() if isinstance(part, str) else await part.read()
        if name == "message":
            message = data
        elif not isinstance(part, str):
            if hashlib.sha256(data).hexdigest() != name:
                raise HTTPException(400, f"part {name} is not what its SHA-256 says")
            pictures[name] = (part.content_type or "application/octet-stream", data)
    return message


def _keep_inline(message: dict[str, Any], pictures: dict[str, tuple[str, bytes]]) -> None:
    for entry in message.get("evidence", []):
        encoded = entry.pop("data_base64", None)
        if encoded is None:
            continue
        data = base64.b64decode(encoded)
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise HTTPException(400, f"evidence {entry['role']} is not what its SHA-256 says")
        pictures[entry["sha256"]] = (entry["media_type"], data)


def _shown(case: SandboxCase) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "idempotency_key": case.key,
        "status": case.status,
        "reason": case.reason,
        "created_at": case.created_at.isoformat(),
        "updated_at": case.updated_at.isoformat(),
    }
