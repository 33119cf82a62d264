import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from vision.streams.sampling import Sampler


def taken(sampler: Sampler, times_s: list[float]) -> list[float]:
    took = []
    for pts_s in times_s:
        if sampler.due(pts_s):
            sampler.took(pts_s)
            took.append(pts_s)
    return took


@settings(deadline=None)
@given(every_s=st.floats(0.5, 60), key_s=st.floats(0.04, 10), minutes=st.integers(5, 30))
def test_number_of_looks_is_time_over_interval(every_s: float, key_s: float, minutes: int) -> None:
    duration_s = minutes * 60.0
    times_s = [n * key_s for n in range(int(duration_s / key_s) + 1)]
    count = len(taken(Sampler(every_s), times_s))
    longest_s = max(every_s, key_s)
    assert duration_s / longest_s / 1.06 - 2 <= count <= duration_s / longest_s * 1.06 + 2


def test_keyframe_a_moment_early_is_the_look() -> None:
    assert taken(Sampler(10.0), [0.0, 9.96, 12.0, 19.97]) == [0.0, 9.96, 19.97]


def test_every_keyframe_when_interval_is_zero() -> None:
    assert taken(Sampler(0.0), [0.0, 2.0, 4.0]) == [0.0, 2.0, 4.0]


@pytest.mark.parametrize("jump_s", [-5.0, 100_000.0])
def test_jump_of_the_stream_clock_starts_a_new_grid(jump_s: float) -> None:
    sampler = Sampler(10.0)
    taken(sampler, [100.0, 110.0])
    assert taken(sampler, [110.0 + jump_s, 111.0 + jump_s, 120.0 + jump_s]) == [110.0 + jump_s, 120.0 + jump_s]


def test_look_that_could_not_be_decoded_is_made_up_for_by_the_next() -> None:
    sampler = Sampler(10.0)
    assert sampler.due(0.0)
    assert sampler.due(2.0)
    sampler.took(2.0)
    assert not sampler.due(4.0)
