import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vision.core.geometry import iou_matrix
from vision.detectors.boxes import (
    Decoding,
    Output,
    Reading,
    decode_end_to_end,
    decode_ultralytics,
    decode_yolox,
    gather,
    suppress,
)
from vision.detectors.letterbox import Letterbox


def greedy(xyxy: NDArray[np.float32], class_id: NDArray[np.int32], iou: float) -> list[int]:
    """The textbook loop, as the reference."""
    kept: list[int] = []
    ious = iou_matrix(xyxy, xyxy)
    for row in range(len(xyxy)):
        if all(class_id[row] != class_id[better] or ious[better, row] <= iou for better in kept):
            kept.append(row)
    return kept


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 700), st.integers(1, 4))
def test_suppression_is_the_greedy_one(seed: int, count: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 60, (count, 2))
    xyxy = np.hstack([low, low + rng.integers(1, 40, (count, 2))]).astype(np.float32)
    class_id = rng.integers(0, classes, count).astype(np.int32)
    score = np.sort(rng.random(count, np.float32))[::-1]
    kept, voted = suppress(xyxy, score, class_id, Decoding(iou=0.5, vote=1.0, limit=1000))
    assert kept.tolist() == greedy(xyxy, class_id, 0.5)
    np.testing.assert_allclose(voted, xyxy[kept], atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 700))
def test_a_kept_box_is_the_weighed_mean_of_those_that_agree_with_it(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 30, (count, 2))
    xyxy = np.hstack([low, low + rng.integers(20, 40, (count, 2))]).astype(np.float32)
    class_id = rng.integers(0, 2, count).astype(np.int32)
    score = np.sort(rng.uniform(0.1, 1.0, count).astype(np.float32))[::-1]
    kept, voted = suppress(xyxy, score, class_id, Decoding(iou=0.6, vote=0.7, limit=1000))
    ious = iou_matrix(xyxy, xyxy)
    for place, row in enumerate(kept):
        agree = (ious[row] > 0.7) & (class_id == class_id[row])
        weight = ious[row][agree] * score[agree]
        np.testing.assert_allclose(voted[place], weight @ xyxy[agree] / weight.sum(), atol=1e-2)


def test_ultralytics_layout_takes_the_best_class_of_a_place() -> None:
    output = np.zeros((6, 8), np.float32)
    output[:, 3] = 10, 20, 4, 6, 0.4, 0.9
    xyxy, score, class_id = decode_ultralytics(output, Decoding(), (64, 64))
    assert xyxy.tolist() == [[8, 17, 12, 23]]
    assert (score.tolist(), class_id.tolist()) == ([pytest.approx(0.9)], [1])


def test_measuring_keeps_every_class_of_a_place() -> None:
    output = np.zeros((6, 8), np.float32)
    output[:, 3] = 10, 20, 4, 6, 0.4, 0.9
    _, score, class_id = decode_ultralytics(output, Decoding(multi_label=True), (64, 64))
    assert sorted(zip(class_id.tolist(), score.tolist(), strict=True)) == [
        (0, pytest.approx(0.4)),
        (1, pytest.approx(0.9)),
    ]


def test_end_to_end_layout_is_taken_as_it_is() -> None:
    output = np.array([[1, 2, 3, 4, 0.9, 1], [0, 0, 9, 9, 0.1, 0]], np.float32)
    xyxy, score, class_id = decode_end_to_end(output, Decoding(), (64, 64))
    assert xyxy.tolist() == [[1, 2, 3, 4]]
    assert (len(score), class_id.tolist()) == (1, [1])


def test_yolox_layout_counts_cells_of_three_levels() -> None:
    output = np.zeros((16 + 4 + 1, 7), np.float32)
    output[16 + 1] = 0.5, 0.5, 0, np.log(2), 0.8, 0.1, 1  # second cell of the 16-pixel level of a 32-pixel input
    xyxy, score, class_id = decode_yolox(output, Decoding(), (32, 32))
    np.testing.assert_allclose(xyxy, [[16, -8, 32, 24]], atol=1e-4)
    assert (class_id.tolist(), score.tolist()) == ([1], [pytest.approx(0.8)])


def test_outputs_are_joined_under_the_products_names() -> None:
    street, garbage = np.zeros((6, 8), np.float32), np.zeros((5, 8), np.float32)
    street[:, 0] = 32, 32, 20, 20, 0.8, 0.0
    street[:, 1] = 32, 32, 20, 20, 0.0, 0.7
    garbage[:, 5] = 32, 32, 20, 20, 0.9
    outputs = (
        Output("ultralytics", np.array([0, -1], np.int32)),
        Output("ultralytics", np.array([1], np.int32)),
    )
    place = Letterbox.of(128, 64, (64, 64))
    reading = Reading(("bicycle", "garbage"), outputs, (64, 64), Decoding())
    seen = gather([street, garbage], reading, place)
    assert [seen.class_name(row) for row in range(len(seen))] == ["garbage", "bicycle"]
    np.testing.assert_allclose(seen.xyxy[0], [44, 12, 84, 52])


def test_nothing_above_the_threshold_is_no_box() -> None:
    reading = Reading(("a", "b"), (Output("ultralytics", np.array([0, 1], np.int32)),), (64, 64), Decoding())
    assert len(gather([np.zeros((6, 8), np.float32)], reading, Letterbox.of(64, 64, (64, 64)))) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", range(6))
def test_a_candidate_that_is_not_finite_leaves_the_others_alone(bad: float, where: int) -> None:
    tensors = {"ultralytics": np.zeros((6, 8), np.float32), "end_to_end": np.zeros((8, 6), np.float32)}
    tensors["ultralytics"][:, 0] = 32, 32, 20, 20, 0.8, 0.1
    tensors["ultralytics"][:, 1] = 33, 32, 20, 20, 0.5, 0.5
    tensors["ultralytics"][where, 1] = bad
    tensors["end_to_end"][0] = 22, 22, 42, 42, 0.8, 0
    tensors["end_to_end"][1] = 23, 22, 43, 42, 0.5, 0
    tensors["end_to_end"][1, where] = bad
    for layout, tensor in tensors.items():
        reading = Reading(("a", "b"), (Output(layout, np.array([0, 1], np.int32)),), (64, 64), Decoding())
        seen = gather([tensor], reading, Letterbox.of(64, 64, (64, 64)))
        assert np.isfinite(seen.xyxy).all()
        assert np.isfinite(seen.score).all()
        np.testing.assert_allclose(seen.xyxy[0], [22, 22, 42, 42], atol=1)
