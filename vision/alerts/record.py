"""Announcements in the database: kept from their first moment, read by the policy and by people."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from vision.core.announcements import Announcement, Outcome
from vision.core.findings import Why
from vision.storage.database import Database
from vision.storage.tables.speakers import AnnouncementRow


class AnnouncementRecord:
    """Never forgets a use: a row is written before the first sound leaves and completed after the last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, announcement: Announcement) -> int:
        """Keep it; returns its number. Raises StorageError."""
        row = AnnouncementRow()
        _fill(row, announcement)
        with self._database.transaction() as session:
            session.add(row)
            session.flush()
            return row.id

    def complete(self, number: int, announcement: Announcement) -> None:
        """Overwrite the row begun as `number` with how it ended. Raises StorageError."""
        with self._database.transaction() as session:
            row = session.get_one(AnnouncementRow, number)
            _fill(row, announcement)

    def by_delivery(self, key: str) -> Announcement | None:
        with self._database.reading() as session:
            row = session.scalar(select(AnnouncementRow).where(AnnouncementRow.delivery_key == key))
            return None if row is None else announcement_of(row)

    def since(self, at: datetime, *, speaker_id: str | None = None) -> list[Announcement]:
        """Everything from `at` on, oldest first."""
        query = select(AnnouncementRow).where(AnnouncementRow.at >= at).order_by(AnnouncementRow.at, AnnouncementRow.id)
        if speaker_id is not None:
            query = query.where(AnnouncementRow.speaker_id == speaker_id)
        with self._database.reading() as session:
            return [announcement_of(row) for row in session.scalars(query)]

    def last_day(self, now: datetime) -> list[Announcement]:
        """What the policy needs: cooldowns and daily caps reach back a day at most."""
        return self.since(now - timedelta(days=1, hours=1))

    def of_incident(self, incident_id: str) -> list[Announcement]:
        query = select(AnnouncementRow).where(AnnouncementRow.incident_id == incident_id).order_by(AnnouncementRow.id)
        with self._database.reading() as session:
            return [announcement_of(row) for row in session.scalars(query)]


def to_record(announcement: Announcement) -> dict[str, Any]:
    """Plain JSON values, for the API."""
    return {
        "id": announcement.id,
        "incident_id": announcement.incident_id,
        "speaker_id": announcement.speaker_id,
        "phrase_id": announcement.phrase_id,
        "text": announcement.text,
        "actor": announcement.actor,
        "at": announcement.at.isoformat(),
        "duration_s": round(announcement.duration_s, 2),
        "outcome": announcement.outcome.value,
        "reason": {"zh": announcement.reason.zh, "en": announcement.reason.en},
        "audio_key": announcement.audio_key,
        "proof": dict(announcement.proof),
    }


def _fill(row: AnnouncementRow, announcement: Announcement) -> None:
    values: Mapping[str, Any] = {
        "incident_id": announcement.incident_id,
        "delivery_key": announcement.delivery_key,
        "speaker_id": announcement.speaker_id,
        "phrase_id": announcement.phrase_id,
        "text": announcement.text,
        "actor": announcement.actor,
        "at": announcement.at,
        "duration_s": announcement.duration_s,
        "outcome": announcement.outcome.value,
        "reason_zh": announcement.reason.zh,
        "reason_en": announcement.reason.en,
        "audio_key": announcement.audio_key,
        "proof": dict(announcement.proof),
    }
    for name, value in values.items():
        setattr(row, name, value)


def announcement_of(row: AnnouncementRow) -> Announcement:
    return Announcement(
        speaker_id=row.speaker_id,
        actor=row.actor,
        at=row.at,
        outcome=Outcome(row.outcome),
        incident_id=row.incident_id,
        phrase_id=row.phrase_id,
        text=row.text,
        duration_s=row.duration_s,
        reason=Why(row.reason_zh, row.reason_en),
        audio_key=row.audio_key,
        proof=row.proof,
        delivery_key=row.delivery_key,
        id=row.id,
    )
