import threading
from collections import Counter

import numpy as np
import pytest

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


def test_under_pressure_looks_get_rarer_by_priority_and_nobody_starves() -> None:
    """Twelve views always have a look ready, four are taken at a time: 4 : 2 : 1 by class."""
    box, taken = Mailbox(), Counter[str]()
    names = [f"{priority}-{n}" for priority in (1, 2, 3) for n in range(4)]
    box.rank({name: int(name[0]) for name in names})
    for seq in range(700):
        for name in names:
            box.put(look(name, seq))
        taken.update(frame.camera_id for frame in box.take(4, 0.0))
    by_class = [[taken[name] for name in names if name[0] == priority] for priority in "123"]
    assert all(max(counts) - min(counts) <= 2 for counts in by_class), "fair within a class"
    first, second, third = (sum(counts) for counts in by_class)
    assert 1.7 <= first / second <= 2.3
    assert 1.7 <= second / third <= 2.3
    assert box.waiting() == 8


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_thinned_looks_are_a_share_of_those_that_come_by_priority_however_idle_the_taker(share: float) -> None:
    """The taker asks after every look, as one with nothing else to do would."""
    box, taken = Mailbox(), Counter[str]()
    names = [f"{priority}-{n}" for priority in (1, 2, 3) for n in range(4)]
    box.rank({name: int(name[0]) for name in names})
    box.thin(share)
    for seq in range(1000):
        for name in names:
            box.put(look(name, seq))
            taken.update(frame.camera_id for frame in box.take(8, 0.0))
    assert abs(sum(taken.values()) - share * 12_000) <= 12
    assert min(taken.values()) > 0, "nobody starves"
    first, second, third = (sum(taken[name] for name in names if name[0] == priority) for priority in "123")
    assert first >= second > third
    tallies = box.tallies()
    assert [tallies[priority].came for priority in (1, 2, 3)] == [4000] * 3
    assert sum(tally.missed for tally in tallies.values()) + sum(taken.values()) + box.waiting() == 12_000


def test_a_thinned_box_gives_all_again_at_once_when_it_is_told_to() -> None:
    box = Mailbox()
    box.thin(0.1)
    for name in "abc":
        box.put(look(name))
    assert box.take(8, 0.0) == []
    box.thin(1.0)
    assert len(box.take(8, 0.0)) == 3
    for seq in range(50):  # what was taken at full share is not owed afterwards
        box.put(look("a", seq))
        box.take(8, 0.0)
    box.thin(0.5)
    taken = 0
    for seq in range(20):
        box.put(look("a", seq))
        taken += len(box.take(8, 0.0))
    assert 9 <= taken <= 18
