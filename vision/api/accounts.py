"""People's accounts: sign-in, one-time links, sessions; and the link that lets the first administrator in."""

import secrets
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from vision.api.access import Role
from vision.api.identity import digest
from vision.api.oidc import Person
from vision.api.passwords import hash_password, verify, weakness
from vision.config.access import AccessConfig
from vision.core.clock import Clock
from vision.core.errors import ConfigError, Rejected
from vision.storage.database import Database
from vision.storage.tables import AuditEntry, LoginSession, OneTimeLink, User

log = structlog.get_logger()
FIRST_ADMIN = "admin"


class Accounts:
    """Everything that writes users, links and sessions."""

    def __init__(self, database: Database, clock: Clock, config: AccessConfig) -> None:
        self._database, self._clock, self._config = database, clock, config

    def first_link(self) -> str | None:
        """A one-time token for the first administrator; None when somebody has a password already.

        There is no default password: whoever can read the hub's terminal may set the first one.

        Raises:
            StorageError: the database cannot be written.
        """
        with self._database.transaction() as session:
            able = select(func.count()).where(User.password_hash.is_not(None), User.role == Role.ADMIN, User.enabled)
            if session.scalar(able):
                return None
            if session.get(User, FIRST_ADMIN) is None:
                session.add(User(name=FIRST_ADMIN, role=Role.ADMIN, created_at=self._clock.now()))
                session.flush()
            return self.new_link(session, FIRST_ADMIN)

    def new_link(self, session: Session, name: str) -> str:
        """A fresh one-time token for a person; earlier ones of theirs end."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        session.execute(delete(OneTimeLink).where(OneTimeLink.user_name == name, OneTimeLink.used_at.is_(None)))
        expires = now + timedelta(hours=self._config.link_h)
        session.add(OneTimeLink(token_sha256=digest(token), user_name=name, created_at=now, expires_at=expires))
        return token

    def use_link(self, token: str, password: str) -> str | None:
        """Set a password by a one-time token; the person's name, or None when the token is not good.

        Raises:
            ConfigError: the password is too weak; the token stays good.
        """
        now = self._clock.now()
        with self._database.transaction() as session:
            link = session.get(OneTimeLink, digest(token), with_for_update=True)
            if link is None or link.used_at is not None or link.expires_at <= now:
                return None
            user = session.get(User, link.user_name)
            if user is None or not user.enabled:
                return None
            wrong = weakness(password, user.name)
            if wrong is not None:
                raise ConfigError(wrong)
            link.used_at = now
            user.password_hash = hash_password(password)
            session.execute(delete(LoginSession).where(LoginSession.user_name == user.name))
            session.add(_entry(now, user.name, "password_set"))
            return user.name

    def check(self, name: str, password: str) -> bool:
        """Whether this is an enabled person's password."""
        with self._database.reading() as session:
            user = session.get(User, name)
            hashed = None if user is None or not user.enabled else user.password_hash
        return verify(password, hashed)

    def vouched(self, person: Person, issuer: str) -> str:
        """The account of somebody whom a provider vouches for, made or brought up to date; returns its name.

        Raises:
            Rejected: the name belongs to an account that the provider does not vouch for, or it was disabled here.
        """
        now = self._clock.now()
        with self._database.transaction() as session:
            user = session.get(User, person.name)
            if user is None:
                user = User(name=person.name, role=person.role, created_at=now, issuer=issuer)
                session.add(user)
                session.add(_entry(now, person.name, "user_vouched", {"issuer": issuer, "role": person.role}))
            elif user.issuer != issuer:
                raise Rejected(f"{person.name} is the name of another account here: ask an administrator")
            elif not user.enabled:
                raise Rejected(f"the account {person.name} is disabled here")
            user.role, user.districts = person.role, list(person.districts)
            return person.name

    def open_session(self, name: str, address: str) -> tuple[str, str, datetime]:
        """A new session: its token (for the cookie), its CSRF token and its end."""
        token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), self._clock.now()
        expires = now + timedelta(hours=self._config.session_h)
        with self._database.transaction() as session:
            session.execute(delete(LoginSession).where(LoginSession.expires_at <= now))
            session.add(
                LoginSession(
                    token_sha256=digest(token),
                    user_name=name,
                    created_at=now,
                    expires_at=expires,
                    seen_at=now,
                    csrf=csrf,
                    address=address[:64],
                )
            )
            session.add(_entry(now, name, "signed_in", {"address": address}))
        return token, csrf, expires

    def end_session(self, token: str) -> None:
        now = self._clock.now()
        with self._database.transaction() as session:
            row = session.get(LoginSession, digest(token))
            if row is not None:
                session.delete(row)
                session.add(_entry(now, row.user_name, "signed_out"))


def invite(accounts: Accounts, url: str) -> str | None:
    """Tell on the terminal where the first administrator sets a password; None when there is one already."""
    token = accounts.first_link()
    if token is None:
        return None
    link = f"{url}/console/welcome#{token}"
    log.warning("first_sign_in_awaited", open=link, hint="good once; sets the administrator's password")
    return link


def _entry(at: datetime, name: str, action: str, detail: dict[str, object] | None = None) -> AuditEntry:
    return AuditEntry(at=at, actor=f"operator:{name}", action=action, subject=f"user:{name}", detail=detail or {})
