"""Cases with the city's platforms and the outbox of everything that has to be sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class OutboxRow(Base):
    """One push, written in the transaction of the change that caused it. Order is kept per incident and target."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("idempotency_key"),
        Index(None, "status", "target", "next_at"),
        Index(None, "incident_id", "target", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"))
    kind: Mapped[str] = mapped_column(String(16))  # core.incidents.DeliveryKind
    target: Mapped[str] = mapped_column(String(80))  # platform, notifier or speaker id
    idempotency_key: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(String(16), default="pending")  # core.incidents.DeliveryStatus
    attempts: Mapped[int] = mapped_column(default=0)
    outcome_unknown: Mapped[bool] = mapped_column(default=False)  # sent, answer lost: ask before sending again
    next_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class CaseRow(Base):
    """A case with one platform."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("incident_id", "platform"),
        Index(None, "platform", "platform_case_id"),
        Index(None, "status", "due_at"),
        Index(None, "platform", "status", "polled_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"))
    platform: Mapped[str] = mapped_column(String(80))
    platform_case_id: Mapped[str | None] = mapped_column(String(120))
    status: Mapped[str] = mapped_column(String(16))  # core.incidents.CaseStatus
    platform_status: Mapped[str] = mapped_column(String(80), default="")  # in the platform's own words
    reason: Mapped[str] = mapped_column(Text, default="")
    due_at: Mapped[datetime | None]
    filed_at: Mapped[datetime | None]
    handled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    polled_at: Mapped[datetime | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class CallbackRow(Base):
    """A platform's message that was taken; the same one again changes nothing."""

    __tablename__ = "callbacks"

    platform: Mapped[str] = mapped_column(String(80), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(120), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(index=True)


class ManifestRow(Base):
    """One sealed evidence package. Each names the hash of the one before, so that a missing or altered one shows."""

    __tablename__ = "manifests"
    __table_args__ = (Index(None, "incident_id", "seq"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"))
    incident_version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    previous: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)  # the manifest itself, as it was hashed
    sealed_at: Mapped[datetime]
