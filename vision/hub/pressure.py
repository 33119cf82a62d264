"""Finds out what is slow and since when, says it in words, and writes down when it began and ended."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import case, func, select

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.findings import Why
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.core.pressure import Cause, ClassPace, Pressure, Slowdown
from vision.hub import pressure_words
from vision.storage.database import Database
from vision.storage.tables import AuditEntry, OutboxRow

log = structlog.get_logger()

_TURN_S = 1.0
_BEGINS_AFTER_S = 3.0  # of slowness without a pause: a hiccup is no news
_ENDS_AFTER_S = 10.0  # without any
_REDIS_S = 0.25  # for an answer
_PROBE_S = 0.3  # for the smallest question to the database
_STUCK_S = 3.0  # for one transaction
_OLD_S = 15.0  # the oldest finding that the hubs have not finished
_SPOOLED = 1_000
_FILES = 5  # a worker: what may be under way to an evidence store that is well
_CASE_LATE = timedelta(seconds=20)
_SAME = timedelta(seconds=10)  # between what two hubs see of one thing; nothing begins twice within it
_COUNTED = ("evidence_waiting", "findings_waiting")
_MOST_ENTRIES = 200  # that wait for a database which is away, or in a hub that keeps no record
_OPEN = (DeliveryStatus.PENDING.value, DeliveryStatus.SENDING.value)
_CASES = tuple(kind.value for kind in DeliveryKind if kind is not DeliveryKind.ANNOUNCE)


class Workers(Protocol):
    """What is asked of storage.board.Board."""

    def workers(self) -> Mapping[str, Mapping[str, Any]]: ...


@dataclass(slots=True)
class _Sign:
    """One cause's slowness as it has been seen."""

    first_s: float
    last_s: float
    since: datetime
    why: Why
    told: bool = False


