"""Announcements made, and the phrases they are made of."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class AnnouncementRow(Base):
    """One use (or refused use) of a loudspeaker, with its proof or the reason for silence."""

    __tablename__ = "announcements"
    __table_args__ = (Index(None, "speaker_id", "at"), Index(None, "incident_id"), Index(None, "at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str | None] = mapped_column(String(32))
    delivery_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    speaker_id: Mapped[str] = mapped_column(String(80))  # empty when no speaker reaches the place
    phrase_id: Mapped[str | None] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    duration_s: Mapped[float] = mapped_column(default=0.0)
    outcome: Mapped[str] = mapped_column(String(16))  # core.announcements.Outcome
    reason_zh: Mapped[str] = mapped_column(Text, default="")
    reason_en: Mapped[str] = mapped_column(Text, default="")
    audio_key: Mapped[str | None] = mapped_column(String(200))
    proof: Mapped[dict[str, Any]] = mapped_column(default=dict)


class PhraseRow(Base):
    __tablename__ = "phrases"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    document: Mapped[dict[str, Any]]
    audio_key: Mapped[str | None] = mapped_column(String(200))
    updated_at: Mapped[datetime]
