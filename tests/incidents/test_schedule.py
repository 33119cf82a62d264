from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.core.findings import ViolationType
from vision.core.registry import Hours
from vision.incidents.schedule import About, Calendar, Suppression, permit_at, permitted_until

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(SHANGHAI, frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)}))
EVENING = Hours(time(18), time(22))
NIGHT = Hours(time(22), time(2))
WORKDAYS = Hours(time(6), time(9), frozenset({1, 2, 3, 4, 5}))


def about(*hours: Hours, type_: ViolationType = ViolationType.OUT_OF_STORE, **more: Any) -> About:
    return About(type_, ("gate", "main", "kerb"), hours, **more)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "when", "allowed"),
    [
        (EVENING, "2026-07-01 18:00", True),
        (EVENING, "2026-07-01 21:59", True),
        (EVENING, "2026-07-01 22:00", False),
        (NIGHT, "2026-07-02 01:59", True),
        (NIGHT, "2026-07-02 02:00", False),
        (WORKDAYS, "2026-07-03 07:00", True),
        (WORKDAYS, "2026-07-04 07:00", False),
        (WORKDAYS, "2026-10-01 07:00", False),  # a holiday is a Sunday
        (WORKDAYS, "2026-10-10 07:00", True),  # an exchanged Saturday is a Monday
    ],
)
def test_hours(hours: Hours, when: str, *, allowed: bool) -> None:
    assert (permit_at(about(hours), local(when), CALENDAR, ()) is not None) is allowed


def test_hours_never_excuse_garbage() -> None:
    assert permit_at(about(EVENING, type_=ViolationType.GARBAGE), local("2026-07-01 19:00"), CALENDAR, ()) is None


def window(**more: Any) -> Suppression:
    return Suppression(1, local("2026-07-01 17:00"), local("2026-07-01 23:00"), "wang", "market", **more)


@pytest.mark.parametrize(
    ("made", "place", "fits"),
    [
        ({}, {}, True),
        ({"types": frozenset({ViolationType.GARBAGE})}, {}, False),
        ({"districts": frozenset({"east"})}, {"district": "east"}, True),
        ({"districts": frozenset({"east"})}, {"district": "west"}, False),
        ({"grids": frozenset({"1" * 15})}, {"grid_id": "1" * 15}, True),
        ({"sites": (("gate", "", ""),)}, {}, True),
        ({"sites": (("gate", "", "door"),)}, {}, False),
        ({"centre": (121.0, 31.0), "radius_m": 100.0}, {"position": (121.0005, 31.0)}, True),
        ({"centre": (121.0, 31.0), "radius_m": 100.0}, {"position": (121.01, 31.0)}, False),
        ({"centre": (121.0, 31.0), "radius_m": 100.0}, {}, False),
        ({"box": (0.1, 0.1, 0.2, 0.2)}, {"box": (0.25, 0.1, 0.3, 0.2)}, True),
        ({"box": (0.1, 0.1, 0.2, 0.2)}, {"box": (0.8, 0.1, 0.9, 0.2)}, False),
    ],
)
def test_where_a_suppression_holds(made: dict[str, Any], place: dict[str, Any], *, fits: bool) -> None:
    permit = permit_at(about(**place), local("2026-07-01 18:00"), CALENDAR, [window(**made)])
    assert (permit is not None) is fits
    if permit is not None:
        assert permit.approved_by == "wang"


def test_the_longest_permission_counts() -> None:
    permit = permit_at(about(EVENING), local("2026-07-01 18:30"), CALENDAR, [window()])
    assert permit is not None
    assert permit.until == local("2026-07-01 23:00")


def test_presence_counts_from_the_end_of_the_permission() -> None:
    since, at = local("2026-07-01 17:50"), local("2026-07-01 22:02")
    assert permitted_until(about(EVENING), since, at, CALENDAR, ()) == local("2026-07-01 22:00")
    assert permitted_until(about(EVENING), since, local("2026-07-01 17:59"), CALENDAR, ()) == since


@given(minutes=st.integers(0, 7 * 24 * 60), begin=st.integers(0, 23), length=st.integers(1, 23))
def test_a_permission_ends_when_it_says(minutes: int, begin: int, length: int) -> None:
    hours = Hours(time(begin), time((begin + length) % 24))
    at = local("2026-07-01 00:00") + timedelta(minutes=minutes)
    permit = permit_at(about(hours), at, CALENDAR, ())
    if permit is not None:
        assert at < permit.until <= at + timedelta(hours=length)
        assert permit_at(about(hours), permit.until, CALENDAR, ()) is None
        after = permit.until + timedelta(minutes=1)
        assert permitted_until(about(hours), at, after, CALENDAR, ()) == permit.until
