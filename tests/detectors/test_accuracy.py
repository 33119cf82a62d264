from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vision.detectors.accuracy import BUCKETS, Look, class_accuracy, mean

BOX = (10.0, 10.0, 60.0, 60.0)


def look(seen: Sequence[tuple[float, ...]], truth: Sequence[tuple[float, ...]], scale: float = 1.0) -> Look:
    """Rows of `seen`: x1, y1, x2, y2, score, class; of `truth`: x1, y1, x2, y2, class."""
    rows, labels = np.array(seen, np.float32).reshape(-1, 6), np.array(truth, np.float32).reshape(-1, 5)
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    return Look(
        rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int32), labels[:, :4], labels[:, 4].astype(np.int32), scale
    )


def test_everything_found_is_perfect() -> None:
    result = class_accuracy([look([(*BOX, 0.9, 0)], [(*BOX, 0)])] * 3, 0)
    assert (result.truths, result.precision, result.recall) == (3, 1.0, 1.0)
    assert result.map50 == pytest.approx(1.0, abs=0.01)
    assert result.map5095 == pytest.approx(1.0, abs=0.01)


def test_nothing_found_is_nothing() -> None:
    result = class_accuracy([look([], [(*BOX, 0)])], 0)
    assert (result.map50, result.recall, result.running_recall) == (0.0, 0.0, 0.0)


def test_a_class_without_truths_has_no_figure() -> None:
    assert np.isnan(class_accuracy([look([(*BOX, 0.9, 0)], [])], 0).map50)
    assert mean([float("nan"), 0.5]) == 0.5


def test_another_class_at_the_place_finds_nothing() -> None:
    assert class_accuracy([look([(*BOX, 0.9, 1)], [(*BOX, 0)])], 0).map50 == 0.0


def test_a_truth_is_found_once() -> None:
    result = class_accuracy([look([(*BOX, 0.9, 0), (*BOX, 0.8, 0)], [(*BOX, 0)])], 0, running_score=0.5)
    assert (result.running_precision, result.running_recall) == (0.5, 1.0)


def test_half_right_boxes_count_up_to_their_overlap() -> None:
    result = class_accuracy([look([(10, 10, 60, 45, 0.9, 0)], [(*BOX, 0)])], 0)  # IoU 0.7
    assert result.ap[:4] == pytest.approx(np.full(4, 1.0), abs=0.01)
    assert result.ap[6:].tolist() == [0, 0, 0, 0]


def test_a_false_alarm_above_the_hit_halves_the_average_precision() -> None:
    result = class_accuracy([look([(100, 100, 150, 150, 0.9, 0), (*BOX, 0.5, 0)], [(*BOX, 0)])], 0)
    assert result.map50 == pytest.approx(0.5, abs=0.01)
    assert class_accuracy([look([(100, 100, 150, 150, 0.3, 0), (*BOX, 0.5, 0)], [(*BOX, 0)])], 0).map50 > 0.99


def test_sizes_are_told_apart_in_pixels_of_the_input() -> None:
    seen, truth = [(0, 0, 40, 40, 0.9, 0), (100, 100, 300, 300, 0.8, 0)], [(0, 0, 40, 40, 0), (100, 100, 300, 300, 0)]
    one = {name: class_accuracy([look(seen, truth)], 0, bucket=bucket).truths for name, bucket in BUCKETS.items()}
    half = {name: class_accuracy([look(seen, truth, 0.5)], 0, bucket=bucket).truths for name, bucket in BUCKETS.items()}
    assert one == {"small": 0, "medium": 1, "large": 1}
    assert half == {"small": 1, "medium": 0, "large": 1}


def test_what_lies_in_another_bucket_is_not_held_against_the_detector() -> None:
    seen, truth = [(0, 0, 40, 40, 0.9, 0), (100, 100, 300, 300, 0.95, 0)], [(0, 0, 40, 40, 0), (100, 100, 300, 300, 0)]
    assert class_accuracy([look(seen, truth)], 0, bucket=BUCKETS["medium"]).map50 == pytest.approx(1.0, abs=0.01)
    alarm = [(400, 400, 440, 440, 0.99, 0), *seen]
    assert class_accuracy([look(alarm, truth)], 0, bucket=BUCKETS["medium"]).map50 == pytest.approx(0.5, abs=0.01)
    assert class_accuracy([look(alarm, truth)], 0, bucket=BUCKETS["large"]).map50 == pytest.approx(1.0, abs=0.01)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_figures_stay_between_nothing_and_everything_and_loosen_with_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks = []
    for _ in range(5):
        low = rng.uniform(0, 50, (12, 2))
        boxes = np.hstack([low, low + rng.uniform(5, 40, (12, 2))])
        seen = [(*box, score, 0) for box, score in zip(boxes[:8], rng.uniform(0, 1, 8), strict=True)]
        looks.append(look(seen, [(*box, 0) for box in boxes[4:]]))
    result = class_accuracy(looks, 0)
    assert ((result.ap >= 0) & (result.ap <= 1)).all()
    assert (np.diff(result.ap) <= 1e-9).all()
    assert 0 < result.precision <= 1
    assert 0 < result.recall <= 1
