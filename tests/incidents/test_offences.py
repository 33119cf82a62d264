from datetime import timedelta

import pytest

from tests.incidents.street import at
from vision.incidents.offences import ColourRule, history


@pytest.mark.parametrize(("count", "colour"), [(0, None), (1, "yellow"), (2, "green"), (3, "red"), (9, "red")])
def test_first_yellow_second_green_third_red(count: int, colour: str | None) -> None:
    assert ColourRule().colour(count) == colour


def test_only_the_window_counts() -> None:
    rule = ColourRule(window=timedelta(days=1))
    day = 86_400.0
    assert rule.count([at(0), at(day), at(1.5 * day)], at(2 * day)) == 3
    assert rule.count([at(0)], at(2 * day)) == 1


def test_the_log_says_whose() -> None:
    assert history(2, "green", 30, shop=True).zh == "该商户 30 天内第 2 次,标记绿色。"
    assert "this spot within 30 days: red" in history(3, "red", 30, shop=False).en
