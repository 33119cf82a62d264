"""Small pictures, cameras and findings that the pipeline's tests share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from vision.core.detections import Detections
from vision.core.errors import StorageError
from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.frames import Frame, TimeSource
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.testing import EPOCH

WALK = Zone("walk", ZoneKind.BIKE_NO_PARKING, ((0.0, 0.2), (1.0, 0.2), (1.0, 1.0), (0.0, 1.0)), dwell_s=30)
VIEW = View("main", zones=(WALK,))
GATE = Camera("gate", "rtsp://admin:hunter2@10.0.0.5/101", sample_s=10, views=(VIEW,))
NAMES = ("person", "bicycle")


ZONE_DOCUMENT = {"kind": "bike_no_parking", "dwell_s": 30, "polygon": [[0, 0.2], [1, 0.2], [1, 1], [0, 1]]}
GATE_DOCUMENT = {"url": "rtsp://u:hunter2@h/1", "zones": {"walk": ZONE_DOCUMENT}}


def frame(at_s: float = 0, camera_id: str = "gate", seq: int = 0) -> Frame:
    image = np.full((120, 160, 3), 90, np.uint8)
    image[::4] = 140
    # A live camera never sends the same picture twice; one that does is called frozen.
    image[:8] += np.random.default_rng(round(at_s)).integers(0, 9, (8, 160, 3), np.uint8)
    return Frame(camera_id, "main", 0, seq, at_s, EPOCH + timedelta(seconds=at_s), TimeSource.CAMERA, image)


def bicycle() -> Detections:
    return Detections(
        np.array([[40, 50, 80, 100]], np.float32), np.array([0.8], np.float32), np.array([1], np.int32), NAMES
    )


def finding(state: FindingState, at_s: float, *, count: int = 1, dwell_s: float = 30) -> Finding:
    at = EPOCH + timedelta(seconds=at_s)
    thing = FindingObject("bicycle", (0.25, 0.4, 0.5, 0.8), 0.8, EPOCH, at)
    made = Finding(
        "gate", "main", "walk", ViolationType.BIKE_MISPARKED, Subtype.BIKE_MISPARKED, state, at, at, dwell_s,
        Why("停放", "parked"),
    )  # fmt: skip
    return replace(made, since=EPOCH, objects=(thing,) * count) if state is FindingState.PRESENT else made


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


class FakeLeases:
    """Every camera is ours, unless `others` holds it."""

    def __init__(self) -> None:
        self.others: set[str] = set()
        self.released: list[str] = []
        self.token = 7

    def hold(self, camera_ids: Sequence[str]) -> dict[str, int]:
        return {key: self.token for key in camera_ids if key not in self.others}

    def release(self, camera_ids: Sequence[str]) -> None:
        self.released += camera_ids


@dataclass
class FakeBoard:
    version: int = 1
    cameras: dict[str, Any] = field(default_factory=lambda: {"gate": GATE_DOCUMENT})
    away: bool = False
    health: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    looks: dict[str, bytes] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    shared: frozenset[str] | None = None
    recheck: set[str] = field(default_factory=set)
    turned: set[str] = field(default_factory=set)
    under_way: frozenset[str] = frozenset()
    patrol: Mapping[str, Any] | None = None
    load: dict[str, Any] = field(default_factory=dict)
    left: str = ""
    alive: list[str] = field(default_factory=list)
    references: dict[str, bytes] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)

    def registry_version(self) -> int | None:
        if self.away:
            raise StorageError("Redis is away")
        return self.version

    def share(self, worker: str) -> frozenset[str] | None:
        return self.shared

    def registry(self) -> dict[str, Any] | None:
        return {"cameras": self.cameras}

    def boosted(self) -> frozenset[str]:
        return self.under_way

    def post_health(
        self,
        worker: str,
        cameras: Mapping[str, Mapping[str, Any]],
        *,
        at: str,
        patrol: Mapping[str, Any] | None,
        load: Mapping[str, Any],
    ) -> None:
        self.load = dict(load)
        self.health.update(cameras)
        self.patrol = patrol

    def post_life(self, worker: str) -> None:
        self.alive.append(worker)

    def leave(self, worker: str) -> None:
        self.left = worker

    def forget_health(self, camera_ids: list[str]) -> None:
        for key in camera_ids:
            self.health.pop(key, None)

    def watched(self, *, now_s: float) -> set[str]:
        return self.wanted

    def post_reference(self, key: str, jpeg: bytes) -> None:
        self.references[key] = jpeg

    def take_accepted(self, camera_ids: Iterable[str]) -> set[str]:
        found, self.accepted = self.accepted, set()
        return found

    def held(self, *, now_s: float) -> Mapping[str, float]:
        return dict.fromkeys(self.turned, now_s + 60)

    def post_look(self, camera_id: str, jpeg: bytes) -> None:
        self.looks[camera_id] = jpeg

    def take_wanted(self, camera_ids: Iterable[str], *, now_s: float) -> set[str]:
        found = self.recheck & set(camera_ids)
        self.recheck -= found
        return found

    def post_memory(self, records: Mapping[str, dict[str, Any]]) -> None:
        self.kept.update(records)

    def memory(self, key: str) -> dict[str, Any] | None:
        record: dict[str, Any] | None = self.kept.get(key)
        return record
