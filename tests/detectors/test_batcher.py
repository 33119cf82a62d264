import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from tests.detectors.networks import save_colour_network
from vision.core.detections import Detections
from vision.core.errors import DetectorError
from vision.core.frames import Image
from vision.detectors.batcher import Batcher
from vision.detectors.catalogue import open_detector


def level(value: int) -> Image:
    return np.full((8, 8, 3), value, np.uint8)


class GatedDetector:
    """Answers with each picture's mean as the score, once the gate is open; remembers its batches."""

    names = ("level",)
    version = "gated-1"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []
        self.closed = False
        self.error: Exception | None = None

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        self.entered.set()
        self.gate.wait(10)
        self.batches.append(len(images))
        if self.error is not None:
            raise self.error
        return [
            Detections(
                np.zeros((1, 4), np.float32),
                np.array([image.mean() / 255], np.float32),
                np.zeros(1, np.int32),
                self.names,
            )
            for image in images
        ]

    def close(self) -> None:
        self.closed = True


def test_each_camera_gets_its_own_answer_and_pictures_go_together() -> None:
    detector = GatedDetector()
    batcher = Batcher(detector, max_batch=4, wait_s=0.01)
    first = batcher.submit(level(0))
    detector.entered.wait(10)
    rest = [batcher.submit(level(value)) for value in range(1, 10)]
    detector.gate.set()
    scores = [future.result(10).score[0] for future in [first, *rest]]
    np.testing.assert_allclose(scores, np.arange(10) / 255, atol=1e-6)
    batcher.close()
    assert detector.batches[0] == 1
    assert max(detector.batches) == 4
    assert detector.closed
    assert batcher.counts.done == 10


def test_a_full_queue_drops_the_oldest_and_counts_it_for_its_camera() -> None:
    detector = GatedDetector()
    batcher = Batcher(detector, max_batch=1, capacity=2)
    running = batcher.submit(level(0), "gate")
    detector.entered.wait(10)
    waiting = [batcher.submit(level(value), camera) for value, camera in [(1, "gate"), (2, "lane"), (3, "lane")]]
    detector.gate.set()
    with pytest.raises(CancelledError):
        waiting[0].result(10)
    assert [future.result(10).score[0] * 255 for future in [running, *waiting[1:]]] == pytest.approx([0, 2, 3])
    assert dict(batcher.counts.dropped) == {"gate": 1}
    batcher.close()


def test_a_failing_batch_tells_its_cameras_and_the_next_one_goes_on() -> None:
    detector = GatedDetector()
    detector.gate.set()
    detector.error = RuntimeError("out of memory")
    batcher = Batcher(detector, max_batch=1)
    with pytest.raises(DetectorError, match="inference failed: out of memory"):
        batcher.submit(level(0)).result(10)
    detector.error = None
    assert len(batcher.submit(level(0)).result(10)) == 1
    assert (batcher.counts.failed, batcher.counts.done) == (1, 1)
    batcher.close()


def test_a_bad_picture_fails_alone() -> None:
    detector = GatedDetector()
    detector.gate.set()
    batcher = Batcher(detector)
    bad, good = batcher.submit(np.zeros((4, 4), np.uint8)), batcher.submit(level(1))
    with pytest.raises(DetectorError, match="grey"):
        bad.result(10)
    assert len(good.result(10)) == 1
    batcher.close()


def test_a_closed_batcher_answers_what_waits_and_takes_no_more() -> None:
    detector = GatedDetector()
    batcher = Batcher(detector, max_batch=2)
    futures = [batcher.submit(level(value)) for value in range(5)]
    detector.gate.set()
    batcher.close()
    assert all(future.done() and not future.cancelled() for future in futures)
    with pytest.raises(DetectorError, match="closed"):
        batcher.submit(level(0))


def test_a_streaming_detector_is_fed_without_waiting_for_a_batch(tmp_path: Path) -> None:
    batcher = Batcher(open_detector(save_colour_network(tmp_path), device="cpu"), wait_s=1e9)
    futures = [batcher.submit(level(value)) for value in range(80, 250, 10)]
    scores = [future.result(30).score[0] for future in futures]
    np.testing.assert_allclose(scores, np.arange(80, 250, 10) / 255, atol=0.01)
    batcher.close()
