"""How fast one target may be pressed: back-off with jitter, a token bucket, a circuit breaker."""

import random
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Pacing:
    """Limits of one target.

    Attributes:
        concurrency: pushes under way at once.
        rate_per_s: pushes begun per second, on average; `burst` may begin at once.
        backoff_first_s, backoff_most_s: wait after the first failure, and the longest wait.
        breaker_failures: failures in a row after which the target is left alone.
        breaker_rest_s: how long it is left alone first; doubled each time a trial push fails, up to `backoff_most_s`.
    """

    concurrency: int = 4
    rate_per_s: float = 20.0
    burst: int = 20
    backoff_first_s: float = 2.0
    backoff_most_s: float = 600.0
    breaker_failures: int = 10
    breaker_rest_s: float = 15.0

    def backoff_s(self, attempt: int, random_source: random.Random) -> float:
        """Wait after the `attempt`-th failure (from 1): doubling, with the upper half of it left to chance.

        "Equal jitter" of Brooker, Exponential Backoff And Jitter, AWS Architecture Blog 2015: never shorter than half
        the step, so that a refusal is never answered at once, and spread wide enough to part a crowd.
        """
        step = min(self.backoff_most_s, self.backoff_first_s * 2.0 ** min(attempt - 1, 30))
        return step / 2 + random_source.uniform(0, step / 2)


class Bucket:
    """A token bucket: `burst` tokens at first, `rate_per_s` more each second."""

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate_per_s = rate_per_s
        self._most = float(max(1, burst))
        self._tokens = self._most
        self._at_s: float | None = None

    def available(self, now_s: float) -> int:
        """Whole tokens that may be taken at `now_s` (monotonic seconds)."""
        if self._at_s is not None:
            self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        return int(self._tokens)

    def take(self, count: int) -> None:
        self._tokens -= count

    def wait_s(self) -> float:
        """Seconds until the next whole token, counted from the last `available`."""
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) / self._rate_per_s


class Circuit(StrEnum):
    CLOSED = "closed"  # pushes flow
    OPEN = "open"  # left alone
    TRIAL = "trial"  # one push tells whether it is back


class Breaker:
    """A circuit breaker (Nygard, Release It!, 2nd ed., ch. 5), with pauses asked for by the other side."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._failures = 0
        self._rests = 0
        self._until_s = 0.0
        self._opened = False
        self._trying = False

    def state(self, now_s: float) -> Circuit:
        if now_s < self._until_s:
            return Circuit.OPEN
        return Circuit.TRIAL if self._opened else Circuit.CLOSED

    def allowance(self, now_s: float) -> int | None:
        """How many pushes may begin: None for any number, one on trial, none while open."""
        match self.state(now_s):
            case Circuit.CLOSED:
                return None
            case Circuit.TRIAL:
                return 0 if self._trying else 1
            case Circuit.OPEN:
                return 0

    def began(self, now_s: float) -> None:
        self._trying = self.state(now_s) is Circuit.TRIAL

    def succeeded(self) -> None:
        self._failures = self._rests = 0
        self._opened = self._trying = False
        self._until_s = 0.0

    def failed(self, now_s: float) -> None:
        """A failure of the target itself; a refusal of one case is a success here."""
        self._failures += 1
        on_trial, self._trying = self._trying, False
        if on_trial or (not self._opened and self._failures >= self._pacing.breaker_failures):
            rest_s = min(self._pacing.backoff_most_s, self._pacing.breaker_rest_s * 2.0**self._rests)
            self._rests += 1
            self._opened = True
            self._until_s = max(self._until_s, now_s + rest_s)

    def pause(self, now_s: float, seconds: float) -> None:
        """The other side said when to come back (Retry-After, RFC 9110 section 10.2.3)."""
        self._until_s = max(self._until_s, now_s + seconds)

    @property
    def opens_at_s(self) -> float:
        """Monotonic second at which pushes may begin again."""
        return self._until_s
