"""The clocks by which a city counts time limits: round the clock, working hours, days, working days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

Pause = tuple[datetime, datetime | None]
"""From, and until (None: still paused): a suspended case (挂账), whose clock stands still."""
_DAY = timedelta(days=1)
_FAR = timedelta(days=3 * 366)


class Unit(StrEnum):
    """What a limit is counted in."""

    URGENT_HOURS = "urgent_hours"  # 紧急工作时: round the clock
    WORK_HOURS = "work_hours"  # 工作时: only within working hours of working days
    DAYS = "days"  # 天: calendar days of 24 hours
    WORK_DAYS = "work_days"  # 工作日: to the same time of day so many working days later


_NAMES = {Unit.URGENT_HOURS: "紧急工作时", Unit.WORK_HOURS: "工作时", Unit.DAYS: "天", Unit.WORK_DAYS: "工作日"}


@dataclass(frozen=True, slots=True)
class Limit:
    """So much time to put it right."""

    value: float
    unit: Unit

    @property
    def words(self) -> str:
        """As the standards write it, such as 2 紧急工作时."""
        return f"{self.value:g} {_NAMES[self.unit]}"

    @property
    def length(self) -> timedelta:
        """Of its own clock's running time."""
        return timedelta(days=self.value) if self.unit in {Unit.DAYS, Unit.WORK_DAYS} else timedelta(hours=self.value)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Working time of one city.

    Attributes:
        hours: stretches of a working day, local time, in order.
        holidays: days off beside weekends.
        workdays: weekend days worked in exchange (调休).
    """

    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    hours: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(14), time(18)))
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        return day in self.workdays or (day.isoweekday() <= 5 and day not in self.holidays)


def due(start: datetime, limit: Limit, calendar: Calendar, pauses: Sequence[Pause] = ()) -> datetime | None:
    """When the limit is used up, aware UTC; None while a pause has no end, or when it is years away."""
    left = limit.length
    for begin, end in _running(start, start + _FAR, limit.unit, calendar, pauses):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None


def used(start: datetime, until: datetime, unit: Unit, calendar: Calendar, pauses: Sequence[Pause] = ()) -> timedelta:
    """Running time of the unit's clock between two moments."""
    stretches = _running(start, until, unit, calendar, pauses)
    return sum((end - begin for begin, end in stretches), timedelta())


def _running(
    start: datetime, until: datetime, unit: Unit, calendar: Calendar, pauses: Sequence[Pause]
) -> Iterator[tuple[datetime, datetime]]:
    """Stretches between `start` and `until` in which the clock runs, in order."""
    far = until
    for begin, end in _open(start, until, unit, calendar):
        at = max(begin, start)
        for paused, resumed in sorted(pauses, key=lambda pause: pause[0]):
            over = resumed or far
            if over <= at or paused >= end:
                continue
            if paused > at:
                yield at, paused
            at = max(at, over)
        if at < min(end, until):
            yield at, min(end, until)


def _open(start: datetime, until: datetime, unit: Unit, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    if unit in {Unit.URGENT_HOURS, Unit.DAYS}:
        yield start, until
        return
    day = start.astimezone(calendar.zone).date()
    while _local(day, time(), calendar) < until:
        if calendar.works(day):
            stretches = calendar.hours if unit is Unit.WORK_HOURS else ((time(), time()),)
            for opens, closes in stretches:
                begin = _local(day, opens, calendar)
                end = _local(day, closes, calendar) if closes != time() else _local(day + _DAY, time(), calendar)
                if end > start:
                    yield begin, end
        day += _DAY


def _local(day: date, at: time, calendar: Calendar) -> datetime:
    return datetime.combine(day, at, calendar.zone).astimezone(UTC)
