"""What makes the city's cameras be looked at more rarely, or its record and its cases late: causes, and how hard."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vision.core.findings import Why


class Cause(StrEnum):
    """What is slow or away."""

    DETECTOR = "detector"
    RULES = "rules"  # the worker's own processors, beside the detector
    EVIDENCE = "evidence"
    REDIS = "redis"
    DATABASE = "database"
    HUB = "hub"  # hubs that cannot keep up, though nothing under them is slow
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Something that has been slow since a time.

    Attributes:
        why: what was measured.
        quoted: the same with a platform's own words, which are for those who look after deliveries.
    """

    cause: Cause
    since: datetime
    why: Why
    quoted: Why | None = None


@dataclass(frozen=True, slots=True)
class ClassPace:
    """How often the cameras of one class of priority are looked at.

    Attributes:
        views: of all workers' cameras of the class.
        share: of the looks that came, those that were judged.
        every_s: seconds between two looks at one view, on average; None when none was judged lately.
    """

    priority: int
    views: int
    share: float
    every_s: float | None


@dataclass(frozen=True, slots=True)
class Pressure:
    """The whole state, as of one moment.

    Attributes:
        summary: None while all is well.
        unreachable: of Redis and the database, what does not answer at all; it is of no use to ask.
    """

    slow: tuple[Slowdown, ...] = ()
    classes: tuple[ClassPace, ...] = ()
    summary: Why | None = None
    unreachable: frozenset[Cause] = frozenset()
