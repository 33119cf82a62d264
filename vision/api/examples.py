"""Examples that the OpenAPI document shows: of every request body, and of the answers that programs read most."""

from collections.abc import Mapping
from typing import Any

_INCIDENT = {
    "id": "i-4f0c",
    "type": "bike_misparked",
    "subtype": "bike_misparked",
    "status": "filed",
    "gravity": 1,
    "camera_id": "gate",
    "view_id": "main",
    "zone_id": "kerb",
    "place": "解放路 12 号",
    "district": "东城",
    "grid_id": "330102001001005",
    "shop_id": None,
    "colour": None,
    "longitude": 120.1551,
    "latitude": 30.2741,
    "began_at": "2026-07-01T08:00:00Z",
    "confirmed_at": "2026-07-01T08:03:00Z",
    "last_seen_at": "2026-07-01T08:20:00Z",
    "ended_at": None,
    "object_count": 3,
    "confidence": 0.83,
    "verdict": "confirm",
    "verdict_by": "operator:li",
    "claimed_by": None,
    "standard_ref": "GB/T 47678.5-2026",
    "event_code": "09010",
    "case": {"platform": "city", "id": "ZF-71", "status": "filed", "due_at": "2026-07-01T10:05:00Z"},
    "why": {
        "zh": "三辆自行车在禁停区停放 3 分钟。",
        "en": "Three bicycles have stood in the no-parking zone for 3 minutes.",
    },
    "evidence": [],
    "version": 7,
    "updated_at": "2026-07-01T08:20:01Z",
}
_ZONE = {"kind": "shopfront", "polygon": [[0.1, 0.6], [0.7, 0.6], [0.8, 0.9], [0.1, 0.9]], "dwell_s": 240}
_HOURS = [{"from": "22:00", "to": "06:00", "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}]

SCHEMAS: Mapping[str, Any] = {
    "Accepted": {"status": "accepted", "incident_id": "i-4f0c"},
    "AddBody": {"address": "http://192.0.2.15/onvif/device_service", "id": "gate", "name": "北门", "district": "东城"},
    "CameraConfig": {
        "url": "rtsp://viewer:secret@192.0.2.15/stream",
        "name": "北门",
        "place": "解放路 12 号",
        "district": "东城",
        "position": [120.1551, 30.2741],
    },
    "ClaimBody": {"claim": True},
    "CommentBody": {"text": "已电话通知店主,十分钟内收回"},
    "FileBody": {"reason": "店主拒绝整改"},
    "FindBody": {"hosts": ["192.0.2.15"]},
    "IncidentItem": _INCIDENT,
    "IncidentPage": {"items": [_INCIDENT], "next_cursor": None},
    "KeyRequest": {"name": "sweeper", "role": "viewer", "districts": ["东城"], "days": 365},
    "MuteBody": {"on": True},
    "NewLink": {"name": "li", "token": "pS3…"},
    "NewSuppression": {
        "begins_at": "2026-07-01T18:00:00+08:00",
        "ends_at": "2026-07-01T23:00:00+08:00",
        "reason": "夜市,街道办批准",
        "types": ["out_of_store"],
        "sites": [{"camera": "market", "zone": "shop"}],
    },
    "NewUser": {"name": "li", "role": "operator", "districts": ["东城"]},
    "PhraseConfig": {
        "zh": "{shop},请将物品收回店内,谢谢配合。",
        "en": "{shop}, please keep your goods inside. Thank you.",
        "types": ["out_of_store"],
        "warning": 1,
    },
    "PresenceBody": {"present": False, "reason": "现场队员确认已清理"},
    "Problem": {"type": "about:blank", "title": "Not there", "status": 404, "detail": "there is no incident i-4f0c"},
    "Session": {"name": "li", "csrf": "kX2…", "expires_at": "2026-07-01T20:00:00Z"},
    "Shift": {"unread_since": "2026-07-01T00:00:00Z", "opened": ["i-4f0c"]},
    "SignIn": {"name": "li", "password": "plover-tide-9"},
    "SpeakerItem": {
        "id": "horn",
        "kind": "onvif",
        "name": "北门喇叭",
        "place": "解放路 12 号",
        "url": "rtsp://***@192.0.2.16/audio",
        "position": [120.1551, 30.2741],
        "earshot_m": 80.0,
        "sensitive_area": False,
        "exemption": "",
        "quiet": _HOURS,
        "volume_cap": 1.0,
        "cooldown_s": 300.0,
        "daily_cap": 40,
        "enabled": True,
    },
    "UseLink": {"token": "pS3kX2mN9qR4tV6wY8zB1cD3", "password": "plover-tide-9"},
    "UserChange": {"role": "supervisor"},
    "ZoneConfig": _ZONE,
}
"""By the name of the schema."""

BODIES: Mapping[tuple[str, str], Any] = {
    ("put", "/api/v1/cameras/{camera_id}/views/{view_id}/zones"): {"kerb": _ZONE},
    ("put", "/api/v1/cameras/{camera_id}/views/{view_id}/calibration"): [
        {"view": [0.1, 0.6], "ground": [120.15510, 30.27410]},
        {"view": [0.9, 0.6], "ground": [120.15528, 30.27410]},
        {"view": [0.9, 0.9], "ground": [120.15524, 30.27402]},
        {"view": [0.1, 0.9], "ground": [120.15513, 30.27402]},
    ],
    ("put", "/api/v1/me/settings"): {"language": "zh", "theme": "dark"},
}
"""Of bodies that have no schema of their own."""
_SOUND = "A WAV, MP3, OGG or other audio file, as it is."


def add(document: dict[str, Any]) -> None:
    """Put the examples into an OpenAPI document; what a schema or a route says itself stays."""
    schemas = document["components"]["schemas"]
    for name, example in SCHEMAS.items():
        if name in schemas:
            schemas[name].setdefault("examples", [example])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                if (method, path) in BODIES:
                    content.setdefault("examples", {"usual": {"value": BODIES[method, path]}})
                elif media_type.startswith("audio/"):
                    content["schema"].setdefault("description", _SOUND)
