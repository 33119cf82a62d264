import pytest

from vision.core.findings import Why
from vision.rules.words import counted, duration


@pytest.mark.parametrize(
    ("seconds", "zh", "en"),
    [
        (-3, "0 秒", "0 s"),
        (45, "45 秒", "45 s"),
        (180, "3 分钟", "3 min"),
        (200, "3 分 20 秒", "3 min 20 s"),
        (7260, "2 小时 1 分", "2 h 1 min"),
    ],
)
def test_durations(seconds: float, zh: str, en: str) -> None:
    assert duration(seconds) == Why(zh, en)


def test_counts_name_the_most_first_and_unknown_classes_by_their_own_name() -> None:
    assert counted(["bicycle", "kiosk", "bicycle"]) == Why("自行车 2、kiosk 1", "2 bicycles, 1 kiosk")
