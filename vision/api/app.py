"""The HTTP application: routes, errors, headers, and the check that every route says who may use it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from vision.api import examples, problems
from vision.api.access import Admission
from vision.api.accounts import Accounts
from vision.api.audit import AuditTrail
from vision.api.clips import BrowserClips
from vision.api.context import Context
from vision.api.fleet import Fleet
from vision.api.headers import SecureHeaders, content_policy
from vision.api.identity import Identity
from vision.api.oidc import OpenId
from vision.api.passwords import Attempts
from vision.api.routes import (
    admin,
    alerts,
    announcements,
    cameras,
    deliveries,
    discovery,
    evidence,
    ground,
    health,
    incidents,
    me,
    models,
    pressure,
    ptz,
    registry,
    reports,
    session,
    speakers,
    statistics,
    talk,
    workers,
)
from vision.api.services import HubServices
from vision.api.shifts import Shifts
from vision.api.thumbnails import Thumbnails

log = structlog.get_logger()
PREFIX = "/api/v1"
PUBLIC = frozenset(
    {
        ("GET", f"{PREFIX}/session"),
        ("POST", f"{PREFIX}/session"),
        ("POST", f"{PREFIX}/session/link"),
        ("GET", f"{PREFIX}/session/oidc"),
        ("GET", f"{PREFIX}/session/oidc/callback"),
    }
)
"""What under /api/v1 needs no caller: signing in."""
_DESCRIPTION = """
Everything the operators' console does, for programs.

Send an API key as `X-API-Key: KEY` or `Authorization: Bearer KEY`. Errors are problem+json (RFC 9457). Lists page by
`cursor`. Answers carry an `ETag`. Alerts stream from `/api/v1/alerts/stream` (server-sent events) and
`/api/v1/alerts/ws` (WebSocket), both with resume.
"""


def create_app(services: HubServices) -> FastAPI:
    """The API over the hub's parts. The alert feed runs as long as the app does."""
    app = FastAPI(
        title="Streetward",
        version=services.settings.version,
        description=_DESCRIPTION,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    identity = Identity(services.database, services.clock, services.settings.access)
    audit = AuditTrail(services.database, services.clock)
    access = services.settings.access
    app.state.context = Context(
        services=services,
        identity=identity,
        audit=audit,
        accounts=Accounts(services.database, services.clock, access),
        attempts=Attempts(services.clock, access.login_attempts),
        thumbnails=Thumbnails(),
        clips=BrowserClips(),
        fleet=Fleet(services.registry),
        shifts=Shifts(services.database, services.clock),
        openid=None if access.oidc is None else OpenId(access.oidc, services.clock),
    )
    app.state.authenticate = identity
    problems.install(app)
    app.add_middleware(SecureHeaders, policy=content_policy(services.settings.console.map.tiles_url))
    api = APIRouter(prefix=PREFIX)
    for part in (
        talk,
        announcements,
        incidents,
        alerts,
        cameras,
        ptz,
        workers,
        pressure,
        ground,
        discovery,
        evidence,
        speakers,
        registry,
        statistics,
        me,
        session,
        models,
        deliveries,
        reports,
        admin,
    ):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(health.router)
    _refuse_unguarded(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    if services.settings.access.loopback_without_login:
        role = services.settings.access.loopback_role
        log.warning(
            "loopback_login_waived", role=role, hint="callers on this machine need no login: demonstrations only"
        )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    context.services.feed.start()
    try:
        yield
    finally:
        context.services.feed.stop()


def api_routes(app: FastAPI) -> Iterator[RouteContext]:
    """The HTTP routes under /api/v1, with their whole paths."""
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and (route.path or "").startswith(f"{PREFIX}/"):
            yield route


def admission_of(route: RouteContext) -> Admission | None:
    """What the route asks of its callers; None when it asks nothing."""
    pending: list[Dependant] = [route.dependant]
    while pending:
        dependant = pending.pop()
        if isinstance(dependant.call, Admission):
            return dependant.call
        pending.extend(dependant.dependencies)
    return None


def _refuse_unguarded(app: FastAPI) -> None:
    unguarded = [
        f"{method} {route.path}"
        for route in api_routes(app)
        for method in route.methods or ()
        if admission_of(route) is None and (method, route.path or "") not in PUBLIC
    ]
    if unguarded:
        raise RuntimeError(f"routes without a scope: {', '.join(unguarded)}")


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = problems.SCHEMA
        components["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
        for route in api_routes(app):
            admission = admission_of(route)
            for method in route.methods or ():
                operation = schema["paths"][route.path_format or ""][method.lower()]
                if admission is not None:
                    operation["security"] = [{"key": []}, {"bearer": []}]
                    operation["x-scope"] = str(admission.scope or "signed in")
        examples.add(schema)
        app.openapi_schema = schema
    return app.openapi_schema
