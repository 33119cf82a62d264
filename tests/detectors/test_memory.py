"""A GPU whose memory is short: batches are halved and nothing is lost."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vision.core.errors import DetectorError

torch = pytest.importorskip("torch", reason="needs the gpu extra")

from vision.detectors.ultralytics import fitting  # noqa: E402 - after torch is known to be there

pytestmark = pytest.mark.slow


class ShortOfMemory:
    """Takes batches of up to `room` pictures; answers each with its own brightness."""

    def __init__(self, room: int) -> None:
        self.room, self.tried = room, list[int]()

    def __call__(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        self.tried.append(len(pictures))
        if len(pictures) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore of it")
        return [pictures.reshape(len(pictures), -1).mean(axis=1).astype(np.float32)]


PICTURES = np.arange(16, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3)


def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_stays_so() -> None:
    run, most, found = ShortOfMemory(room=5), 64, list[float]()
    while len(found) < len(PICTURES):
        (answers,), most = fitting(run, PICTURES[len(found) :], most)
        found += answers.tolist()
    assert found == list(range(16))
    assert run.tried == [16, 8, 4, 4, 4, 4]


def test_a_batch_that_fits_goes_whole() -> None:
    run = ShortOfMemory(room=64)
    assert fitting(run, PICTURES, 64)[1] == 64
    assert run.tried == [16]


def test_when_not_one_picture_fits_it_is_told_in_a_sentence() -> None:
    with pytest.raises(DetectorError, match=r"not one picture fits into the memory: CUDA out of memory") as caught:
        fitting(ShortOfMemory(room=0), PICTURES, 64)
    assert "\n" not in str(caught.value)
