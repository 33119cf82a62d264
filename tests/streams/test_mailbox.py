import threading
from collections import Counter

import numpy as np
import pytest

from vision.core.frames import Frame, TimeSource
from vision.streams.mailbox import Mailbox
from vision.testing import EPOCH, ManualClock


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
    assert sum(taken.values()) == pytest.approx(share * 12_000, rel=0.01)
    assert min(taken.values()) > 0, "nobody starves"
    first, second, third = (sum(taken[name] for name in names if name[0] == priority) for priority in "123")
    assert first >= second > third
    tallies = box.tallies()
    assert [tallies[priority].came for priority in (1, 2, 3)] == [4000] * 3
    assert sum(tally.missed for tally in tallies.values()) + sum(taken.values()) + box.waiting() == 12_000


def test_a_thinned_box_gives_all_again_at_once_when_it_is_told_to() -> None:
    box = Mailbox()
    box.thin(0.1)
    for seq in range(7):
        box.put(look("a", seq))
    assert box.take(8, 0.0) == []
    box.thin(1.0)
    for name in "abc":
        box.put(look(name))
    assert len(box.take(8, 0.0)) == 3


def test_a_thinned_look_is_never_old_none_is_hoarded_and_all_that_are_dropped_are_counted() -> None:
    """300 views of a patrol, each seen every 600 s, while the hubs are behind and once they are not."""
    clock, seen, ages = ManualClock(), dict[str, int](), list[int]()
    box = Mailbox(clock)
    box.thin(0.1)
    for now_s in range(2400):
        if now_s == 1200:
            box.thin(1.0)
            assert sum(tally.missed for tally in box.tallies().values()) + len(ages) + box.waiting() == 600
        if now_s % 2 == 0:
            name = f"p{now_s // 2 % 300}"
            box.put(look(name))
            seen[name] = now_s
        ages += [now_s - seen[frame.camera_id] for frame in box.take(8, 0.0)]
        if now_s == 1199:
            assert 55 <= len(ages) <= 65, "a tenth"
        assert box.waiting() == 0, "what nobody may take is not kept"
        clock.advance(1)
    assert max(ages) <= 5


def test_looks_that_waited_when_thinning_began_are_dropped_once_they_are_old() -> None:
    clock = ManualClock()
    box = Mailbox(clock)
    for seq in range(200):
        box.put(look(f"c{seq}"))
    box.thin(0.1)
    assert len(box.take(8, 0.0)) == 8
    clock.advance(6)
    box.thin(1.0)
    assert box.take(8, 0.0) == []
    tally = box.tallies()[2]
    assert (tally.came, tally.missed, sum(box.drops().values())) == (200, 192, 192)


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_round_of_views_is_thinned_by_priority_with_boosted_ones_first(share: float) -> None:
    """Each view comes every 30 s, always in the same order, so that a share of a whole number could hit the same."""
    clock, taken = ManualClock(), Counter[str]()
    box = Mailbox(clock)
    names = [f"{priority}-{n}" for priority in (1, 2, 3) for n in range(10)]
    box.rank({name: int(name[0]) for name in names})
    box.boost(frozenset({"3-0"}))
    box.thin(share)
    for seq in range(12_000):
        box.put(look(names[seq * 7 % 30], seq))
        taken.update(frame.camera_id for frame in box.take(8, 0.0))
        clock.advance(1)
    assert abs(sum(taken.values()) - share * 12_000) < 0.01 * 12_000
    boosted = taken.pop("3-0")
    assert len(taken) == 29, "nobody starves"
    assert boosted >= 1.5 * max(taken.values()) or boosted == 400
    classes = [[count for name, count in taken.items() if name[0] == priority] for priority in "123"]
    assert all(max(counts) - min(counts) <= 2 for counts in classes), "fair within a class"
    first, second, third = (max(counts) for counts in classes)
    assert first == pytest.approx(2 * second, rel=0.05)
    assert second == pytest.approx(2 * third, rel=0.05)
