"""A finding: what one look says of one zone and one violation type."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

from vision.core.frames import TimeSource
from vision.core.geometry import Box


class ViolationType(StrEnum):
    OUT_OF_STORE = "out_of_store"  # 店外经营、占道经营
    GARBAGE = "garbage"  # 暴露垃圾、满溢、遗撒
    BIKE_MISPARKED = "bike_misparked"  # 非机动车乱停放


class Subtype(StrEnum):
    """Which standard event a violation is; the code table maps it to a city's code."""

    OUT_OF_STORE = "out_of_store"  # 店外经营
    ROAD_OCCUPATION = "road_occupation"  # 占道经营
    STREET_VENDOR = "street_vendor"  # 无照经营游商
    EXPOSED_GARBAGE = "exposed_garbage"  # 暴露垃圾
    OVERFLOW = "overflow"  # 垃圾满溢
    SPILL = "spill"  # 道路遗撒
    HEAPED_MATERIAL = "heaped_material"  # 乱堆物堆料
    BIKE_MISPARKED = "bike_misparked"  # 非机动车乱停放


class FindingState(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"  # occluded, view moved, image unusable, camera down: never closes anything


@dataclass(frozen=True, slots=True)
class Why:
    """A reason in both languages of the product."""

    zh: str
    en: str

    def text(self, language: str) -> str:
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class FindingObject:
    """One object of a finding: box in 0–1 of the view, score 0–1, and how long it has stood there."""

    name: str
    box: Box
    score: float
    first_seen: datetime
    last_seen: datetime


class Picture(NamedTuple):
    """One kept file of a look: its role (original, annotated, after), its key in the blob store, and its hash."""

    role: str
    key: str
    sha256: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at `at` (scene time) says of one zone and type.

    Attributes:
        since: when the longest-standing offending object was first seen; `at` when there is none.
        dwell_s: the dwell that the rule asks for; younger presence is a suspicion only.
        confidence: 0–1.
        evidence: what was kept of this look, best first; empty for most looks.
        why: the rule's own account.
        model: name and version of the detector; `rules`: version of the rules and zones.
    """

    camera_id: str
    view_id: str
    zone_id: str
    type: ViolationType
    subtype: Subtype
    state: FindingState
    at: datetime
    since: datetime
    dwell_s: float
    why: Why
    objects: tuple[FindingObject, ...] = ()
    confidence: float = 0.0
    evidence: tuple[Picture, ...] = ()
    time_source: TimeSource = TimeSource.ARRIVAL
    model: str = ""
    rules: str = ""
    fence: int = 0  # the worker's lease token; a stale one is refused (cluster)
    area: str = ""  # the part of the city that the camera looks at: findings of one area meet in one hub (cluster)

    @property
    def id(self) -> str:
        """Deterministic: the same look never counts twice, however often it is delivered."""
        key = f"{self.camera_id}|{self.view_id}|{self.zone_id}|{self.type}|{self.at.isoformat()}"
        return hashlib.sha256(key.encode()).hexdigest()[:24]

    @property
    def site(self) -> tuple[str, str, str, ViolationType]:
        return self.camera_id, self.view_id, self.zone_id, self.type

    @property
    def dwelled(self) -> bool:
        """Present for as long as the rule asks."""
        return self.state is FindingState.PRESENT and (self.at - self.since).total_seconds() >= self.dwell_s

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values, the form that travels and is stored."""
        return {
            "camera_id": self.camera_id,
            "view_id": self.view_id,
            "zone_id": self.zone_id,
            "type": self.type.value,
            "subtype": self.subtype.value,
            "state": self.state.value,
            "at": self.at.isoformat(),
            "since": self.since.isoformat(),
            "dwell_s": self.dwell_s,
            "why": [self.why.zh, self.why.en],
            "objects": [
                [o.name, list(o.box), o.score, o.first_seen.isoformat(), o.last_seen.isoformat()] for o in self.objects
            ],
            "confidence": self.confidence,
            "evidence": [list(picture) for picture in self.evidence],
            "time_source": self.time_source.value,
            "model": self.model,
            "rules": self.rules,
            "fence": self.fence,
            "area": self.area,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The inverse of `to_record`.

        Raises:
            ValueError, KeyError, TypeError: the record is not a finding's.
        """
        return cls(
            camera_id=record["camera_id"],
            view_id=record["view_id"],
            zone_id=record["zone_id"],
            type=ViolationType(record["type"]),
            subtype=Subtype(record["subtype"]),
            state=FindingState(record["state"]),
            at=datetime.fromisoformat(record["at"]),
            since=datetime.fromisoformat(record["since"]),
            dwell_s=float(record["dwell_s"]),
            why=Why(*record["why"]),
            objects=tuple(
                FindingObject(
                    name, (box[0], box[1], box[2], box[3]), score, datetime.fromisoformat(a), datetime.fromisoformat(b)
                )
                for name, box, score, a, b in record["objects"]
            ),
            confidence=float(record["confidence"]),
            evidence=tuple(Picture(*row) for row in record["evidence"]),
            time_source=TimeSource(record["time_source"]),
            model=record["model"],
            rules=record["rules"],
            fence=int(record["fence"]),
            area=record.get("area", ""),
        )
