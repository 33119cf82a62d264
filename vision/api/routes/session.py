"""Signing in and out, and one-time links."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import Field

from vision.api import wire
from vision.api.access import Principal, needs
from vision.api.context import Context, Hub
from vision.api.identity import COOKIE, refuse_cross_site
from vision.api.problems import RESPONSES

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
