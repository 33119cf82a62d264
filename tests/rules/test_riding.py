import numpy as np
import pytest

from vision.rules.riding import ridden

BIKE = (100.0, 200.0, 220.0, 300.0)


@pytest.mark.parametrize(
    ("person", "rides"),
    [
        ((125.0, 110.0, 195.0, 280.0), True),  # on the saddle, feet on the pedals
        ((110.0, 100.0, 170.0, 330.0), False),  # stands before it: feet below the tyres
        ((200.0, 80.0, 260.0, 290.0), False),  # beside it
        ((130.0, 60.0, 190.0, 230.0), False),  # behind it: only head and shoulders over the frame
        ((150.0, 170.0, 168.0, 260.0), False),  # far behind it, walking past its middle
        ((400.0, 110.0, 470.0, 280.0), False),  # elsewhere
        ((130.0, 20.0, 200.0, 290.0), False),  # far taller than a rider shows: a pedestrian walking by in front
    ],
)
def test_posture(person: tuple[float, float, float, float], rides: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert ridden(np.array([BIKE]), np.array([person])).tolist() == [rides]


def test_nobody_or_nothing_there() -> None:
    nothing = np.zeros((0, 4))
    assert ridden(nothing, np.array([BIKE])).tolist() == []
    assert ridden(np.array([BIKE]), nothing).tolist() == [False]


def test_only_the_ridden_one_of_two() -> None:
    parked = (400.0, 200.0, 520.0, 300.0)
    assert ridden(np.array([BIKE, parked]), np.array([(125.0, 110.0, 195.0, 280.0)])).tolist() == [True, False]
