"""A street in a test: findings made in one line, at seconds since the story began."""

from datetime import datetime, timedelta

from vision.core.findings import Finding, FindingObject, FindingState, Picture, Subtype, ViolationType, Why
from vision.core.geometry import Box
from vision.testing import EPOCH

DWELL_S = 180.0
SUBTYPES = {
    ViolationType.OUT_OF_STORE: Subtype.OUT_OF_STORE,
    ViolationType.GARBAGE: Subtype.EXPOSED_GARBAGE,
    ViolationType.BIKE_MISPARKED: Subtype.BIKE_MISPARKED,
}


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def present(
    seconds: float,
    *,
    since: float | None = None,
    type_: ViolationType = ViolationType.GARBAGE,
    camera: str = "gate",
    view: str = "main",
    zone: str = "kerb",
    boxes: tuple[Box, ...] = ((0.4, 0.4, 0.5, 0.5),),
    confidence: float = 0.8,
    evidence: tuple[Picture, ...] = (),
    dwell_s: float = DWELL_S,
) -> Finding:
    began = seconds if since is None else since
    return Finding(
        camera_id=camera,
        view_id=view,
        zone_id=zone,
        type=type_,
        subtype=SUBTYPES[type_],
        state=FindingState.PRESENT,
        at=at(seconds),
        since=at(began),
        dwell_s=dwell_s,
        why=Why("有物。", "Something stands there."),
        objects=tuple(FindingObject("thing", box, confidence, at(began), at(seconds)) for box in boxes),
        confidence=confidence,
        evidence=evidence,
    )


def absent(
    seconds: float,
    *,
    type_: ViolationType = ViolationType.GARBAGE,
    camera: str = "gate",
    view: str = "main",
    zone: str = "kerb",
    state: FindingState = FindingState.ABSENT,
    evidence: tuple[Picture, ...] = (),
) -> Finding:
    why = Why("无。", "Nothing there.") if state is FindingState.ABSENT else Why("画面太暗", "too dark")
    return Finding(
        camera_id=camera,
        view_id=view,
        zone_id=zone,
        type=type_,
        subtype=SUBTYPES[type_],
        state=state,
        at=at(seconds),
        since=at(seconds),
        dwell_s=DWELL_S,
        why=why,
        evidence=evidence,
    )


def unknown(seconds: float, **where: str) -> Finding:
    return absent(seconds, state=FindingState.UNKNOWN, **where)  # type: ignore[arg-type]
