"""Errors on the wire: problem+json (RFC 9457), with the project's own errors mapped to statuses once."""

from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException as StarletteHTTPException

from vision.core.errors import (
    ConfigError,
    IllegalTransitionError,
    NotThereError,
    Rejected,
    RetryLater,
    StorageError,
    StreetwardError,
)

log = structlog.get_logger()
MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[StreetwardError], int, str], ...] = (
    (NotThereError, 404, "Not there"),
    (IllegalTransitionError, 409, "Not possible in this state"),
    (ConfigError, 422, "Not acceptable"),
    (RetryLater, 503, "Try again later"),
    (Rejected, 502, "Refused by the other side"),
    (StorageError, 503, "Storage is away"),
    (StreetwardError, 500, "Failed"),
)
_TITLES = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not there",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    428: "Precondition required",
    429: "Too many requests",
    503: "Not available",
}


def problem(status: int, detail: str, *, title: str | None = None, **extra: Any) -> JSONResponse:
    body = {"type": "about:blank", "title": title or _TITLES.get(status, "Failed"), "status": status, "detail": detail}
    return JSONResponse({**body, **extra}, status, media_type=MEDIA_TYPE)


def answer(error: Exception) -> JSONResponse:
    """The problem that tells of an error; an unknown one says nothing of its inside."""
    if isinstance(error, StarletteHTTPException):
        response = problem(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response
    if isinstance(error, RequestValidationError):
        errors = [
            {"at": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in jsonable_encoder(error.errors())
        ]
        return problem(422, "; ".join(f"{item['at']}: {item['message']}" for item in errors), errors=errors)
    if isinstance(error, OverflowError | DataError):  # SQLite's and PostgreSQL's words for the same
        return problem(422, "a number is too large")
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return problem(status, str(error), title=title)
    return problem(500, "an unexpected error; it is in the log")


_EXPECTED = (StarletteHTTPException, RequestValidationError, StreetwardError, OverflowError, DataError)


def install(app: FastAPI) -> None:
    async def handle(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, _EXPECTED):
            log.error("request_failed", path=request.url.path, exc_info=error)
        return answer(error)

    for kind in (HTTPException, *_EXPECTED, Exception):
        app.add_exception_handler(kind, handle)


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": _TITLES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 409, 422, 429, 503)
}
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}
