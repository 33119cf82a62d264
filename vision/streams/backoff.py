"""How long to wait before the next attempt: exponential, capped, with full jitter so that cameras spread out."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015).

    Attributes:
        least_s: the shortest wait, also of the first attempt.
        most_s: the longest; a refused camera (wrong password, no such path) waits up to `refused_s`.
    """

    least_s: float = 0.5
    most_s: float = 30.0
    refused_s: float = 300.0

    def wait_s(self, failures: int, rng: random.Random, *, refused: bool = False) -> float:
        """Seconds to wait after the given number of failures in a row (1 or more)."""
        ceiling = self.refused_s if refused else self.most_s
        grown = min(ceiling, self.least_s * 2.0 ** min(failures, 30))
        return rng.uniform(max(self.least_s, grown / 2), grown)
