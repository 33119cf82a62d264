"""What the API's and the console's tests stand on: a small city in a temporary folder, and incidents written into it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fastapi import FastAPI

from tests.databases import new_database
from vision.alerts.feed import AlertFeed
from vision.api.app import create_app
from vision.api.identity import digest
from vision.api.records import RecordedAlerts
from vision.api.services import ApiSettings, HubServices
from vision.config.access import AccessConfig, ConfiguredKey
from vision.core.clock import Clock, SystemClock
from vision.core.errors import IllegalTransitionError, NotThereError, SourceError, SourceRefusedError
from vision.core.incidents import Verdict
from vision.core.registry import Camera
from vision.incidents.events import FileRequested, VerdictGiven
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.storage.tables import AlertRow, CaseRow, EvidenceRow, IncidentRow, LogRow
from vision.streams.discovery import FoundCamera
from vision.streams.ptz import Preset
from vision.testing import MemoryBlobs

ROLES = ("viewer", "operator", "supervisor", "engineer", "admin")
CAMERAS: dict[str, dict[str, Any]] = {
    "gate": {
        "url": "rtsp://admin:s3cret@10.0.0.5/stream",
        "name": "北门",
        "place": "解放路 12 号",
        "district": "东城",
        "position": [120.1551, 30.2741],
        "zones": {"kerb": {"kind": "bike_no_parking", "polygon": [[0.1, 0.5], [0.9, 0.5], [0.9, 0.95], [0.1, 0.95]]}},
    },
    "market": {
        "url": "rtsp://admin:s3cret@10.0.0.6/stream",
        "name": "菜市口",
        "place": "中山路 88 号",
        "district": "西城",
        "position": [120.1602, 30.2699],
        "zones": {"shop": {"kind": "shopfront", "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]]}},
    },
    "lane": {"url": "rtsp://admin:s3cret@10.0.0.7/stream", "name": "后巷", "place": "石板巷", "district": "东城"},
}
SPEAKERS: dict[str, dict[str, Any]] = {
    "horn": {"kind": "virtual", "url": "http://user:s3cret@10.0.0.9/", "name": "北门喇叭", "place": "解放路 12 号"}
}


class FakeBoard:
    """Health as workers would post it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.states: dict[str, dict[str, Any]] = {key: {"state": "live", "reason": ""} for key in CAMERAS}
        self.looks: dict[str, bytes] = {}
        self.watched: dict[str, float] = {}
        self.loaded: dict[str, dict[str, Any]] = {}
        self.turned: dict[str, float] = {}
        self.references: dict[str, bytes] = {}
        self.accepted: list[str] = []

    def health(self) -> dict[str, dict[str, Any]]:
        at = self._clock.now().isoformat()
        return {key: {"worker": "w1", "at": at, **value} for key, value in self.states.items()}

    def workers(self) -> dict[str, dict[str, Any]]:
        now = self._clock.now()
        patrol = {
            "cameras": 3, "dead": 1, "within_target": 0.5, "worst_age_s": 700.0, "running": 0, "visits": 9, "late_visits": 2
        }  # fmt: skip
        return {
            "w1": {"at": now.isoformat(), "cameras": len(self.states), "patrol": patrol, "alive": True},
            "w2": {"at": now.isoformat(), "cameras": 0, "alive": True},
            "gone": {"at": now.isoformat(), "cameras": 5, "alive": False},
        }

    def models(self) -> dict[str, dict[str, Any]]:
        at = self._clock.now().isoformat()
        return {key: {"at": at, **value} for key, value in self.loaded.items()}

    def watch(self, camera_id: str, *, until_s: float) -> None:
        self.watched[camera_id] = until_s

    def look(self, camera_id: str) -> bytes | None:
        return self.looks.get(camera_id)

    def reference(self, key: str) -> bytes | None:
        return self.references.get(key)

    def accept(self, key: str) -> None:
        self.accepted.append(key)

    def hold(self, camera_id: str, *, until_s: float) -> None:
        self.turned[camera_id] = until_s

    def release(self, camera_id: str) -> None:
        self.turned.pop(camera_id, None)

    def held(self, *, now_s: float) -> Mapping[str, float]:
        return {key: until_s for key, until_s in self.turned.items() if until_s > now_s}


class FakeTurning:
    """A PTZ camera with two presets; `trouble` is what it answers instead."""

    def __init__(self) -> None:
        self.turned: list[tuple[str, str]] = []
        self.trouble: SourceError | None = None

    def presets(self, camera: Camera) -> list[Preset]:
        if self.trouble is not None:
            raise self.trouble
        return [Preset("1", "北侧人行道", None), Preset("2", "菜场门口", None)]

    def go_to(self, camera: Camera, token: str) -> None:
        if token not in {preset.token for preset in self.presets(camera)}:
            raise NotThereError(f"{camera.id} has no PTZ preset {token!r}")
        self.turned.append((camera.id, token))


