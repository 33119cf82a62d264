"""Finds out who calls: an API key, a signed-in session's cookie, or this very machine where that is allowed."""

import hashlib
import hmac
import ipaddress
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import HTTPException
from sqlalchemy import select
from starlette.requests import HTTPConnection

from vision.api.access import Principal, Role
from vision.config.access import AccessConfig
from vision.core.clock import Clock
from vision.storage.database import Database
from vision.storage.tables import ApiKey, LoginSession, User

COOKIE = "streetward_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SEEN_EVERY = timedelta(minutes=1)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def digest(secret: str) -> str:
    """SHA-256 in hex. Keys and tokens are 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Identity:
    """The one place where a request's caller is worked out; `__call__` is access.Authenticate."""

    def __init__(self, database: Database, clock: Clock, config: AccessConfig) -> None:
        self._database, self._clock, self._config = database, clock, config
        self._configured = {
            key.sha256: Principal(f"key:{key.name}", key.name, Role(key.role), key.districts, "key")
            for key in config.api_keys
        }

    def __call__(self, connection: HTTPConnection) -> Principal | None:
        """The caller; None when it gives no sign of who it is.

        Raises:
            HTTPException: 401 a wrong or expired key or session; 403 a forged or cross-site request.
        """
        key = _presented_key(connection)
        if key is not None:
            return self._by_key(key)
        token = connection.cookies.get(COOKIE)
        principal = self._by_session(token) if token else None
        if principal is None and self._config.loopback_without_login and _from_this_machine(connection):
            principal = Principal("operator:local", "local", Role(self._config.loopback_role), (), "loopback")
        if principal is not None:
            _refuse_forgery(connection, principal)
        return principal

    def _by_key(self, key: str) -> Principal:
        hashed = digest(key)
        for known, principal in self._configured.items():
            if hmac.compare_digest(known, hashed):
                return principal
        with self._database.reading() as session:
            row = session.scalars(select(ApiKey).where(ApiKey.key_sha256 == hashed)).one_or_none()
        now = self._clock.now()
        if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            raise HTTPException(401, "this API key is unknown, revoked or expired")
        return Principal(f"key:{row.name}", row.name, Role(row.role), tuple(row.districts), "key")

    def _by_session(self, token: str) -> Principal | None:
        hashed, now = digest(token), self._clock.now()
        with self._database.reading() as session:
            found = session.execute(
                select(LoginSession, User)
                .join(User, User.name == LoginSession.user_name)
                .where(LoginSession.token_sha256 == hashed)
            ).one_or_none()
        if found is None:
            return None
        login, user = found
        idle = timedelta(hours=self._config.idle_h)
        if login.expires_at <= now or login.seen_at + idle <= now or not user.enabled:
            return None
        if now - login.seen_at >= _SEEN_EVERY:
            with self._database.transaction() as session:
                row = session.get(LoginSession, hashed)
                if row is not None:
                    row.seen_at = now
        actor = f"operator:{user.name}"
        return Principal(actor, user.name, Role(user.role), tuple(user.districts), "session", login.csrf)


def _presented_key(connection: HTTPConnection) -> str | None:
    key = connection.headers.get("x-api-key")
    if key:
        return key.strip()
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def _from_this_machine(connection: HTTPConnection) -> bool:
    """Came over loopback, to a loopback name (a rebound DNS name is none), and through no proxy."""
    client = connection.client
    if client is None or not _is_loopback(client.host):
        return False
    if any(name in connection.headers for name in _FORWARDED):
        return False
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    return host == "localhost" or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_forgery(connection: HTTPConnection, principal: Principal) -> None:
    """What a browser sends on its own must come from our own pages, and a session's changes carry its token."""
    upgrade = connection.scope["type"] == "websocket"
    if connection.scope.get("method", "GET") in _SAFE and not upgrade:
        return
    refuse_cross_site(connection)
    if principal.by == "session" and not upgrade:
        sent = connection.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), principal.csrf.encode()):
            raise HTTPException(403, f"the header {CSRF_HEADER} is missing or wrong")


def refuse_cross_site(connection: HTTPConnection) -> None:
    """Raises HTTPException 403 for a request that another site's page made (OWASP: fetch metadata, origin check)."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise HTTPException(403, "a request from another site")
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != connection.headers.get("host"):
        raise HTTPException(403, "a request from another site")
