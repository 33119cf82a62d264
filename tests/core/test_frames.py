from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vision.core.frames import Frame, Image, Later, TimeSource
from vision.testing import EPOCH

SMALL: Image = np.zeros((4, 6, 3), np.uint8)
LARGE: Image = np.ones((8, 12, 3), np.uint8)


def frame(full: Image | Later | None) -> Frame:
    return Frame("gate", "main", 0, 0, 0.0, EPOCH, TimeSource.FILE, SMALL, full)


def test_the_best_picture_is_the_full_one_where_there_is_one() -> None:
    assert frame(LARGE).best is LARGE
    assert frame(None).best is SMALL
    assert frame(Later(lambda: LARGE)).best is LARGE
    assert frame(Later(lambda: None)).best is SMALL


def test_a_picture_for_later_is_made_once_and_only_when_it_is_wanted() -> None:
    made = []

    def make() -> Image:
        made.append(1)
        return LARGE

    look = frame(Later(make))
    assert not made
    with ThreadPoolExecutor(8) as pool:
        assert all(one is LARGE for one in pool.map(lambda _: look.best, range(64)))
    assert len(made) == 1
