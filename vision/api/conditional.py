"""Answers with an ETag: what a caller has already is not sent again (RFC 9110 section 13)."""

import hashlib
from typing import Any

import orjson
from fastapi import Request, Response


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def send(request: Request, value: Any, *, media_type: str = "application/json") -> Response:
    """The value as JSON, or 304 when the caller's If-None-Match names it."""
    return send_bytes(request, orjson.dumps(value), media_type=media_type)


def send_bytes(
    request: Request, body: bytes, *, media_type: str, etag: str | None = None, cache: str = "private, no-cache"
) -> Response:
    tag = etag or etag_of(body)
    headers = {"ETag": tag, "Cache-Control": cache, "Vary": "Authorization, X-API-Key, Cookie"}
    asked = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag in asked or "*" in asked:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
