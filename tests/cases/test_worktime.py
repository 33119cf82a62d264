from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.cases.worktime import Calendar, Limit, Unit, due, used

SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar(
    holidays=frozenset({date(2026, 10, 1), date(2026, 10, 2)}), workdays=frozenset({date(2026, 10, 10)})
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        ("2026-07-01 11:00", Limit(2, Unit.WORK_HOURS), "2026-07-01 15:00"),  # over lunch
        ("2026-07-03 17:00", Limit(4, Unit.WORK_HOURS), "2026-07-06 11:00"),  # Friday evening to Monday
        ("2026-07-04 10:00", Limit(1, Unit.WORK_HOURS), "2026-07-06 09:00"),  # filed on a Saturday
        ("2026-09-30 17:00", Limit(2, Unit.WORK_HOURS), "2026-10-05 09:00"),  # over a holiday and a weekend
        ("2026-10-09 17:00", Limit(2, Unit.WORK_HOURS), "2026-10-10 09:00"),  # a Saturday worked in exchange
        ("2026-07-03 23:00", Limit(2, Unit.URGENT_HOURS), "2026-07-04 01:00"),
        ("2026-07-03 17:00", Limit(5, Unit.DAYS), "2026-07-08 17:00"),
        ("2026-07-03 17:00", Limit(1, Unit.WORK_DAYS), "2026-07-06 17:00"),
    ],
)
def test_limits_are_counted_by_their_own_clock(start: str, limit: Limit, expected: str) -> None:
    assert due(local(start), limit, CALENDAR) == local(expected)


def test_a_suspended_case_stands_still() -> None:
    pauses = [(local("2026-07-01 10:00"), local("2026-07-02 10:00"))]
    assert due(local("2026-07-01 09:00"), Limit(2, Unit.WORK_HOURS), CALENDAR, pauses) == local("2026-07-02 11:00")
    assert (
        due(local("2026-07-01 09:00"), Limit(2, Unit.WORK_HOURS), CALENDAR, [(local("2026-07-01 10:00"), None)]) is None
    )


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
limits = st.builds(Limit, st.floats(0.25, 40), st.sampled_from(Unit))


@given(moments, limits, st.lists(st.tuples(moments, st.timedeltas(timedelta(0), timedelta(days=9))), max_size=3))
def test_the_time_used_until_due_is_the_limit(
    start: datetime, limit: Limit, stops: list[tuple[datetime, timedelta]]
) -> None:
    pauses = [(begin, begin + length) for begin, length in stops]
    end = due(start, limit, CALENDAR, pauses)
    assert end is not None
    assert end > start
    assert abs(used(start, end, limit.unit, CALENDAR, pauses) - limit.length) < timedelta(milliseconds=1)


@given(moments, limits, st.floats(0.1, 10))
def test_more_time_is_never_due_earlier(start: datetime, limit: Limit, more: float) -> None:
    first, second = (due(start, Limit(limit.value + extra, limit.unit), CALENDAR) for extra in (0, more))
    assert first is not None
    assert second is not None
    assert second > first
