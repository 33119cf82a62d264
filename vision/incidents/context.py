"""What the life-cycle has to know of the world at the moment of an event; the hub fills it in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from vision.core.findings import Why
from vision.incidents.ladder import Ladder, Rung
from vision.incidents.responsible import Reach


@dataclass(frozen=True, slots=True)
class Permit:
    """Why nothing may be raised here now, until when, and who allowed it (`config` for drawn hours)."""

    until: datetime
    why: Why
    approved_by: str = "config"


@dataclass(frozen=True, slots=True)
class Context:
    """One moment.

    Attributes:
        now: wall time.
        permit: what is allowed here at the event's time, if anything is.
        speaker_ids: loudspeakers that cover the place, best first.
        zone: in which times are told in sentences.
        reach: who can be told by a NOTIFY rung; asked only when one is taken.
    """

    now: datetime
    ladder: Ladder
    permit: Permit | None = None
    speaker_ids: tuple[str, ...] = ()
    zone: tzinfo = UTC
    reach: Callable[[Rung], Reach] = lambda _rung: Reach()
