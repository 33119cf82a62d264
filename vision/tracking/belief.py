"""What something is, from several looks that each say a little: belief that grows with every look that agrees.

Dempster–Shafer (Shafer, A Mathematical Theory of Evidence, 1976): a score is a simple support function for its class,
discounted by how far such a name is to be trusted; looks are joined by Dempster's rule, so their order is of no matter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_CERTAIN = 0.99  # one look never settles it for good


@dataclass(slots=True)
class Belief:
    """Weights of evidence by name: `-Σ ln(1 - support)` over the looks that spoke for it."""

    weights: dict[str, float] = field(default_factory=dict)

    def hear(self, supports: Mapping[str, float]) -> None:
        """Take in one look: name → support (0–1), nothing for names that it did not show."""
        for name, support in supports.items():
            weight = -math.log1p(-min(max(support, 0.0), _CERTAIN))
            self.weights[name] = self.weights.get(name, 0.0) + weight

    def of(self, name: str) -> float:
        """How far (0–1) it is believed to be just that; all beliefs and what stays unknown add up to 1."""
        odds = {each: math.expm1(weight) for each, weight in self.weights.items()}
        return odds.get(name, 0.0) / (1.0 + sum(odds.values()))

    def most(self) -> str | None:
        """The name believed most; None before anything was heard."""
        return max(self.weights, key=lambda name: self.weights[name], default=None)
