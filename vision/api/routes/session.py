"""Signing in and out: by password, by one-time link, by an OpenID provider."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from vision.api import wire
from vision.api.access import Principal, needs
from vision.api.context import Context, Hub
from vision.api.identity import COOKIE, refuse_cross_site
from vision.api.oidc import OpenId
from vision.api.problems import RESPONSES
from vision.core.errors import NotThereError, Rejected, RetryLater

_FLOW = "streetward_oidc"
_OURS = re.compile(r"/console/(?!login|welcome)[\w\-/]*")
"""Pages that somebody may be sent on to after signing in: never another site."""
router = APIRouter(prefix="/session", tags=["access"], responses=RESPONSES)


class SignIn(wire.Wire):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class UseLink(wire.Wire):
    token: Annotated[str, Field(min_length=20, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


@router.post("", status_code=201, response_model=wire.Session)
def sign_in(hub: Hub, request: Request, response: Response, body: SignIn) -> dict[str, Any]:
    """Sign in with name and password; the answer sets the session's cookie."""
    refuse_cross_site(request)
    if not hub.services.settings.access.password_sign_in:
        raise HTTPException(403, "people do not sign in with a password here")
    address = request.client.host if request.client else ""
    keys = (f"name:{body.name.lower()}", f"address:{address}")
    wait_s = hub.attempts.wait_s(*keys)
    if wait_s > 0:
        raise HTTPException(
            429, "too many failed sign-ins; wait a while", headers={"Retry-After": str(int(wait_s) + 1)}
        )
    if not hub.accounts.check(body.name, body.password):
        hub.attempts.failed(*keys)
        hub.audit.record(f"operator:{body.name}", "sign_in_failed", f"user:{body.name}", detail={"address": address})
        raise HTTPException(401, "name or password is wrong")
    hub.attempts.succeeded(keys[0])
    return _open(hub, request, response, body.name)


@router.post("/link", status_code=201, response_model=wire.Session)
def use_link(hub: Hub, request: Request, response: Response, body: UseLink) -> dict[str, Any]:
    """Set a password by a one-time link and sign in."""
    refuse_cross_site(request)
    address = f"link:{request.client.host if request.client else ''}"
    if hub.attempts.wait_s(address) > 0:
        raise HTTPException(429, "too many wrong links; wait a while", headers={"Retry-After": "600"})
    name = hub.accounts.use_link(body.token, body.password)
    if name is None:
        hub.attempts.failed(address)
        raise HTTPException(401, "this link is used, expired or wrong: ask an administrator for a new one")
    return _open(hub, request, response, name)


@router.get("", response_model=wire.SignInWays)
def ways(hub: Hub) -> dict[str, Any]:
    """How people sign in here."""
    access = hub.services.settings.access
    return {"password": access.password_sign_in, "oidc": None if access.oidc is None else access.oidc.label}


@router.get("/oidc", status_code=307, response_class=RedirectResponse)
def begin_oidc(hub: Hub, request: Request, page: Annotated[str, Query(max_length=500)] = "/console/") -> Response:
    """Go to the OpenID provider, and come back to `page` of the console."""
    openid = _openid(hub)
    wanted = page if _OURS.fullmatch(page) else "/console/"
    url, flow = openid.begin(str(request.url_for("finish_oidc")), wanted)
    response = RedirectResponse(url, 307)
    # Lax, not strict: the browser comes back from another site, and has to bring it.
    secure = hub.services.settings.access.cookie_secure or request.url.scheme == "https"
    response.set_cookie(
        _FLOW, flow, max_age=600, path="/api/v1/session/oidc", httponly=True, samesite="lax", secure=secure
    )
    return response


@router.get("/oidc/callback", status_code=303, response_class=RedirectResponse)
def finish_oidc(
    *,
    hub: Hub,
    request: Request,
    code: Annotated[str, Query(max_length=2000)] = "",
    state: Annotated[str, Query(max_length=200)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Where the provider sends the browser back to; sign-ins that fail land on the sign-in page, which says so."""
    openid = _openid(hub)
    address = request.client.host if request.client else ""
    try:
        person, page = openid.finish(request.cookies.get(_FLOW, ""), code, state, error)
        name = hub.accounts.vouched(person, openid.issuer)
    except (Rejected, RetryLater) as refused:
        hub.audit.record("operator:", "sign_in_failed", "oidc", reason=str(refused)[:500], detail={"address": address})
        response = RedirectResponse("/console/login?trouble=oidc", 303)
        response.delete_cookie(_FLOW, path="/api/v1/session/oidc")
        return response
    response = RedirectResponse(page, 303)
    _open(hub, request, response, name)
    response.delete_cookie(_FLOW, path="/api/v1/session/oidc")
    return response


@router.delete("", status_code=204)
def sign_out(hub: Hub, request: Request, who: Annotated[Principal, needs(None)]) -> Response:
    """End this session."""
    token = request.cookies.get(COOKIE)
    if who.by == "session" and token:
        hub.accounts.end_session(token)
        hub.shifts.end(who.actor)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


def _openid(hub: Context) -> OpenId:
    if hub.openid is None:
        raise NotThereError("people do not sign in by an OpenID provider here")
    return hub.openid


def _open(hub: Context, request: Request, response: Response, name: str) -> dict[str, Any]:
    token, csrf, expires = hub.accounts.open_session(name, request.client.host if request.client else "")
    set_cookie(hub, request, response, token)
    return {"name": name, "csrf": csrf, "expires_at": expires}


def set_cookie(hub: Context, request: Request, response: Response, token: str) -> None:
    access = hub.services.settings.access
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(access.session_h * 3600),
        path="/",
        httponly=True,
        samesite="strict",
        secure=access.cookie_secure or request.url.scheme == "https",
    )
