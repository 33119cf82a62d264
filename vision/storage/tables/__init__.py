"""The database's tables, one file for each part of the product that owns them."""

from vision.storage.tables.access import ApiKey, AuditEntry, FeedCursor, LoginSession, OneTimeLink, ShiftRow, User
from vision.storage.tables.base import Base
from vision.storage.tables.bays import BayHourRow
from vision.storage.tables.cases import CallbackRow, CaseRow, ManifestRow, OutboxRow
from vision.storage.tables.hubs import HubRow, ShareRow
from vision.storage.tables.incidents import (
    AlertRow,
    CommentRow,
    EvidenceRow,
    FindingSegmentRow,
    IncidentRow,
    LogRow,
    SuppressionRow,
    WitnessRow,
)
from vision.storage.tables.registry import RegistryRow
from vision.storage.tables.speakers import AnnouncementRow, PhraseRow

__all__ = [
    "AlertRow",
    "AnnouncementRow",
    "ApiKey",
    "AuditEntry",
    "Base",
    "BayHourRow",
    "CallbackRow",
    "CaseRow",
    "CommentRow",
    "EvidenceRow",
    "FeedCursor",
    "FindingSegmentRow",
    "HubRow",
    "IncidentRow",
    "LogRow",
    "LoginSession",
    "ManifestRow",
    "OneTimeLink",
    "OutboxRow",
    "PhraseRow",
    "RegistryRow",
    "ShareRow",
    "ShiftRow",
    "SuppressionRow",
    "User",
    "WitnessRow",
]
