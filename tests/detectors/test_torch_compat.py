import pytest

torch = pytest.importorskip("torch", reason="needs the gpu extra")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from vision.detectors.torch_compat import ensure_torchvision, nms  # noqa: E402

pytestmark = pytest.mark.slow


def slow_nms(boxes: list[list[float]], scores: list[float], threshold: float) -> list[int]:
    """The definition, one pair at a time."""

    def iou(a: list[float], b: list[float]) -> float:
        w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        overlap = max(w, 0.0) * max(h, 0.0)
        union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap
        return overlap / union if union else 0.0

    keep: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(iou(boxes[i], boxes[j]) <= threshold for j in keep):
            keep.append(i)
    return keep


corner, side = st.integers(0, 20), st.integers(1, 15)
box = st.tuples(corner, corner, side, side).map(
    lambda b: [float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3])]
)


@settings(max_examples=50, deadline=None)
@given(st.lists(box, max_size=12), st.sampled_from((0.35, 0.55, 0.71)))
def test_keeps_what_the_definition_keeps(boxes: list[list[float]], threshold: float) -> None:
    scores = [1 - i / 100 for i in range(len(boxes))]
    kept = nms(torch.tensor(boxes).reshape(-1, 4), torch.tensor(scores), threshold)
    assert kept.tolist() == slow_nms(boxes, scores, threshold)


def test_torchvision_imports_afterwards_and_twice() -> None:
    assert ensure_torchvision() == ensure_torchvision()
    from torchvision.ops import nms as theirs

    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40]])
    assert theirs(boxes, torch.tensor([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
