import threading

import numpy as np

from vision.core.frames import Frame, TimeSource
from vision.streams.mailbox import Mailbox
from vision.testing import EPOCH


def look(camera_id: str, seq: int = 0, view_id: str = "main") -> Frame:
    image = np.zeros((2, 2, 3), np.uint8)
    return Frame(camera_id, view_id, 0, seq, float(seq), EPOCH, TimeSource.ARRIVAL, image)


def test_newest_wins_and_drops_are_counted() -> None:
    box = Mailbox()
    for seq in range(3):
        box.put(look("a", seq))
    assert [frame.seq for frame in box.take(5, 0.0)] == [2]
    assert box.drops() == {"a": 2}


def test_longest_waiting_view_first_even_when_overwritten() -> None:
    box = Mailbox()
    for name, seq in (("a", 0), ("b", 0), ("a", 1), ("c", 0)):
        box.put(look(name, seq))
    assert [(frame.camera_id, frame.seq) for frame in box.take(2, 0.0)] == [("a", 1), ("b", 0)]
    assert box.waiting() == 1


def test_views_of_one_camera_do_not_overwrite_each_other() -> None:
    box = Mailbox()
    box.put(look("roof", view_id="north"))
    box.put(look("roof", view_id="south"))
    assert len(box.take(5, 0.0)) == 2


def test_removed_camera_leaves_nothing_behind() -> None:
    box = Mailbox()
    box.put(look("a"))
    box.discard("a")
    assert box.take(1, 0.0) == []


def test_close_wakes_the_taker() -> None:
    box = Mailbox()
    got: list[list[Frame]] = []
    taker = threading.Thread(target=lambda: got.append(box.take(1, 60.0)))
    taker.start()
    box.close()
    taker.join(10)
    assert got == [[]]
