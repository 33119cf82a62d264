import random

from hypothesis import given
from hypothesis import strategies as st

from vision.cases.pacing import Breaker, Bucket, Circuit, Pacing


@given(st.integers(1, 60), st.integers())
def test_backoff_grows_to_its_limit_and_is_never_short(attempt: int, seed: int) -> None:
    pacing = Pacing(backoff_first_s=2, backoff_most_s=600)
    step = min(600, 2 * 2 ** (attempt - 1))
    assert step / 2 <= pacing.backoff_s(attempt, random.Random(seed)) <= step


@given(st.floats(0.1, 100), st.integers(1, 50), st.lists(st.floats(0, 10), max_size=40))
def test_a_bucket_never_gives_more_than_its_rate(rate: float, burst: int, waits: list[float]) -> None:
    bucket, now_s, given_out = Bucket(rate, burst), 0.0, 0
    for wait_s in waits:
        now_s += wait_s
        room = bucket.available(now_s)
        bucket.take(room)
        given_out += room
    assert given_out <= burst + rate * now_s + 1e-6


def test_a_breaker_rests_longer_each_time_a_trial_fails() -> None:
    breaker = Breaker(Pacing(breaker_failures=2, breaker_rest_s=10, backoff_most_s=35))
    breaker.failed(0)
    assert breaker.state(0) is Circuit.CLOSED
    breaker.failed(0)
    for began_s, rest_s in [(0, 10), (10, 20), (30, 35), (65, 35)]:
        assert breaker.state(began_s + rest_s - 1) is Circuit.OPEN
        assert breaker.state(began_s + rest_s) is Circuit.TRIAL
        assert breaker.allowance(began_s + rest_s) == 1
        breaker.began(began_s + rest_s)
        assert breaker.allowance(began_s + rest_s) == 0
        breaker.failed(began_s + rest_s)
    breaker.succeeded()
    assert breaker.allowance(0) is None


def test_retry_after_pauses_without_counting_as_broken() -> None:
    breaker = Breaker(Pacing())
    breaker.pause(0, 30)
    assert breaker.state(29) is Circuit.OPEN
    assert breaker.state(30) is Circuit.CLOSED