class _Asking:
    """How long a server takes to answer, told while it has not answered yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: float | None = None
        self.took_s = 0.0
        self.away = False

    @contextmanager
    def timed(self) -> Iterator[None]:
        """The block asks, and calls `answered` when there is an answer; raises StorageError as the block does."""
        self._since_s = self._clock.monotonic_s()
        try:
            yield
        except StorageError:
            self.away = True
            raise
        else:
            self.away = False
        finally:
            self._since_s = None

    def answered(self) -> None:
        self.took_s = self.waits_s()

    @property
    def unreachable(self) -> bool:
        return self.away or self.waits_s() > _STUCK_S

    def waits_s(self) -> float:
        since_s = self._since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s


def _answers_after(seconds: float) -> Why:
    return Why(f"应答要 {seconds:.1f} 秒", f"an answer takes {seconds:.1f} s")


class PressureWatch:
    """Three loops: one asks Redis, one the database, and one watches how long they wait, so that none hides another.

    A hub needs nobody's help to tell: what it knows is in its own memory, and `now` never waits.
    """

    def __init__(
        self,
        board: Workers,
        database: Database,
        clock: Clock,
        *,
        committing_s: Callable[[], float] = lambda: 0.0,
        writes: Callable[[], bool] = lambda: True,
    ) -> None:
        """`committing_s`: how long the group of findings in hand has been written; `writes`: whether this hub keeps
        the record of it, one of all hubs.
        """
        self._board, self._database, self._clock = board, database, clock
        self._committing_s, self._writes = committing_s, writes
        self._signs: dict[Cause, _Sign] = {}
        self._now = Pressure()
        self._late: Why | None = None  # cases that the platforms have not taken
        self._quoted: Why | None = None  # the same with the platforms' own words
        self._redis, self._base = _Asking(clock), _Asking(clock)
        self._loads: Mapping[str, Mapping[str, Any]] = {}
        self._entries: deque[AuditEntry] = deque(maxlen=_MOST_ENTRIES)

    def now(self) -> Pressure:
        return self._now

    def watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.look()
            self._clock.sleep(_TURN_S, stop)

    def listen(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.ask_redis()
            self._clock.sleep(_TURN_S, stop)

    def write(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.ask_database()
            self._clock.sleep(_TURN_S, stop)

    def look(self) -> None:
        """See what is slow now; waits for nobody."""
        own = {
            Cause.REDIS: self._redis_trouble(),
            Cause.DATABASE: self._database_trouble(),
            Cause.PLATFORM: self._late,
        }
        if own[Cause.DATABASE] is not None:
            own[Cause.PLATFORM] = None  # what a platform answered cannot be written down: not its fault
        found = {cause: why for cause, why in own.items() if why is not None}
        for cause, why in _told_by(self._loads).items():
            if cause is not Cause.HUB or not found.keys() & {Cause.DATABASE, Cause.REDIS}:
                found.setdefault(cause, why)
        self._note(found, _classes(self._loads.values()))

    def ask_redis(self) -> None:
        """Read what the workers say of themselves."""
        try:
            with self._redis.timed():
                rows = self._board.workers()
                self._redis.answered()
        except StorageError:
            self._loads = {}
        else:
            self._loads = {name: row["load"] for name, row in rows.items() if row.get("alive") and row.get("load")}

    def ask_database(self) -> None:
        """Time the smallest question, count late cases, and write down what began or ended."""
        with suppress(StorageError), self._base.timed():
            with self._database.reading() as session:
                session.execute(select(1))
                self._base.answered()
                rows, now = session.execute(_late_statement()).all(), self._clock.now()
                self._late, self._quoted = _late_cases(rows, now), _late_cases(rows, now, quoting=True)
            self._write_entries()

    def _write_entries(self) -> None:
        """A hub that keeps no record may come to keep it, and writes what no other wrote meanwhile."""
        if not self._entries or not self._writes():
            return
        entries = list(self._entries)
        with self._database.transaction() as session:
            known = session.execute(_written_statement(min(entry.at for entry in entries) - _SAME)).all()
            session.add_all(_copy(entry) for entry in entries if not _is_known(entry, known))
        for _ in entries:
            self._entries.popleft()

    def _redis_trouble(self) -> Why | None:
        if self._redis.unreachable:
            return Why("没有应答", "no answer")
        slowest_s = max([self._redis.took_s, *(load.get("redis_s", 0.0) for load in self._loads.values())])
        return _answers_after(slowest_s) if slowest_s > _REDIS_S else None

    def _database_trouble(self) -> Why | None:
        if self._base.away:
            return Why("连不上", "it is away")
        stuck_s = max(self._committing_s(), self._base.waits_s())
        if stuck_s > _STUCK_S:
            age = _aged(timedelta(seconds=stuck_s))
            return Why(f"一次读写已等 {age.zh}", f"a transaction has been waiting for {age.en}")
        return _answers_after(self._base.took_s) if self._base.took_s > _PROBE_S else None

    def _note(self, found: Mapping[Cause, Why], classes: tuple[ClassPace, ...]) -> None:
        now_s, now = self._clock.monotonic_s(), self._clock.now()
        for cause, why in found.items():
            sign = self._signs.get(cause)
            if sign is None:
                sign = self._signs[cause] = _Sign(now_s, now_s, now, why)
            sign.last_s, sign.why = now_s, why
        for cause, sign in list(self._signs.items()):
            if now_s - sign.last_s > (_ENDS_AFTER_S if sign.told else _BEGINS_AFTER_S):
                del self._signs[cause]
                if sign.told:
                    self._tell("slowdown_ended", cause, sign, classes)
            elif not sign.told and sign.last_s - sign.first_s >= _BEGINS_AFTER_S:
                sign.told = True
                self._tell("slowdown_began", cause, sign, classes)
        slow = tuple(
            Slowdown(cause, sign.since, sign.why, self._quoted if cause is Cause.PLATFORM else None)
            for cause in Cause
            if (sign := self._signs.get(cause)) is not None and sign.told
        )
        asked = ((Cause.REDIS, self._redis), (Cause.DATABASE, self._base))
        unreachable = frozenset(cause for cause, asking in asked if asking.unreachable)
        self._now = Pressure(slow, classes, pressure_words.summary(slow, classes), unreachable)

    def _tell(self, event: str, cause: Cause, sign: _Sign, classes: Sequence[ClassPace]) -> None:
        shares = {str(pace.priority): round(pace.share, 2) for pace in classes}
        log.warning(event, cause=cause.value, reason=sign.why.en, since=sign.since.isoformat(), looks_made=shares)
        name = pressure_words.name(cause)
        detail = {"since": sign.since.isoformat(), "looks_made": shares, "en": f"{name.en}: {sign.why.en}"}
        reason = f"{name.zh}：{sign.why.zh}"
        at = self._clock.now()
        self._entries.append(
            AuditEntry(at=at, actor="system:hub", action=event, subject=cause.value, reason=reason, detail=detail)
        )


def _copy(entry: AuditEntry) -> AuditEntry:
    """For a transaction that may fail, and leave its rows of no use."""
    return AuditEntry(
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        subject=entry.subject,
        reason=entry.reason,
        detail=entry.detail,
    )


def _written_statement(since: datetime) -> Any:
    begun_or_ended = AuditEntry.action.in_(("slowdown_began", "slowdown_ended"))
    return select(AuditEntry.action, AuditEntry.subject, AuditEntry.at).where(AuditEntry.at >= since, begun_or_ended)


def _is_known(entry: AuditEntry, known: Sequence[Any]) -> bool:
    """Whether another hub, which saw the same, has written it."""
    return any(
        (entry.action, entry.subject) == (row.action, row.subject) and abs(entry.at - row.at) < _SAME for row in known
    )


def _told_by(loads: Mapping[str, Mapping[str, Any]]) -> dict[Cause, Why]:
    """What the workers say holds them up."""
    by_cause: dict[Cause, list[str]] = {}
    for name, load in sorted(loads.items()):
        if load.get("held_by"):
            by_cause.setdefault(Cause(load["held_by"]), []).append(name)
    found = {}
    for cause, names in by_cause.items():
        some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        found[cause] = Why(f"{len(names)} 个工作节点（{some}）", f"{len(names)} worker(s) ({some})")
    waits = Counter({what: sum(int(load.get(what, 0)) for load in loads.values()) for what in _COUNTED})
    oldest_s = max((load.get("findings_oldest_s", 0.0) for load in loads.values()), default=0.0)
    if waits["evidence_waiting"] > _FILES * len(loads):
        files = waits["evidence_waiting"]
        found[Cause.EVIDENCE] = Why(f"{files} 个文件待存", f"{files} files wait for it")
    if waits["findings_waiting"] > _SPOOLED:
        count = waits["findings_waiting"]
        found[Cause.REDIS] = Why(f"{count} 条检查结果待发", f"{count} findings wait for it")
    if oldest_s > _OLD_S:
        age = _aged(timedelta(seconds=oldest_s))
        found[Cause.HUB] = Why(f"最早的检查结果已等 {age.zh}", f"the oldest finding has been waiting for {age.en}")
    return found


def _classes(loads: Iterable[Mapping[str, Any]]) -> tuple[ClassPace, ...]:
    """All workers' classes of cameras together."""
    views, came, missed = Counter[int](), Counter[int](), Counter[int]()
    made_per_s: defaultdict[int, float] = defaultdict(float)
    for load in loads:
        for key, row in load.get("classes", {}).items():
            priority = int(key)
            views[priority] += row["views"]
            came[priority] += row["came"]
            missed[priority] += row["missed"]
            made_per_s[priority] += (row["came"] - row["missed"]) / max(1.0, load["window_s"])
    return tuple(
        ClassPace(
            priority,
            views[priority],
            1 - missed[priority] / came[priority] if came[priority] else 1.0,
            round(views[priority] / made_per_s[priority], 1) if made_per_s[priority] > 0 else None,
        )
        for priority in sorted(views)
    )


