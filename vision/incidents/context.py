"""What the life-cycle has to know of the world at the moment of an event; the hub fills it in."""

from dataclasses import dataclass
from datetime import datetime

from vision.core.findings import Why
from vision.incidents.ladder import Ladder


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
        notifiers: those that can be reached, by id.
    """

    now: datetime
    ladder: Ladder
    permit: Permit | None = None
    speaker_ids: tuple[str, ...] = ()
    notifiers: frozenset[str] = frozenset()
