"""People, keys, sessions, and who looked at what."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class User(Base):
    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    password_hash: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(16))  # viewer, operator, supervisor, engineer, admin
    districts: Mapped[list[Any]] = mapped_column(default=list)  # empty: all
    enabled: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    issuer: Mapped[str | None] = mapped_column(String(200))  # the OpenID provider that vouches for them; None: we do
    created_at: Mapped[datetime]


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    key_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    districts: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginSession(Base):
    __tablename__ = "login_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(String(80), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    csrf: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64), default="")


class OneTimeLink(Base):
    """A link that lets its holder set a password once: how the first administrator and every new user come in."""

    __tablename__ = "one_time_links"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_name: Mapped[str] = mapped_column(String(80), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ShiftRow(Base):
    """What a person has yet to see: all that came since their last shift, less what they have opened."""

    __tablename__ = "shifts"

    actor: Mapped[str] = mapped_column(String(100), primary_key=True)
    seen_at: Mapped[datetime]  # when their console was last open
    unread_since: Mapped[datetime]
    opened: Mapped[list[Any]] = mapped_column(default=list)  # incident ids


class FeedCursor(Base):
    """How far a publisher (MQTT, webhook) has passed the alerts on."""

    __tablename__ = "feed_cursors"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    alert_id: Mapped[int]
    updated_at: Mapped[datetime]


class AuditEntry(Base):
    """Who did or looked at what, when and why (公共安全视频图像信息系统管理条例 §16)."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "at"), Index(None, "actor", "at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
