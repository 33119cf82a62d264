from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.core.registry import Hours
from vision.rules.hours import permitted_by

CHINA = timezone(timedelta(hours=8))
NIGHT_MARKET = Hours(time(18), time(2), frozenset({5, 6}))  # Friday and Saturday evenings
BREAKFAST = Hours(time(6), time(9))


@pytest.mark.parametrize(
    ("local", "permitted"),
    [
        ("2026-07-03T18:00", True),  # Friday
        ("2026-07-03T17:59", False),
        ("2026-07-04T01:59", True),  # Friday's night
        ("2026-07-04T02:00", False),
        ("2026-07-05T01:00", True),  # Saturday's night
        ("2026-07-05T19:00", False),  # Sunday
        ("2026-07-03T01:00", False),  # Thursday's night
    ],
)
def test_a_night_market_belongs_to_the_evening_on_which_it_began(local: str, permitted: bool) -> None:  # noqa: FBT001
    at = datetime.fromisoformat(local).replace(tzinfo=CHINA)
    assert (permitted_by([NIGHT_MARKET], at, CHINA) is NIGHT_MARKET) == permitted


def test_hours_are_local() -> None:
    assert permitted_by([BREAKFAST], datetime(2026, 7, 1, 23, 30, tzinfo=UTC), CHINA) is BREAKFAST
    assert permitted_by([BREAKFAST], datetime(2026, 7, 1, 7, 30, tzinfo=UTC), CHINA) is None


@settings(deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), st.times(), st.times())  # noqa: DTZ001
def test_a_stretch_and_its_complement_never_hold_together(local: datetime, a: time, b: time) -> None:
    at = local.replace(tzinfo=CHINA)
    held = [h for h in (Hours(a, b), Hours(b, a)) if permitted_by([h], at, CHINA)]
    assert len(held) == (a != b)
