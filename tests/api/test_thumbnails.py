import cv2
import numpy as np
import pytest

from vision.api.thumbnails import Thumbnails
from vision.core.errors import NotThereError

PICTURE = cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (90, 160, 3), np.uint8))[1].tobytes()


def test_a_small_copy_is_made_once_and_never_enlarged() -> None:
    thumbnails = Thumbnails()
    small = cv2.imdecode(np.frombuffer(thumbnails.make("a", 80, PICTURE), np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (45, 80, 3)
    assert thumbnails.get("a", 80) is not None
    assert thumbnails.make("a", 400, PICTURE) == PICTURE


@pytest.mark.parametrize("stored", [b"", b"no picture", PICTURE[: len(PICTURE) // 2], PICTURE[:-2]])
def test_a_picture_that_was_not_stored_whole_is_told_by_its_name(stored: bytes) -> None:
    with pytest.raises(NotThereError, match=r"^evidence day/a\.jpg is not a whole picture$"):
        Thumbnails().make("day/a.jpg", 80, stored)
