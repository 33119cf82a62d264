"""What is slow is found out, told in words, and written down when it began and ended."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from vision.core.errors import StorageError
from vision.core.pressure import Cause, Slowdown
from vision.hub.pressure import PressureWatch
from vision.storage.database import Database
from vision.storage.tables import AuditEntry, IncidentRow, OutboxRow
from vision.testing import ManualClock


@dataclass
class Board:
    """What one worker last said."""

    load: dict[str, Any] = field(default_factory=dict)
    away: bool = False

    def workers(self) -> dict[str, dict[str, Any]]:
        if self.away:
            raise StorageError("Redis: away")
        return {"w1": {"alive": True, "load": self.load}, "dead": {"alive": False, "load": {"held_by": "detector"}}}


@dataclass
class Rig:
    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    board: Board = field(default_factory=Board)
    committing_s: float = 0.0
    watch: PressureWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = PressureWatch(self.board, self.database, self.clock, committing_s=lambda: self.committing_s)

    def turn(self, seconds: int, *, database: bool = True) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            if database:
                self.watch.ask_database()
            self.watch.ask_redis()
            self.watch.look()

    def written(self) -> list[tuple[str, str]]:
        with self.database.reading() as session:
            rows = session.execute(select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)).all()
        return [(row.action, row.subject) for row in rows]


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


CALM = {"2": {"views": 4, "came": 20, "missed": 0}}
THIN = {
    "held_by": "detector",
    "window_s": 10.0,
    "classes": {
        "1": {"views": 2, "came": 20, "missed": 0},
        "2": {"views": 40, "came": 100, "missed": 80},
        "3": {"views": 5, "came": 50, "missed": 50},
    },
}


def test_all_is_well(rig: Rig) -> None:
    rig.turn(20)
    assert rig.watch.now().slow == ()
    assert rig.watch.now().summary is None
    assert rig.written() == []


def test_a_slow_detector_is_told_with_the_classes_that_are_hit_and_both_ends_are_written_down(rig: Rig) -> None:
    rig.board.load = THIN
    rig.turn(2)
    assert rig.watch.now().summary is None, "a hiccup is no news"
    rig.turn(8)
    state = rig.watch.now()
    assert [one.cause for one in state.slow] == [Cause.DETECTOR]
    assert state.slow[0].since == rig.clock.now() - timedelta(seconds=9)
    assert state.summary is not None
    assert state.summary.zh == "画面检查变慢：检测器慢，普通摄像机每 20 秒看一次，次要摄像机暂时没有检查"
    assert state.summary.en == (
        "Looks are rarer: the detector is slow; ordinary cameras every 20 s, minor cameras not looked at for now"
    )
    assert rig.written() == [("slowdown_began", "detector")]
    rig.board.load = {}
    rig.turn(5)
    assert rig.watch.now().slow, "not over at the first good second"
    rig.turn(10)
    assert rig.watch.now().summary is None
    assert rig.written() == [("slowdown_began", "detector"), ("slowdown_ended", "detector")]


def test_a_stuck_transaction_is_the_databases_and_not_the_hubs(rig: Rig) -> None:
    rig.board.load = {**THIN, "held_by": "hub", "findings_oldest_s": 60.0}
    rig.committing_s = 8.0
    rig.turn(6, database=False)
    (slow,) = rig.watch.now().slow
    assert (slow.cause, slow.why.zh) == (Cause.DATABASE, "一次读写已等 8 秒")
    rig.committing_s = 0.2
    rig.turn(20)
    assert [one.cause for one in rig.watch.now().slow] == [Cause.HUB], "nothing under it is slow"


def test_a_database_that_was_away_gets_what_was_to_be_written_down(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:

        def away() -> Any:
            raise StorageError("database: away")

        patched.setattr(rig.database, "reading", away)
        rig.turn(6)
    assert [one.cause for one in rig.watch.now().slow] == [Cause.DATABASE]
    rig.turn(15)
    assert rig.watch.now().slow == ()
    assert rig.written() == [("slowdown_began", "database"), ("slowdown_ended", "database")]
    with rig.database.reading() as session:
        began, ended = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    assert began.at < ended.at, "with the times at which it happened"
    assert began.reason == "数据库慢：连不上"


def test_a_redis_that_does_not_answer_is_told_from_memory(rig: Rig) -> None:
    rig.board.away = True
    rig.turn(5)
    state = rig.watch.now()
    assert [one.cause for one in state.slow] == [Cause.REDIS]
    assert state.summary is not None
    assert "没有应答" in state.summary.zh


def test_findings_and_evidence_that_wait_are_told_though_no_look_is_lost(rig: Rig) -> None:
    rig.board.load = {"findings_waiting": 4000, "evidence_waiting": 30, "classes": CALM, "window_s": 10.0}
    rig.turn(5)
    assert [one.cause for one in rig.watch.now().slow] == [Cause.EVIDENCE, Cause.REDIS]
    summary = rig.watch.now().summary
    assert summary is not None
    assert summary.zh == ("证据存储慢：30 个文件待存；画面检查照常。Redis 慢：4000 条检查结果待发；画面检查照常")


def test_cases_that_wait_are_the_platforms_doing_with_its_words_and_hold_up_no_look(rig: Rig) -> None:
    at = rig.clock.now()
    with rig.database.transaction() as session:
        session.add(
            IncidentRow(
                id="i", camera_id="gate", view_id="main", zone_id="kerb", type="garbage",
                subtype="garbage", status="open", began_at=at, last_seen_at=at, updated_at=at,
            )
        )  # fmt: skip
        session.flush()
        for key, attempts in (("tried", 2), ("fresh", 0)):
            session.add(
                OutboxRow(
                    incident_id="i", kind="file", target="city", idempotency_key=key, payload={}, status="pending",
                    attempts=attempts, last_error="503 down for maintenance", next_at=at, created_at=at,
                )
            )  # fmt: skip
    rig.turn(10)
    assert rig.watch.now().slow == (), "a case may take a while"
    rig.turn(20)
    (slow,) = rig.watch.now().slow
    assert slow.cause is Cause.PLATFORM
    assert slow.why.zh == "city 有 2 件待办，最早的已等 30 秒"
    assert slow.quoted is not None
    assert slow.quoted.zh == f"{slow.why.zh}（503 down for maintenance）"
    summary = rig.watch.now().summary
    assert summary is not None
    assert summary.en == "The case platform is slow: 2 waiting for city, the oldest for 30 s"


def test_another_hub_keeps_the_record(database: Database) -> None:
    clock, board = ManualClock(), Board(load=THIN)
    watch = PressureWatch(board, database, clock, writes=lambda: False)
    for _ in range(10):
        clock.advance(1)
        watch.ask_database()
        watch.ask_redis()
        watch.look()
    assert watch.now().slow
    with database.reading() as session:
        assert session.scalars(select(AuditEntry)).all() == []


def test_a_redis_that_hangs_is_told_while_it_hangs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Slowdown] = []

    def workers() -> dict[str, dict[str, Any]]:
        for _ in range(10):  # the watching loop goes on meanwhile
            rig.clock.advance(1)
            rig.watch.look()
        said.extend(rig.watch.now().slow)
        return {}

    monkeypatch.setattr(rig.board, "workers", workers)
    rig.watch.ask_redis()
    assert [(one.cause, one.why.en) for one in said] == [(Cause.REDIS, "no answer")]


def test_what_is_slow_is_not_unreachable_and_what_is_away_is_at_once(rig: Rig) -> None:
    rig.board.load = {"redis_s": 0.9}
    rig.turn(5)
    assert [one.cause for one in rig.watch.now().slow] == [Cause.REDIS]
    assert rig.watch.now().unreachable == frozenset()
    rig.board.away = True
    rig.turn(1)
    assert rig.watch.now().unreachable == {Cause.REDIS}


def test_a_hub_that_comes_to_keep_the_record_writes_what_no_other_wrote(database: Database) -> None:
    """Two hubs see the same; the one that kept the record is gone before the end of it."""
    clock, board, keeper = ManualClock(), Board(load=THIN), ["a"]
    hubs = {
        name: PressureWatch(board, database, clock, writes=lambda name=name: keeper[0] == name)  # type: ignore[misc]
        for name in "ab"
    }

    def turn(seconds: int, names: str) -> None:
        for _ in range(seconds):
            clock.advance(1)
            for name in names:
                hubs[name].ask_database()
                hubs[name].ask_redis()
                hubs[name].look()

    turn(8, "ab")
    board.load = {}
    keeper[0] = "nobody"
    turn(20, "b")
    keeper[0] = "b"
    turn(2, "b")
    with database.reading() as session:
        written = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert written == ["slowdown_began", "slowdown_ended"]
