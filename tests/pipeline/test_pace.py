from dataclasses import dataclass, field

import numpy as np
import pytest

from vision.core.errors import StorageError
from vision.core.frames import Frame, TimeSource
from vision.pipeline.pace import Pace
from vision.pipeline.spent import Spent, Stage
from vision.streams.mailbox import Mailbox
from vision.testing import EPOCH, ManualClock


@dataclass
class Waiting:
    """What waits behind the worker, as a test says."""

    findings: int = 0
    on_the_bus: int = 0
    age_s: float = 0.0
    away: bool = False
    failures: int = 0
    dropped: int = 0

    def behind(self) -> int:
        if self.away:
            raise StorageError("away")
        return self.on_the_bus

    def oldest_s(self) -> float:
        return self.age_s

    def waiting(self) -> int:
        return self.findings


@dataclass
class Rig:
    clock: ManualClock = field(default_factory=ManualClock)
    spool: Waiting = field(default_factory=Waiting)
    mailbox: Mailbox = field(default_factory=Mailbox)
    spent: Spent = field(default_factory=Spent)

    def pace(self) -> Pace:
        self.mailbox.rank({"important": 1, "minor": 3})
        pace = Pace("w1", self.clock, self.spool, self.mailbox, self.spent)
        pace.follow()
        return pace

    def looks(self, camera: str, count: int, *, taken: bool) -> None:
        for seq in range(count):
            self.mailbox.put(
                Frame(camera, "main", 0, seq, 0.0, EPOCH, TimeSource.ARRIVAL, np.zeros((2, 2, 3), np.uint8))
            )
            if taken:
                self.mailbox.take(8, 0.0)


def test_looks_get_rarer_for_whatever_is_furthest_behind_and_never_stop() -> None:
    rig = Rig()
    pace = rig.pace()
    shares = []
    for rig.spool in (
        Waiting(),
        Waiting(on_the_bus=120_000),
        Waiting(age_s=120.0),
        Waiting(findings=20_000, away=True),
        Waiting(on_the_bus=10**9, age_s=1e6, findings=10**5),
    ):
        pace.spool = rig.spool
        pace.follow()
        shares.append(pace.share)
    assert shares[:3] == [1.0, 0.5, 0.25]
    assert shares[3] == 0.25, "a Redis that says nothing leaves what was known"
    assert shares[4] == 0.1


def test_the_report_tells_each_classs_looks_and_who_holds_them_up() -> None:
    rig = Rig()
    pace = rig.pace()
    rig.looks("important", 10, taken=True)
    rig.looks("minor", 10, taken=False)
    with rig.spent.on(Stage.RULES), rig.spent.on(Stage.EVIDENCE):
        rig.clock.advance(5)
        pace.follow()
        report = pace.report({1: 1, 3: 1})
    assert report["classes"] == {
        "1": {"views": 1, "came": 10, "missed": 0},
        "3": {"views": 1, "came": 10, "missed": 9},
    }
    assert report["held_by"] == "evidence"
    assert report["window_s"] == 5
    for _ in range(20):
        rig.clock.advance(1)
        pace.follow()
    assert pace.report({1: 1})["held_by"] == "", "what was lost a while ago is no news"


def test_thinned_looks_are_the_hubs_doing_or_rediss() -> None:
    rig = Rig()
    rig.spool.age_s = 60.0
    pace = rig.pace()
    rig.looks("minor", 10, taken=False)
    pace.follow()
    assert pace.report({3: 1})["held_by"] == "hub"
    rig.spool.failures = 1
    assert pace.report({3: 1})["held_by"] == "redis"


@pytest.mark.parametrize("tick_s", [1, 14, 16, 90])
def test_ticks_longer_than_the_window_still_tell_what_was_missed(tick_s: int) -> None:
    rig = Rig()
    pace = rig.pace()
    for _tick in range(20):
        rig.looks("important", 10, taken=False)
        rig.clock.advance(tick_s)
        pace.follow()
    row = pace.report({1: 1})["classes"]["1"]
    assert row["came"] == row["missed"] >= 10
    assert pace.report({1: 1})["window_s"] <= max(15 + tick_s, tick_s)
