"""How often a worker looks: as often as those who come after it can follow; and who holds it up, if anybody."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.pipeline.spent import Spent, Stage

log = structlog.get_logger()

_AMPLE = 60_000  # findings that the hubs may be behind before looks get rarer: half a minute of a city
_AMPLE_S = 30.0  # and for how long the oldest may wait, in a city of any size
_AMPLE_HERE = 10_000  # findings that may wait in this worker, of the 100,000 that it can hold
_LEAST_SHARE = 0.1
_WINDOW_S = 15.0
_MISSED = 0.1  # share of looks whose loss is worth words


class Tally(Protocol):
    @property
    def came(self) -> int: ...

    @property
    def missed(self) -> int: ...


class Mailbox(Protocol):
    def thin(self, share: float) -> None: ...

    def tallies(self) -> Mapping[int, Tally]: ...


class Spool(Protocol):
    failures: int
    dropped: int

    def behind(self) -> int: ...

    def oldest_s(self) -> float: ...

    def waiting(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Second:
    """What had been counted by one moment."""

    at_s: float
    looks: Mapping[int, Tally]
    spent: Mapping[Stage, float]


@dataclass(slots=True)
class Pace:
    """Thins a worker's looks while the hubs, Redis or the database are behind, by priority, and reports on them.

    Attributes:
        share: of its looks that the worker makes now; 1 unless somebody after it is behind.
    """

    worker: str
    clock: Clock
    spool: Spool
    mailbox: Mailbox
    spent: Spent
    share: float = 1.0
    _behind: int = 0
    _oldest_s: float = 0.0
    _redis_s: float = 0.0
    _past: deque[_Second] = field(default_factory=deque)

    def follow(self) -> None:
        """Look at what waits, once a second; a Redis that says nothing leaves what is known of the hubs as it was."""
        began_s = self.clock.monotonic_s()
        try:
            self._behind, self._oldest_s = self.spool.behind(), self.spool.oldest_s()
        except StorageError as error:
            log.debug("backlog_unknown", worker=self.worker, reason=str(error))
        now_s = self.clock.monotonic_s()
        self._redis_s = now_s - began_s
        share = self._affordable()
        if (share < 1) != (self.share < 1):
            log.warning(
                "looks_thinned" if share < 1 else "looks_resumed",
                worker=self.worker,
                share=round(share, 2),
                findings_behind=self._behind,
                oldest_s=round(self._oldest_s, 1),
                findings_waiting=self.spool.waiting(),
            )
        if share != self.share:
            self.mailbox.thin(share)
            self.share = share
        self._past.append(_Second(now_s, self.mailbox.tallies(), self.spent.seconds()))
        while len(self._past) > 2 and now_s - self._past[1].at_s >= _WINDOW_S:  # one from before the window stays,
            self._past.popleft()  # or ticks that take longer would leave nothing to compare with

    def report(self, views: Mapping[int, int]) -> dict[str, Any]:
        """What the board is told; `views`: how many this worker has of each class of priority."""
        first, last = self._past[0], self._past[-1]
        classes = {}
        for priority, count in sorted(views.items()):
            came, missed = (_grown(first.looks, last.looks, priority, what) for what in ("came", "missed"))
            classes[str(priority)] = {"views": count, "came": came, "missed": missed}
        return {
            "looks_share": round(self.share, 3),
            "findings_behind": self._behind,
            "findings_oldest_s": round(self._oldest_s, 1),
            "findings_waiting": self.spool.waiting(),
            "findings_dropped": self.spool.dropped,
            "redis_s": round(self._redis_s, 3),
            "window_s": round(last.at_s - first.at_s, 1),
            "classes": classes,
            "held_by": self._held_by(first, last),
        }

    def _affordable(self) -> float:
        loads = (self._behind / _AMPLE, self._oldest_s / _AMPLE_S, self.spool.waiting() / _AMPLE_HERE)
        return max(_LEAST_SHARE, 1 / max(1.0, *loads))

    def _held_by(self, first: _Second, last: _Second) -> str:
        """Whom looks are lost to: `redis`, `hub` or a stage of our own; empty while hardly any are lost."""
        came, missed = (
            sum(_grown(first.looks, last.looks, priority, what) for priority in last.looks)
            for what in ("came", "missed")
        )
        if missed <= _MISSED * came:
            return ""
        if self.share < 1:
            return "redis" if self.spool.failures or self.spool.waiting() > _AMPLE_HERE else "hub"
        grown = {stage: last.spent[stage] - first.spent[stage] for stage in Stage if stage is not Stage.IDLE}
        return max(grown, key=grown.__getitem__).value


def _grown(first: Mapping[int, Tally], last: Mapping[int, Tally], priority: int, what: str) -> int:
    before = getattr(first[priority], what) if priority in first else 0
    return int(getattr(last[priority], what) - before) if priority in last else 0
