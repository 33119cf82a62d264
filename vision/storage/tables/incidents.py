"""Incidents, their append-only log, witnesses, alerts, evidence, comments, suppressions and kept findings."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vision.storage.tables.base import Base


class IncidentRow(Base):
    """One violation from first seen to proven gone. Scene times, unless a name says otherwise."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index(None, "status", "type", "began_at"),
        Index(None, "camera_id", "view_id", "zone_id", "type", "status"),
        Index(None, "updated_at"),
        Index(None, "next_timer_at"),
        Index(None, "watched"),
        Index(None, "shop_id", "confirmed_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    type: Mapped[str] = mapped_column(String(24))
    subtype: Mapped[str] = mapped_column(String(24))
    status: Mapped[str] = mapped_column(String(16))
    camera_id: Mapped[str] = mapped_column(String(80))
    view_id: Mapped[str] = mapped_column(String(80))
    zone_id: Mapped[str] = mapped_column(String(80))
    place: Mapped[str] = mapped_column(String(200), default="")
    district: Mapped[str] = mapped_column(String(80), default="")
    grid_id: Mapped[str | None] = mapped_column(String(40))
    shop_id: Mapped[str | None] = mapped_column(String(80))
    colour: Mapped[str | None] = mapped_column(String(8))  # of a repeat offender
    offences: Mapped[int] = mapped_column(default=0)  # of the shop or spot in the window, this one counted
    previous: Mapped[list[Any]] = mapped_column(default=list)  # those before it, newest first: {"id", "at"}
    area_class: Mapped[str] = mapped_column(String(1), default="")  # A, B or C: which time limits hold
    department: Mapped[str] = mapped_column(String(120), default="")  # that answers for the grid
    department_code: Mapped[str] = mapped_column(String(18), default="")
    longitude: Mapped[float | None]
    latitude: Mapped[float | None]
    began_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]  # dwell over
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    object_count: Mapped[int] = mapped_column(default=0)
    confidence: Mapped[float] = mapped_column(default=0.0)
    verdict: Mapped[str | None] = mapped_column(String(16))  # an operator's
    verdict_by: Mapped[str | None] = mapped_column(String(80))
    why_zh: Mapped[str] = mapped_column(Text, default="")
    why_en: Mapped[str] = mapped_column(Text, default="")
    standard_ref: Mapped[str] = mapped_column(String(40), default="")
    event_code: Mapped[str] = mapped_column(String(16), default="")
    claimed_by: Mapped[str | None] = mapped_column(String(80))
    claimed_until: Mapped[datetime | None]
    waiting: Mapped[str] = mapped_column(String(16), default="")  # incidents.incident.Waiting: who has to act next
    watched: Mapped[bool] = mapped_column(default=True)  # looks still matter to it
    next_timer_at: Mapped[datetime | None]  # wall time
    log_seq: Mapped[int] = mapped_column(default=0)
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the life-cycle's own memory (ladder, counters)
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime]  # wall time


class LogRow(Base):
    """One step of an incident's life, never changed or removed."""

    __tablename__ = "incident_log"
    __table_args__ = (UniqueConstraint("incident_id", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"))
    seq: Mapped[int]
    from_status: Mapped[str | None] = mapped_column(String(16))
    to_status: Mapped[str] = mapped_column(String(16))
    cause: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(80))  # camera:…, operator:…, platform:…, timer
    scene_at: Mapped[datetime]
    wall_at: Mapped[datetime]
    text_zh: Mapped[str] = mapped_column(Text, default="")
    text_en: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class WitnessRow(Base):
    """A camera's zone that saw the incident."""

    __tablename__ = "witnesses"

    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    camera_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    view_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    zone_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class AlertRow(Base):
    """What changed in an incident, as operators see it; `id` is the cursor of the alert stream."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))  # the incident's new status, or: updated, commented, overdue…
    at: Mapped[datetime]
    payload: Mapped[dict[str, Any]]


class EvidenceRow(Base):
    """One file of an incident; `id` is its key in the blob store."""

    __tablename__ = "evidence"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))  # original, annotated, clip, after, after_annotated, blurred, audio
    media_type: Mapped[str] = mapped_column(String(40))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    camera_id: Mapped[str] = mapped_column(String(80))
    view_id: Mapped[str] = mapped_column(String(80))
    captured_at: Mapped[datetime]
    time_source: Mapped[str] = mapped_column(String(8))
    received_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class CommentRow(Base):
    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    incident_id: Mapped[str] = mapped_column(ForeignKey("incidents.id"), index=True)
    author: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]


class SuppressionRow(Base):
    """A stretch of time, an area and a type in which nothing is raised, and who allowed it."""

    __tablename__ = "suppressions"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    document: Mapped[dict[str, Any]]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(Text)


class FindingSegmentRow(Base):
    """Kept findings of one district and a stretch of time, packed; whole segments are dropped when they are too old.

    `body` is zlib over JSON lines, one run each (vision.hub.keep): what a site said, from when, until the next run.
    """

    __tablename__ = "finding_segments"
    __table_args__ = (Index(None, "district", "begins_at"), Index(None, "ends_at"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    district: Mapped[str] = mapped_column(String(80))
    begins_at: Mapped[datetime]  # scene time of the first run
    ends_at: Mapped[datetime]  # scene time of the last run
    runs: Mapped[int]
    looks: Mapped[int]  # findings that the runs stand for
    body: Mapped[bytes]
