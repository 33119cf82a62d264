"""What every route works with: the hub's services and what the API itself keeps, found on the app's state."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from vision.api.accounts import Accounts
from vision.api.audit import AuditTrail
from vision.api.clips import BrowserClips
from vision.api.fleet import Fleet
from vision.api.identity import Identity
from vision.api.oidc import OpenId
from vision.api.passwords import Attempts
from vision.api.services import HubServices
from vision.api.shifts import Shifts
from vision.api.thumbnails import Thumbnails


@dataclass(frozen=True, slots=True)
class Context:
    services: HubServices
    identity: Identity
    audit: AuditTrail
    accounts: Accounts
    attempts: Attempts
    thumbnails: Thumbnails
    clips: BrowserClips
    fleet: Fleet
    shifts: Shifts
    openid: OpenId | None


def _of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Hub = Annotated[Context, Depends(_of)]
