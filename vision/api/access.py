"""Who may do what: roles, scopes, and the one place where a request's caller is found and let in or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastapi import Depends, HTTPException, Request
from starlette.requests import HTTPConnection


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a route asks for."""

    INCIDENTS_READ = "incidents:read"
    INCIDENTS_ACT = "incidents:act"  # verdicts, claims, comments, filing
    SPEAK = "speakers:speak"
    EVIDENCE_READ = "evidence:read"
    CAMERAS_READ = "cameras:read"
    CAMERAS_TURN = "cameras:turn"  # PTZ by hand
    REGISTRY_WRITE = "registry:write"  # cameras, zones, speakers
    STATISTICS_READ = "statistics:read"
    DELIVERIES = "deliveries:manage"  # dead letters
    SUPPRESSIONS = "suppressions:manage"
    AUDIT_READ = "audit:read"
    ACCESS_MANAGE = "access:manage"  # users and keys


_VIEWER = frozenset({Scope.INCIDENTS_READ, Scope.EVIDENCE_READ, Scope.CAMERAS_READ, Scope.STATISTICS_READ})
_OPERATOR = _VIEWER | {Scope.INCIDENTS_ACT, Scope.SPEAK, Scope.CAMERAS_TURN}
SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.SUPERVISOR: _OPERATOR | {Scope.DELIVERIES, Scope.SUPPRESSIONS, Scope.AUDIT_READ},
    Role.ENGINEER: _OPERATOR | {Scope.REGISTRY_WRITE, Scope.DELIVERIES},
    Role.ADMIN: frozenset(Scope),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls.

    Attributes:
        actor: as the log and the audit trail name it, e.g. `operator:li` or `key:sweeper`.
        districts: the only districts seen; empty: all.
        by: `session`, `key` or `loopback`.
        csrf: the token that a session's changing requests must carry.
    """

    actor: str
    name: str
    role: Role
    districts: tuple[str, ...]
    by: str
    csrf: str = ""

    def may(self, scope: Scope) -> bool:
        return scope in SCOPES[self.role]

    def sees(self, district: str) -> bool:
        return not self.districts or district in self.districts


Authenticate = Callable[[HTTPConnection], Principal | None]
"""The caller of a request; None when it says nothing about itself. Raises HTTPException on a wrong key or token."""


class Admission:
    """A route's requirement, found again by the start-up check and by the documentation."""

    def __init__(self, scope: Scope | None) -> None:
        """`scope` None: anybody who is signed in."""
        self.scope = scope

    def __call__(self, request: Request) -> Principal:
        """The caller, if it may.

        Raises:
            HTTPException: 401 unknown caller, 403 known but not allowed.
        """
        return admit(request, self.scope)


def admit(connection: HTTPConnection, scope: Scope | None) -> Principal:
    """The caller, if it may do what `scope` says; raises HTTPException 401 or 403."""
    authenticate: Authenticate = connection.app.state.authenticate
    principal = authenticate(connection)
    if principal is None:
        raise HTTPException(401, "sign in, or send an API key", headers={"WWW-Authenticate": "Bearer"})
    if scope is not None and not principal.may(scope):
        raise HTTPException(403, f"the role {principal.role} does not include {scope}")
    return principal


def needs(scope: Scope | None) -> Any:
    """A dependency that lets in only callers with the scope, and hands the route its Principal."""
    return Depends(Admission(scope))
