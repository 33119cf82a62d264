"""A city that has everything at once: what is long, missing, dead, late, disputed and refused, on every page."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.api.city import City, street_picture
from vision.alerts.build import build_loudspeakers
from vision.config.speakers import SpeakersConfig
from vision.detectors.catalogue import CATALOGUE_FILE
from vision.hub.daily import DailyReports, DayBook
from vision.hub.models import ModelShelf
from vision.storage.tables import (
    AlertRow,
    AnnouncementRow,
    AuditEntry,
    BayHourRow,
    CaseRow,
    CommentRow,
    EvidenceRow,
    IncidentRow,
    LogRow,
    OutboxRow,
    SuppressionRow,
    WitnessRow,
)

LONG_ZH = "人民中路与解放东路交叉口西南角第三人民医院门诊楼北侧地铁二号线 A 出入口非机动车停放区旁人行道"
LONG_EN = "Corner of People's Middle Road and Liberation East Road, north side of the outpatient building, metro exit A"
KINDS = (
    ("garbage", "exposed_garbage"),
    ("garbage", "overflow"),
    ("garbage", "heaped_material"),
    ("out_of_store", "road_occupation"),
    ("out_of_store", "street_vendor"),
    ("out_of_store", "out_of_store"),
    ("bike_misparked", "bike_misparked"),
)
ACTIVE = ("open", "open", "open", "warned", "filed", "handled", "reopened")
OVER = ("closed", "rectified", "rejected", "lapsed", "suspected")
DISTRICTS = ("东城", "西城", "高新技术产业开发区", "Riverside North")
TROUBLES: tuple[dict[str, Any], ...] = (
    {"state": "reconnecting", "reason": "rtsp://10.0.0.5:554/Streaming/Channels/101 did not answer within 10 s"},
    {"state": "refused", "reason": "rtsp://10.0.0.5/stream: 401 Unauthorized: the camera refused name or password"},
    {"state": "live", "view": "unusable", "reason": "main: 画面已偏离划定视角 / the view has left the one drawn on"},
    {"state": "stopped", "reason": ""},
)


def crowd(city: City, folder: Path, *, cameras: int, active: int, over: int) -> City:
    """Fill `city`; returns it with loudspeakers, models and reports that work."""
    _cameras(city, cameras)
    for number in range(4):
        name = ("北门喇叭", "菜市场高空喊话一号(含应急广播功能)", "Riverside", "后巷")[number]
        position = [120.1551 + number * 0.004, 30.2741 - number * 0.002]
        document = {"kind": "wav", "url": str(folder / f"heard{number}"), "name": name, "position": position}
        extra: dict[str, Any] = {"place": LONG_ZH} if number == 1 else {}
        if number == 2:
            extra = {"sensitive_area": True, "exemption": "东城环审〔2026〕17 号", "enabled": False}
        city.registry.put("speaker", f"horn-{number}", {**document, **extra}, by="test")
    outline = [[120.150, 30.270], [120.156, 30.270], [120.156, 30.276], [120.150, 30.276]]
    grid = {"name": "解放路第一网格", "kind": "grid", "district": "东城", "polygons": [outline]}
    city.registry.put("grid", "330102001001001", grid, by="test")
    pictures = [_picture(city, number) for number in range(12)]
    with city.database.transaction() as session:
        for number in range(active + over):
            write_incident(session, city.clock.now(), number, ailing=number % 3 == 2, live=number < active,
                           cameras=cameras, pictures=pictures)  # fmt: skip
    with city.database.transaction() as session:
        _surroundings(session, city.clock.now())
    parts = build_loudspeakers(
        SpeakersConfig(speech="none", default_mode="automatic"),
        database=city.database,
        registry=city.registry,
        blobs=city.blobs,
        clock=city.clock,
        timezone=city.clock.now().tzinfo,  # type: ignore[arg-type]
    )
    zone = ZoneInfo("Asia/Shanghai")
    book = DayBook(city.database, city.registry, city.clock, city="示例市", zone=zone, grace_s=lambda *_: 300.0)
    city.services = replace(
        city.services,
        announcements=parts.desk,
        loudspeakers=parts,
        models=ModelShelf(city.registry, city.clock, "own.xml", CATALOGUE_FILE),
        reports=DailyReports(book, city.blobs, city.clock, at=None, zone=zone, language="zh"),
    )
    return city


def camera_id(number: int) -> str:
    return f"cam-{number:04}"


def _cameras(city: City, count: int) -> None:
    city.board.loaded = {
        "w1": {"model": "own.xml", "version": "own 1.0", "wanted": "own.xml", "state": "ready", "reason": ""}
    }
    zones = {"kerb": {"kind": "bike_no_parking", "polygon": [[0.1, 0.5], [0.9, 0.5], [0.9, 0.95], [0.1, 0.95]]}}
    bay = {"kind": "bike_bay", "name": "地铁口车位", "polygon": [[0, 0.5], [1, 0.5], [1, 1]], "capacity": 20}
    for number in range(count):
        key = camera_id(number)
        document: dict[str, Any] = {
            "url": f"rtsp://admin:s3cret@10.0.{number // 250}.{number % 250}/Streaming/Channels/101",
            "name": LONG_ZH[:40] if number % 7 == 3 else f"{DISTRICTS[number % 4][:2]} {number} 号高点",
            "place": LONG_EN if number % 11 == 5 else f"解放路 {number} 号",
            "district": DISTRICTS[number % 4],
            "position": [120.14 + (number * 37 % 100) * 0.0004, 30.26 + (number * 61 % 100) * 0.0003],
            "zones": {**zones, **({"bay": bay} if number == 0 else {})},
        }

        city.registry.put("camera", key, document, by="test")
        state: dict[str, Any] = (
            {"state": "live", "reason": "", "fps": 0.33} if number % 9 else dict(TROUBLES[number // 9 % 4])
        )
        city.board.states[key] = state
        if number % 5 != 4:
            city.board.looks[key] = street_picture(str(number % 20))
    city.board.states[camera_id(0)] = {
        "state": "live",
        "reason": "",
        "bays": {"main/bay": {"bikes": 23, "at": city.clock.now().isoformat()}},
    }


def _picture(city: City, number: int) -> str:
    key = f"2026/07/01/crowd/{number:016}.jpg"
    city.blobs.put(key, street_picture(str(number), boxed=True), media_type="image/jpeg")
    return key


def write_incident(
    session: Any, now: datetime, number: int, *, ailing: bool, live: bool, cameras: int, pictures: list[str]
) -> str:
    """One incident with what hangs on it; `ailing`: with long words, no picture, a late case or a dispute."""
    kind, subtype = KINDS[number % len(KINDS)]
    status = (ACTIVE if live else OVER)[number % (7 if live else 5)]
    began = now - timedelta(minutes=number * 7 % 2880 + 4, days=0 if live else number % 25)
    key, camera = f"i-{number:06}", camera_id(number % cameras)
    judged = status not in ("open", "suspected", "lapsed") or number % 10 == 0
    session.add(
        IncidentRow(
            id=key, type=kind, subtype=subtype, status=status, camera_id=camera, view_id="main", zone_id="kerb",
            place=(LONG_ZH if number % 2 else LONG_EN) if ailing else f"解放路 {number % cameras} 号", district=DISTRICTS[number % 4],
            longitude=120.14 + (number * 37 % 100) * 0.0004, latitude=30.26 + (number * 61 % 100) * 0.0003,
            grid_id="330102001001001" if number % 5 == 0 else None, shop_id=f"海鲜大排档{number % 30}" if kind == "out_of_store" else None,
            colour=("yellow", "green", "red", None)[number % 4], offences=number % 4 + 1, department="东城区综合行政执法局市容环卫管理一中队",
            began_at=began, confirmed_at=began + timedelta(minutes=3), last_seen_at=now if live else began + timedelta(minutes=50),
            ended_at=None if live else began + timedelta(minutes=51), object_count=number % 6 + 1, confidence=0.55 + number % 40 / 100,
            verdict=("reject" if status == "rejected" else "confirm") if judged else None, verdict_by="operator:wang-xiaoming" if judged else None,
            why_zh=f"{LONG_ZH}有一堆暴露垃圾,已停留 7 分钟,超过规定的 3 分钟;附近没有垃圾桶。" if ailing else "一辆自行车在禁停区停放 4 分钟,超过规定的 3 分钟。",
            why_en=f"Exposed garbage has lain at {LONG_EN} for 7 minutes, longer than the 3 allowed." if ailing else "A bicycle has stood in the no-parking zone for 4 minutes, longer than the 3 allowed.",
            standard_ref="GB/T 30428.2-2013", event_code="0110", updated_at=now,
        )
    )  # fmt: skip
    session.flush()
    session.add(AlertRow(incident_id=key, kind=status, at=now, payload={}))
    session.add(
        LogRow(
            incident_id=key, seq=1, from_status=None, to_status="open", cause="dwell_over", actor=f"camera:{camera}", scene_at=began,
            wall_at=began, text_zh="停留超过时限,上报为警情。", text_en="The dwell was over; raised as an alert.",
        )
    )  # fmt: skip
    if not (ailing and number % 4 == 0):
        for role in (
            "annotated",
            "original",
            *(("after_annotated",) if status in ("handled", "reopened", "closed") else ()),
        ):
            found = "gone.jpg" if ailing and number % 4 == 1 else pictures[number % len(pictures)]
            session.add(
                EvidenceRow(
                    id=found if role == "annotated" else f"{found}-{role}-{key}" if found == "gone.jpg" else pictures[(number + len(role)) % len(pictures)],
                    incident_id=key, role=role, media_type="image/jpeg", sha256="a" * 64, size=40_000, camera_id=camera, view_id="main",
                    captured_at=began, time_source="camera", received_at=began,
                )
            )  # fmt: skip
    if status in ("filed", "handled", "reopened", "closed"):
        session.add(
            CaseRow(
                incident_id=key, platform="city", platform_case_id=f"ZF-2026-{number:08}", status={"closed": "closed", "filed": "dispatched"}.get(status, "handled"),
                platform_status="已派遣至东城区综合行政执法局市容环卫管理一中队", due_at=now + timedelta(hours=-3 if ailing else 2), filed_at=began + timedelta(minutes=9),
            )
        )  # fmt: skip
    return key


def _surroundings(session: Any, now: datetime) -> None:
    """Comments, witnesses, announcements, dead letters, silent windows, the audit log and bays' hours."""
    first = "i-000000"
    for text in (LONG_ZH * 3, "已电话通知店主。", LONG_EN):
        session.add(CommentRow(incident_id=first, author="wang-xiaoming", text=text, at=now))
    for number in range(3):
        session.add(
            WitnessRow(incident_id=first, camera_id=camera_id(number), view_id="main", zone_id="kerb", first_seen_at=now, last_seen_at=now)
        )  # fmt: skip
        outcome = ("spoken", "silent", "failed")[number]
        session.add(
            AnnouncementRow(
                incident_id=first, speaker_id="horn-1", phrase_id="garbage", text="此处禁止倾倒垃圾,请立即清理。" * (number + 1), actor="ladder",
                at=now - timedelta(minutes=number), outcome=outcome, duration_s=4.2, reason_zh="处于安静时段" if number else "", reason_en="quiet hours" if number else "",
            )
        )  # fmt: skip
        session.add(
            OutboxRow(
                incident_id=first, kind=("file", "update", "notify")[number], target="city", idempotency_key=f"key-{number}", payload={"case": {"place": LONG_ZH}},
                status="dead", attempts=8, outcome_unknown=number == 1, next_at=now, created_at=now,
                last_error="422: 网格编码 330102001001999 不存在 (grid not known); see https://platform.example/api/errors#GRID_UNKNOWN " * (number + 1),
            )
        )  # fmt: skip
    session.add(
        SuppressionRow(
            document={"types": ["out_of_store"], "districts": ["东城"], "sites": [], "grids": [], "reason": LONG_ZH},
            begins_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=3), approved_by="operator:supervisor-li", reason=LONG_ZH,
        )
    )  # fmt: skip
    for number in range(40):
        session.add(
            AuditEntry(at=now - timedelta(minutes=number), actor="operator:wang-xiaoming", action="evidence_seen", subject=f"2026/07/01/crowd/{number:016}.jpg", reason="queue", detail={"width": 160, "from": LONG_EN if number % 5 == 0 else ""})
        )  # fmt: skip
    for hour in range(24):
        at = (now - timedelta(hours=hour)).replace(minute=0, second=0, microsecond=0)
        session.add(
            BayHourRow(
                camera_id=camera_id(0), view_id="main", zone_id="bay", hour_at=at, district="东城", capacity=20, looks=60, bikes_sum=60 * (hour + 4), bikes_most=hour + 6,
                watched_s=3600.0, over_s=600.0 if hour > 16 else 0.0, counted_at=at,
            )
        )  # fmt: skip