def _late_statement() -> Any:
    """Open deliveries to platforms by target: how many, since when the oldest that was tried waits, what was said."""
    tried = (OutboxRow.attempts > 0) | (OutboxRow.status == DeliveryStatus.SENDING.value)
    oldest = func.min(case((tried, OutboxRow.created_at)))
    return (
        select(OutboxRow.target, func.count(), oldest, func.max(OutboxRow.last_error))
        .where(OutboxRow.kind.in_(_CASES), OutboxRow.status.in_(_OPEN))
        .group_by(OutboxRow.target)
    )


def _late_cases(rows: Sequence[Any], now: datetime, *, quoting: bool = False) -> Why | None:
    late = [
        (row[0], row[1], _aged(now - row[2]), _quoted(row[3] if quoting else ""))
        for row in rows
        if row[2] is not None and now - row[2] > _CASE_LATE
    ]
    if not late:
        return None
    return Why(
        "；".join(f"{target} 有 {count} 件待办，最早的已等 {age.zh}{said.zh}" for target, count, age, said in late),
        "; ".join(
            f"{count} waiting for {target}, the oldest for {age.en}{said.en}" for target, count, age, said in late
        ),
    )


def _aged(age: timedelta) -> Why:
    seconds = int(age.total_seconds())
    if seconds < 120:
        return Why(f"{seconds} 秒", f"{seconds} s")
    if seconds < 7200:
        return Why(f"{seconds // 60} 分钟", f"{seconds // 60} min")
    return Why(f"{seconds // 3600} 小时", f"{seconds // 3600} h")


def _quoted(words: str) -> Why:
    """The platform's own words, shortened."""
    return Why(f"（{words[:80]}）", f" ({words[:80]})") if words else Why("", "")
