"""The incident as the life-cycle sees it: who saw it, how far up the ladder it is, and whom it waits for."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from vision.core.findings import FindingState, Subtype, ViolationType, Why
from vision.core.geometry import Box, Point
from vision.core.incidents import CaseStatus, IncidentStatus, Verdict

SiteKey = tuple[str, str, str]
"""camera, view, zone."""


class Waiting(StrEnum):
    """Who has to act next, apart from the clock and the cameras."""

    NOBODY = ""
    REVIEW = "review"  # an operator: is it one?
    ANSWER = "answer"  # an operator: is it still there? No camera could say.
    RETURNED = "returned"  # an operator: the platform sent the case back, or could not be reached
    DELIVERY = "delivery"  # the outbox
    PLATFORM = "platform"  # the city's case platform


@dataclass(frozen=True, slots=True)
class Witness:
    """One camera's zone that saw the incident.

    Attributes:
        looked_at: scene time of the newest look, whatever it said; `state` is what it said.
        seen_at: newest look that said present.
        absences: absent looks since `seen_at`, thinned out, oldest first.
        still: present looks since the platform said handled.
        box: where in the view, 0–1; `ground` the same as (longitude, latitude), `error_m` its uncertainty.
    """

    camera_id: str
    view_id: str
    zone_id: str
    state: FindingState
    looked_at: datetime
    seen_at: datetime
    absences: tuple[datetime, ...] = ()
    still: int = 0
    box: Box | None = None
    ground: Point | None = None
    error_m: float | None = None

    @property
    def site(self) -> SiteKey:
        return self.camera_id, self.view_id, self.zone_id


@dataclass(frozen=True, slots=True)
class CaseRef:
    """A case with one platform."""

    platform: str
    case_id: str
    status: CaseStatus

    @property
    def live(self) -> bool:
        """The platform has it and has not given it back."""
        return self.status not in _GIVEN_BACK


_GIVEN_BACK = frozenset({CaseStatus.RETURNED, CaseStatus.WITHDRAWN, CaseStatus.DEAD})


@dataclass(frozen=True, slots=True)
class Incident:
    """One violation from first seen to proven gone. Scene times, save `timers`, `handled_at` and `checking_since`.

    Attributes:
        rung: index of the next rung of the ladder.
        attempt: counts deliveries, so that each has its own key.
        filing: a FILE delivery is in the outbox and has no answer yet.
        gone: proven gone while the filing has no answer yet.
        muted: rejected, but the thing still stands there: its looks raise nothing until it is gone.
        tried: loudspeakers, or parties to tell, already tried on this rung; `telling`: parties whose notice is out.
        most_objects: the largest count so far; only a larger one is news.
        away_told_at, away_told: when the log last said that it is not seen, and whether its return is still to be told.
        blind_told_at, blind_told: the same of a view that cannot tell.
        timers: (name, due wall time).
    """

    id: str
    type: ViolationType
    subtype: Subtype
    status: IncidentStatus
    witnesses: tuple[Witness, ...]
    began_at: datetime
    last_seen_at: datetime
    why: Why
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    handled_at: datetime | None = None
    checking_since: datetime | None = None
    object_count: int = 0
    most_objects: int = 0
    away_told_at: datetime | None = None
    away_told: bool = False
    blind_told_at: datetime | None = None
    blind_told: bool = False
    confidence: float = 0.0
    verdict: Verdict | None = None
    verdict_by: str = ""
    rung: int = 0
    attempt: int = 0
    filing: bool = False
    gone: bool = False
    muted: bool = False
    waiting: Waiting = Waiting.NOBODY
    tried: tuple[str, ...] = ()
    telling: tuple[str, ...] = ()
    cases: tuple[CaseRef, ...] = ()
    timers: tuple[tuple[str, datetime], ...] = ()

    @property
    def live_cases(self) -> tuple[CaseRef, ...]:
        return tuple(case for case in self.cases if case.live)

    @property
    def next_timer_at(self) -> datetime | None:
        return min((due for _, due in self.timers), default=None)

    @property
    def watched(self) -> bool:
        """Looks still matter: not final, or rejected with the thing still there."""
        return self.muted or not self.status.final

    def witness(self, site: SiteKey) -> Witness | None:
        return next((witness for witness in self.witnesses if witness.site == site), None)

    def with_witness(self, witness: Witness) -> Self:
        """The incident with this witness put in or replaced, in its place."""
        kept = tuple(witness if w.site == witness.site else w for w in self.witnesses)
        if witness not in kept:
            kept += (witness,)
        return replace(self, witnesses=kept)

    def with_timer(self, name: str, due: datetime | None) -> Self:
        """The incident with the named timer set, or without it."""
        kept = tuple(timer for timer in self.timers if timer[0] != name)
        return replace(self, timers=kept if due is None else (*kept, (name, due)))

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "id": self.id,
            "type": self.type.value,
            "subtype": self.subtype.value,
            "status": self.status.value,
            "witnesses": [_witness_record(w) for w in self.witnesses],
            "began_at": self.began_at.isoformat(),
            "last_seen_at": self.last_seen_at.isoformat(),
            "why": [self.why.zh, self.why.en],
            "confirmed_at": _text(self.confirmed_at),
            "ended_at": _text(self.ended_at),
            "handled_at": _text(self.handled_at),
            "checking_since": _text(self.checking_since),
            "object_count": self.object_count,
            "most_objects": self.most_objects,
            "away_told_at": _text(self.away_told_at),
            "away_told": self.away_told,
            "blind_told_at": _text(self.blind_told_at),
            "blind_told": self.blind_told,
            "confidence": self.confidence,
            "verdict": None if self.verdict is None else self.verdict.value,
            "verdict_by": self.verdict_by,
            "rung": self.rung,
            "attempt": self.attempt,
            "filing": self.filing,
            "gone": self.gone,
            "muted": self.muted,
            "waiting": self.waiting.value,
            "tried": list(self.tried),
            "telling": list(self.telling),
            "cases": [[case.platform, case.case_id, case.status.value] for case in self.cases],
            "timers": [[name, due.isoformat()] for name, due in self.timers],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The inverse of `to_record`; raises KeyError or ValueError on anything else."""
        return cls(
            id=record["id"],
            type=ViolationType(record["type"]),
            subtype=Subtype(record["subtype"]),
            status=IncidentStatus(record["status"]),
            witnesses=tuple(_witness(w) for w in record["witnesses"]),
            began_at=datetime.fromisoformat(record["began_at"]),
            last_seen_at=datetime.fromisoformat(record["last_seen_at"]),
            why=Why(*record["why"]),
            confirmed_at=_time(record["confirmed_at"]),
            ended_at=_time(record["ended_at"]),
            handled_at=_time(record["handled_at"]),
            checking_since=_time(record["checking_since"]),
            object_count=record["object_count"],
            most_objects=record["most_objects"],
            away_told_at=_time(record["away_told_at"]),
            away_told=record["away_told"],
            blind_told_at=_time(record.get("blind_told_at")),  # absent from what older versions wrote
            blind_told=record.get("blind_told", False),
            confidence=record["confidence"],
            verdict=None if record["verdict"] is None else Verdict(record["verdict"]),
            verdict_by=record["verdict_by"],
            rung=record["rung"],
            attempt=record["attempt"],
            filing=record["filing"],
            gone=record["gone"],
            muted=record["muted"],
            waiting=Waiting(record["waiting"]),
            tried=tuple(record["tried"]),
            telling=tuple(record.get("telling", ())),  # absent from what older versions wrote
            cases=tuple(CaseRef(p, c, CaseStatus(s)) for p, c, s in record["cases"]),
            timers=tuple((name, datetime.fromisoformat(due)) for name, due in record["timers"]),
        )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _witness_record(w: Witness) -> list[Any]:
    return [
        w.camera_id,
        w.view_id,
        w.zone_id,
        w.state.value,
        w.looked_at.isoformat(),
        w.seen_at.isoformat(),
        [at.isoformat() for at in w.absences],
        w.still,
        None if w.box is None else list(w.box),
        None if w.ground is None else list(w.ground),
        w.error_m,
    ]


def _witness(record: list[Any]) -> Witness:
    camera_id, view_id, zone_id, state, looked_at, seen_at, absences, still, box, ground, error_m = record
    return Witness(
        camera_id,
        view_id,
        zone_id,
        FindingState(state),
        datetime.fromisoformat(looked_at),
        datetime.fromisoformat(seen_at),
        tuple(datetime.fromisoformat(at) for at in absences),
        still,
        None if box is None else (box[0], box[1], box[2], box[3]),
        None if ground is None else (ground[0], ground[1]),
        error_m,
    )