class FakeFinding:
    """A network with one camera in it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def discover(self, hosts: Sequence[str]) -> list[FoundCamera]:
        self.asked += hosts
        return [FoundCamera("urn:uuid:7", "http://10.0.0.77/onvif/device_service", "East Gate", "DS-2CD")]

    def streams(self, address: str) -> list[str]:
        if "wrong" in address:
            raise SourceRefusedError("***@10.0.0.77: login refused")
        return ["rtsp://10.0.0.77/Streaming/Channels/101", "rtsp://10.0.0.77/Streaming/Channels/102"]


@dataclass
class Desk:
    """Takes operators' commands as the hub's service does: status, log, alert and version in one transaction."""

    database: Database
    clock: Clock
    taken: list[tuple[str, Any]] = field(default_factory=list)

    def settled(self, session: Any, delivery: Any, outcome: Any) -> None:
        self.taken.append((delivery.incident_id, outcome))

    def command(self, incident_id: str, event: Any) -> None:
        self.taken.append((incident_id, event))
        now = self.clock.now()
        with self.database.transaction() as session:
            row = session.get_one(IncidentRow, incident_id)
            before = row.status
            if isinstance(event, VerdictGiven):
                if row.verdict is not None:
                    raise IllegalTransitionError(f"incident {incident_id} has its verdict already")
                row.verdict, row.verdict_by = event.verdict.value, event.actor
                if event.verdict is Verdict.REJECT:
                    row.status, row.ended_at = "rejected", now
            if isinstance(event, FileRequested):
                row.status = "filed"
            row.version += 1
            row.updated_at = now
            kind = row.status if row.status != before else "updated"
            write_log(session, row, before, cause=type(event).__name__, actor=getattr(event, "actor", ""), at=now)
            session.add(AlertRow(incident_id=row.id, kind=kind, at=now, payload={}))


def write_log(session: Any, row: IncidentRow, before: str | None, *, cause: str, actor: str, at: datetime) -> None:
    seq = session.query(LogRow).filter_by(incident_id=row.id).count() + 1
    session.add(
        LogRow(
            incident_id=row.id,
            seq=seq,
            from_status=before,
            to_status=row.status,
            cause=cause,
            actor=actor,
            scene_at=at,
            wall_at=at,
            text_zh="状态变为 " + row.status,
            text_en="became " + row.status,
        )
    )


def key_of(role: str) -> str:
    return f"key-of-the-{role}"


@dataclass
class City:
    database: Database
    clock: Clock
    blobs: MemoryBlobs
    registry: Registry
    board: FakeBoard
    desk: Desk
    turning: FakeTurning
    services: HubServices

    def app(self) -> FastAPI:
        return create_app(self.services)

    def with_access(self, access: AccessConfig) -> None:
        self.services = replace(self.services, settings=replace(self.services.settings, access=access))

    def key(self, role: str) -> str:
        return key_of(role)

    def raise_incident(self, incident_id: str, **values: Any) -> None:
        """Write an open incident with its picture, log and alert, as the hub does in one transaction."""
        now = self.clock.now()
        camera = values.get("camera_id", "gate")
        known = CAMERAS.get(camera, CAMERAS["gate"])
        fields: dict[str, Any] = {
            "id": incident_id,
            "type": "bike_misparked",
            "subtype": "bike_misparked",
            "status": "open",
            "camera_id": camera,
            "view_id": "main",
            "zone_id": "kerb",
            "place": known["place"],
            "district": known["district"],
            "longitude": 120.1551,
            "latitude": 30.2741,
            "began_at": now - timedelta(minutes=4),
            "confirmed_at": now,
            "last_seen_at": now,
            "object_count": 1,
            "confidence": 0.83,
            "why_zh": "一辆自行车在禁停区停放 4 分钟,超过规定的 3 分钟。",
            "why_en": "A bicycle has stood in the no-parking zone for 4 minutes, longer than the 3 allowed.",
            "updated_at": now,
        }
        fields.update(values)
        with self.database.transaction() as session:
            row = IncidentRow(**fields)
            session.add(row)
            session.flush()
            write_log(session, row, None, cause="dwell_over", actor=f"camera:{camera}", at=now)
            session.add(AlertRow(incident_id=incident_id, kind=row.status, at=now, payload={}))
            session.add(self._picture(row, "annotated", now))
            session.add(self._picture(row, "original", now))
        self.services.feed.poke()

    def add_case(self, incident_id: str, **values: Any) -> None:
        fields: dict[str, Any] = {"platform": "sandbox", "platform_case_id": "C-1", "status": "filed"}
        fields.update(values)
        with self.database.transaction() as session:
            session.add(CaseRow(incident_id=incident_id, **fields))

    def add_clip(self, incident_id: str, data: bytes) -> str:
        """A clip of evidence as the worker keeps it; its id."""
        now, key = self.clock.now(), f"2026/07/01/gate/{digest(incident_id)[:16]}.mp4"
        self.blobs.put(key, data, media_type="video/mp4")
        sha = hashlib.sha256(data).hexdigest()
        with self.database.transaction() as session:
            session.add(
                EvidenceRow(
                    id=key,
                    incident_id=incident_id,
                    role="clip",
                    media_type="video/mp4",
                    sha256=sha,
                    size=len(data),
                    camera_id="gate",
                    view_id="main",
                    captured_at=now,
                    time_source="camera",
                    received_at=now,
                )
            )
        return key

    def _picture(self, row: IncidentRow, role: str, at: datetime) -> EvidenceRow:
        data = street_picture(row.id, boxed=role == "annotated")
        sha = digest(f"{row.id}{role}")
        key = f"2026/07/01/{row.camera_id}/{sha[:16]}.jpg"
        self.blobs.put(key, data, media_type="image/jpeg")
        return EvidenceRow(
            id=key,
            incident_id=row.id,
            role=role,
            media_type="image/jpeg",
            sha256=sha,
            size=len(data),
            camera_id=row.camera_id,
            view_id=row.view_id,
            captured_at=at,
            time_source="camera",
            received_at=at,
        )

    def close(self) -> None:
        self.services.feed.stop()
        self.database.close()


def street_picture(seed: str, *, boxed: bool = False, width_px: int = 960) -> bytes:
    """A drawn street with something left on it, JPEG; no photograph of anybody."""
    rng = np.random.default_rng(abs(hash(seed)) % 2**32)
    height = width_px * 9 // 16
    image = np.zeros((height, width_px, 3), np.uint8)
    shade = np.linspace(150, 205, height // 2, dtype=np.uint8)
    image[: height // 2] = np.stack([shade, shade - 12, shade - 28], axis=1)[:, None, :]
    for left in range(0, width_px, width_px // 7):
        top = int(height * (0.12 + 0.16 * rng.random()))
        wall = tuple(int(v) for v in rng.integers(70, 160, 3))
        cv2.rectangle(image, (left, top), (left + width_px // 7 - 4, height // 2 + 20), wall, -1)
        cv2.rectangle(
            image, (left + 14, height // 2 - 46), (left + width_px // 7 - 22, height // 2 + 20), (40, 46, 52), -1
        )
    cv2.rectangle(image, (0, height // 2 + 20), (width_px, height), (128, 130, 132), -1)
    cv2.rectangle(image, (0, int(height * 0.82)), (width_px, height), (78, 80, 84), -1)
    for left in range(0, width_px, 60):
        cv2.line(image, (left, height // 2 + 20), (left * 2 - width_px // 2, int(height * 0.82)), (112, 114, 116), 1)
    x, y = int(width_px * (0.25 + 0.4 * rng.random())), int(height * 0.68)
    for wheel in (x, x + 78):
        cv2.circle(image, (wheel, y), 27, (30, 30, 34), 4)
    frame = np.array([[x, y], [x + 26, y - 42], [x + 66, y - 42], [x + 78, y], [x + 34, y - 2], [x, y]])
    cv2.polylines(image, [frame], False, (40, 140, 235), 4)
    cv2.line(image, (x + 66, y - 42), (x + 62, y - 62), (40, 140, 235), 4)
    if boxed:
        cv2.rectangle(image, (x - 38, y - 72), (x + 116, y + 36), (60, 76, 235), 3)
        cv2.putText(image, "bicycle 0.83", (x - 38, y - 80), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (60, 76, 235), 2)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def make_city(folder: Path, *, clock: Clock | None = None, access: Mapping[str, Any] | None = None) -> City:
    clock = clock or SystemClock()
    database = new_database(folder / "hub.db")
    registry = Registry(database, clock)
    registry.adopt("camera", CAMERAS)
    registry.adopt("speaker", SPEAKERS)
    keys = tuple(ConfiguredKey(name=role, sha256=digest(key_of(role)), role=role) for role in ROLES)
    blobs, board, desk = MemoryBlobs(), FakeBoard(clock), Desk(database, clock)
    feed = AlertFeed(RecordedAlerts(database, clock.now), SystemClock(), poll_s=0.05)
    settings = ApiSettings(access=AccessConfig(api_keys=keys, **(access or {})))
    turning = FakeTurning()
    services = HubServices(
        database, blobs, registry, feed, desk, clock, board, settings, turning=turning, finding=FakeFinding()
    )
    return City(database, clock, blobs, registry, board, desk, turning, services)
