"""Hold the street branch to the base model: same features, same scores, same boxes on the same pictures."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from vision.detectors.street_net import Raw
from vision.training.recipe import Distil

_BINS = 16
_SEEN = 0.05


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the street branch is from its teacher; each is zero when they agree."""

    features: torch.Tensor
    scores: torch.Tensor
    boxes: torch.Tensor

    def weighed(self, weights: Distil) -> torch.Tensor:
        """Return the loss."""
        return weights.features * self.features + weights.scores * self.scores + weights.boxes * self.boxes

    def as_floats(self) -> dict[str, float]:
        """Return the parts for a log."""
        return {
            "features": float(self.features.detach()),
            "scores": float(self.scores.detach()),
            "boxes": float(self.boxes.detach()),
        }


def drift(student: Raw, teacher: Raw, held: torch.Tensor | None = None) -> Drift:
    """Compare raw predictions on the same pictures (Hinton et al., 2015; features as in Romero et al., ICLR 2015).

    `held` (B, A) bool: the anchors on which the teacher is right; all of them where None.

    features: squared error of P3-P5 over the teacher's own power. scores: Kullback-Leibler divergence of
    every anchor's and class's Bernoulli, per object seen by the teacher. boxes: the same of the distances'
    distributions, weighed by the teacher's score.
    """
    batch, _, anchors = teacher.boxes.shape
    right = torch.ones(batch, anchors) if held is None else held.float()
    cells = torch.split(right, [feat.shape[2] * feat.shape[3] for feat in teacher.feats], dim=1)
    features = torch.stack(
        [
            ((s.float() - t.float()).square() * of.view(batch, 1, *t.shape[2:])).mean()
            / t.float().square().mean().clamp(min=1e-6)
            for s, t, of in zip(student.feats, teacher.feats, cells, strict=True)
        ]
    ).mean()
    theirs, ours = teacher.scores.float(), student.scores.float()
    p = theirs.sigmoid()
    divergence = functional.binary_cross_entropy_with_logits(
        ours, p, reduction="none"
    ) - functional.binary_cross_entropy_with_logits(theirs, p, reduction="none")
    weight = p.amax(dim=1)
    weight = weight * (weight > _SEEN) * right
    seen = weight.sum().clamp(min=1.0)
    scores = (divergence.sum(dim=1) * right).sum() / seen
    theirs_log = teacher.boxes.float().view(batch, 4, _BINS, anchors).log_softmax(dim=2)
    ours_log = student.boxes.float().view(batch, 4, _BINS, anchors).log_softmax(dim=2)
    per_anchor = (theirs_log.exp() * (theirs_log - ours_log)).sum(dim=2).mean(dim=1)
    boxes = (per_anchor * weight).sum() / seen
    return Drift(features, scores, boxes)
