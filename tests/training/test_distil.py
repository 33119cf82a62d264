import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.detectors.street_net import Raw
from vision.training.distil import drift

pytestmark = pytest.mark.slow


def raw(seed: int, noise: float = 0.0) -> Raw:
    torch.manual_seed(seed)
    boxes, scores = torch.randn(2, 64, 21), torch.randn(2, 80, 21) - 2
    feats = [torch.randn(2, 8, size, size) for size in (4, 2, 1)]
    if noise:
        boxes, scores = boxes + noise * torch.randn_like(boxes), scores + noise * torch.randn_like(scores)
        feats = [feat + noise * torch.randn_like(feat) for feat in feats]
    return Raw(boxes, scores, feats)


def test_agreement_costs_nothing() -> None:
    away = drift(raw(1), raw(1))
    for part in (away.features, away.scores, away.boxes):
        torch.testing.assert_close(part, torch.tensor(0.0), atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_disagreement_costs_and_more_of_it_costs_more(seed: int, noise: float) -> None:
    near, far = drift(raw(seed, noise), raw(seed)), drift(raw(seed, 3 * noise), raw(seed))
    for small, large in ((near.features, far.features), (near.scores, far.scores), (near.boxes, far.boxes)):
        assert 0 < float(small) < float(large)


def test_where_the_teacher_is_overruled_nothing_is_held() -> None:
    teacher, student = raw(1), raw(1)
    student.scores[1, :, 7] += 3.0
    student.boxes[1, :, 7] += torch.randn(64)
    student.feats[0][1, :, 1, 3] += 5.0  # anchor 7 is row 1, column 3 of the finest map's 4 x 4 cells
    held = torch.ones(2, 21, dtype=torch.bool)
    assert min(drift(student, teacher, held).as_floats().values()) > 0
    held[1, 7] = False
    away = drift(student, teacher, held)
    for part in (away.features, away.scores, away.boxes):
        torch.testing.assert_close(part, torch.tensor(0.0), atol=1e-6, rtol=0)
