"""People, keys, the audit log and what supervisors settle."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from vision.api.wire.base import Wire


class Viewer(Wire):
    """Who is signed in, and what they may do."""

    name: str
    role: str
    scopes: list[str]
    districts: list[str]
    by: str = Field(description="session, key or loopback (no login asked on this machine)")
    csrf: str = Field(description="Send it as X-CSRF-Token with every changing request of a session.")
    settings: dict[str, Any] = Field(description="The person's own settings of the console.")
    console: dict[str, Any] = Field(description="The city's settings of the console.")


class ShiftBody(Wire):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"opened": ["i-4f0c"]}]})

    opened: Annotated[list[Annotated[str, Field(max_length=32)]], Field(max_length=500)] = Field(
        default=[], description="Incidents that the person has looked at since the last call."
    )
    all_seen: bool = Field(False, description="Everything that came until now counts as seen.")


class Shift(Wire):
    """What is new to a person: incidents that came after `unread_since` and are not among `opened`."""

    unread_since: datetime
    opened: list[str]


class Session(Wire):
    """A session that has begun; the cookie holds its token."""

    name: str
    csrf: str
    expires_at: datetime


class SignInWays(Wire):
    password: bool
    oidc: str | None = Field(description="What the button says that leads to the OpenID provider; null: there is none.")


class UserItem(Wire):
    name: str
    role: str
    districts: list[str]
    enabled: bool
    has_password: bool
    issuer: str | None = Field(description="The OpenID provider that vouches for them; null: we do.")
    created_at: datetime


class NewLink(Wire):
    """A one-time token: whoever opens /console/welcome#TOKEN sets the person's password."""

    name: str
    token: str


class KeyItem(Wire):
    id: str
    name: str
    role: str
    districts: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKey(KeyItem):
    key: str = Field(description="Shown this once.")


class AuditItem(Wire):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str
    detail: dict[str, Any]


class AuditPage(Wire):
    items: list[AuditItem]
    next_cursor: int | None


class DeliveryItem(Wire):
    """One push to a platform, a speaker or a person, as the outbox holds it."""

    id: int
    incident_id: str
    kind: str
    target: str
    status: str
    attempts: int
    outcome_unknown: bool = Field(description="An answer was lost: the other side may have it.")
    last_error: str
    created_at: datetime
    next_at: datetime
    delivered_at: datetime | None
    payload: dict[str, Any]


class SuppressionItem(Wire):
    id: int
    document: dict[str, Any]
    begins_at: datetime
    ends_at: datetime
    approved_by: str
    reason: str
