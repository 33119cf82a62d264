"""When something is allowed: drawn hours, approved windows, holidays; and until when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from vision.core.findings import ViolationType, Why
from vision.core.geometry import Box, Point, haversine_m
from vision.core.registry import Hours
from vision.incidents.context import Permit
from vision.incidents.incident import SiteKey
from vision.incidents.spots import gap

_SUNDAY, _MONDAY = 7, 1
NOT_FOR_HOURS = frozenset({ViolationType.GARBAGE})
"""Types that a zone's permitted hours never excuse: a night market may trade, it may not litter."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A city's days.

    Attributes:
        holidays: public holidays; in permitted hours and work clocks they count as Sundays.
        workdays: weekend days worked in exchange (调休); they count as Mondays.
    """

    timezone: tzinfo
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    def weekday(self, day: date) -> int:
        """ISO weekday, 1 to 7, holidays and exchanged days taken into account."""
        if day in self.holidays:
            return _SUNDAY
        if day in self.workdays:
            return _MONDAY
        return day.isoweekday()

    def works(self, day: date) -> bool:
        return self.weekday(day) < 6

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.timezone)


def stretches(hours: Hours, around: datetime, calendar: Calendar) -> list[tuple[datetime, datetime]]:
    """The stretches of these hours that begin on the local day before, on, and after `around`."""
    found = []
    today = calendar.local(around).date()
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        if calendar.weekday(day) not in hours.weekdays:
            continue
        begin = datetime.combine(day, hours.begin, calendar.timezone)
        end_day = day if hours.end > hours.begin else day + timedelta(days=1)
        found.append((begin, datetime.combine(end_day, hours.end, calendar.timezone)))
    return found


@dataclass(frozen=True, slots=True)
class Suppression:
    """A stretch of time in which nothing is raised, where it fits; every empty field fits all.

    Attributes:
        sites: camera, view, zone; empty view or zone fits every one of the camera's.
        box: only near this spot of the view (a location that operators kept rejecting).
        centre, radius_m: a circle on the ground.
    """

    id: int
    begins_at: datetime
    ends_at: datetime
    approved_by: str
    reason: str
    types: frozenset[ViolationType] = frozenset()
    sites: tuple[SiteKey, ...] = ()
    districts: frozenset[str] = frozenset()
    grids: frozenset[str] = frozenset()
    centre: Point | None = None
    radius_m: float = 0.0
    box: Box | None = None
    reach: float = 0.1

    def fits(self, about: "About") -> bool:
        """Whether it is about this place and type, whatever the time."""
        return (
            (not self.types or about.type in self.types)
            and (not self.sites or any(_fits(site, about.site) for site in self.sites))
            and (not self.districts or about.district in self.districts)
            and (not self.grids or about.grid_id in self.grids)
            and (self.centre is None or self._within(about.position))
            and (self.box is None or (about.box is not None and gap(self.box, about.box) <= self.reach))
        )

    def _within(self, position: Point | None) -> bool:
        assert self.centre is not None
        return position is not None and haversine_m(self.centre, position) <= self.radius_m


def _fits(wanted: SiteKey, site: SiteKey) -> bool:
    return all(not part or part == given for part, given in zip(wanted, site, strict=True))


@dataclass(frozen=True, slots=True)
class About:
    """A place and type, as schedules ask for them."""

    type: ViolationType
    site: SiteKey
    hours: Sequence[Hours] = ()
    district: str = ""
    grid_id: str | None = None
    position: Point | None = None
    box: Box | None = None


def permit_at(about: About, at: datetime, calendar: Calendar, suppressions: Iterable[Suppression]) -> Permit | None:
    """What allows it at this time, the longest such permission; None when nothing does."""
    found: list[Permit] = []
    if about.type not in NOT_FOR_HOURS:
        for hours in about.hours:
            found += [_hours_permit(hours, end) for begin, end in stretches(hours, at, calendar) if begin <= at < end]
    for one in suppressions:
        if one.begins_at <= at < one.ends_at and one.fits(about):
            reason = one.reason or "已批准 / approved"
            found.append(Permit(one.ends_at, Why(f"免报警({reason})", f"not raised ({reason})"), one.approved_by))
    return max(found, key=lambda permit: permit.until, default=None)


def permitted_until(
    about: About, since: datetime, at: datetime, calendar: Calendar, suppressions: Iterable[Suppression]
) -> datetime:
    """From when presence counts: the end of the last permission between `since` and `at`, else `since`."""
    ends = []
    if about.type not in NOT_FOR_HOURS:
        ends = [end for hours in about.hours for _begin, end in stretches(hours, at, calendar)]
    ends += [one.ends_at for one in suppressions if one.fits(about)]
    return max((end for end in ends if since < end <= at), default=since)


def _hours_permit(hours: Hours, until: datetime) -> Permit:
    span = f"{hours.begin:%H:%M}–{hours.end:%H:%M}"
    return Permit(until, Why(f"许可时段 {span}", f"permitted hours {span}"))
