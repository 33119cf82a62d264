"""Templates such as `{place}` or `{x:.6f}`: a platform's own fields filled from a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from vision.cases.crs import WGS84, from_wgs84
from vision.cases.platform import CaseChange, CaseDraft

CASE_FIELDS = frozenset(
    {
        *("reference", "incident_id", "type", "subtype", "standard_ref", "event_code", "event_class", "event_item"),
        *("event_name", "description", "place", "district", "grid_id", "shop_id", "longitude", "latitude", "x", "y"),
        *("began_at", "seen_at", "due_at", "sent_at", "camera_id", "confidence", "object_count", "reviewer"),
        *("media_url", "media_urls"),
        *("area_class", "time_limit", "filing_condition", "closing_condition", "department", "department_code"),
        *("offences", "colour", "previous"),
        *("notified_at", "notice_due_at", "notice_party", "notice_to", "notice_how", "notice_text"),
    }
)
CHANGE_FIELDS = frozenset({"case_id", "reference", "change", "text", "at", "sent_at", "media_url", "media_urls"})


@dataclass(frozen=True, slots=True)
class Style:
    """How a platform wants coordinates and times.

    Attributes:
        date_format: strftime's, or `epoch_s` or `epoch_ms`.
    """

    crs: str = WGS84
    timezone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    date_format: str = "%Y-%m-%d %H:%M:%S"

    def time(self, at: datetime | None) -> str:
        if at is None:
            return ""
        if self.date_format == "epoch_s":
            return str(int(at.timestamp()))
        if self.date_format == "epoch_ms":
            return str(int(at.timestamp() * 1000))
        return at.astimezone(self.timezone).strftime(self.date_format)


def case_values(draft: CaseDraft, style: Style, sent_at: datetime, media_urls: Sequence[str] = ()) -> dict[str, Any]:
    """What the names of CASE_FIELDS stand for; x and y are empty where the place is not known."""
    x: float | str = ""
    y: float | str = ""
    if draft.longitude is not None and draft.latitude is not None:
        x, y = from_wgs84((draft.longitude, draft.latitude), style.crs)
    return {
        **{name: getattr(draft, name) for name in CASE_FIELDS if hasattr(draft, name)},
        "longitude": "" if draft.longitude is None else draft.longitude,
        "latitude": "" if draft.latitude is None else draft.latitude,
        "event_class": draft.event_code[:2],
        "event_item": draft.event_code[2:],
        "x": x,
        "y": y,
        "began_at": style.time(draft.began_at),
        "seen_at": style.time(draft.seen_at),
        "due_at": style.time(draft.due_at),
        "sent_at": style.time(sent_at),
        "media_url": media_urls[0] if media_urls else "",
        "media_urls": ",".join(media_urls),
        "previous": ",".join(one.incident_id for one in draft.previous),
        **_notice_values(draft, style),
        **draft.extra,
    }


def _notice_values(draft: CaseDraft, style: Style) -> dict[str, str]:
    """The first notice's time and deadline and all parties; empty where nobody was told."""
    first = draft.notices[0] if draft.notices else None
    return {
        "notified_at": style.time(None if first is None else first.notified_at),
        "notice_due_at": style.time(None if first is None else first.due_at),
        "notice_party": ",".join(notice.party for notice in draft.notices),
        "notice_to": ",".join(notice.to for notice in draft.notices),
        "notice_how": "" if first is None else first.how,
        "notice_text": "" if first is None else first.text,
    }


def change_values(
    case_id: str, change: CaseChange, style: Style, sent_at: datetime, media_urls: Sequence[str] = ()
) -> dict[str, Any]:
    """What the names of CHANGE_FIELDS stand for."""
    return {
        "case_id": case_id,
        "reference": change.reference,
        "change": change.kind.value,
        "text": change.text,
        "at": style.time(change.at),
        "sent_at": style.time(sent_at),
        "media_url": media_urls[0] if media_urls else "",
        "media_urls": ",".join(media_urls),
    }


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path such as `data.list.0.id`; None where there is none."""
    for part in path.split(".") if path else ():
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document
