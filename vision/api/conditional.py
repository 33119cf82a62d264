"""Answers with an ETag: what a caller has already is not sent again (RFC 9110 section 13)."""

import hashlib
import re
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


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def send_part(request: Request, body: bytes, *, media_type: str, etag: str, cache: str) -> Response:
    """As `send_bytes`, or the one range that is asked for (RFC 9110 section 14): what a browser's player seeks by."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    whole = request.headers.get("if-range", etag) != etag or asked is None or asked.groups() == ("", "")
    if whole or asked is None:
        response = send_bytes(request, body, media_type=media_type, etag=etag, cache=cache)
        response.headers["Accept-Ranges"] = "bytes"
        return response
    first, last = asked.groups()
    begin = int(first) if first else max(0, len(body) - int(last))
    end = min(len(body), int(last) + 1) if first and last else len(body)
    if begin >= end:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(body)}"})
    headers = {
        "ETag": etag,
        "Cache-Control": cache,
        "Accept-Ranges": "bytes",
        "Content-Range": f"bytes {begin}-{end - 1}/{len(body)}",
        "Vary": "Authorization, X-API-Key, Cookie",
    }
    return Response(body[begin:end], status_code=206, media_type=media_type, headers=headers)
