"""The feed by itself: nothing lost, nothing doubled, whatever a listener's pace."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.alerts.feed import Alert, AlertFeed
from vision.core.errors import StorageError
from vision.testing import ManualClock

AT = datetime(2026, 7, 1, tzinfo=UTC)


def alert(number: int) -> Alert:
    return Alert(number, "open", AT, f"i-{number}", "", {"id": number})


@dataclass
class ListedAlerts:
    ids: list[int] = field(default_factory=list)
    broken: bool = False
    reads: int = 0

    def head(self) -> int:
        return max(self.ids, default=0)

    def after(self, cursor: int, limit: int) -> list[Alert]:
        if self.broken:
            raise StorageError("away")
        self.reads += 1
        return [alert(number) for number in sorted(self.ids) if number > cursor][:limit]


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(1, 40))
def test_every_listener_sees_every_alert_once_in_order(batches: list[int], kept: int) -> None:
    log = ListedAlerts()
    feed = AlertFeed(log, ManualClock(), kept=kept)
    quick: list[int] = []
    for size in batches:
        log.ids.extend(range(len(log.ids) + 1, len(log.ids) + size + 1))
        feed.pump()
        quick += [item.id for item in feed.after(quick[-1] if quick else 0)]
    slow: list[int] = []
    while more := feed.after(slow[-1] if slow else 0, 3):
        slow += [item.id for item in more]
    assert quick == slow == log.ids


def test_a_gap_is_waited_for_but_not_for_ever() -> None:
    clock = ManualClock()
    log = ListedAlerts([1, 3])
    feed = AlertFeed(log, clock, gap_wait_s=1.0)
    assert feed.pump() == 1
    assert feed.pump() == 0  # 2 may still be on its way
    log.ids.append(2)
    assert feed.pump() == 2
    log.ids += [5]
    assert feed.pump() == 0
    clock.advance(1.1)
    assert feed.pump() == 1  # 4 was rolled back
    assert [item.id for item in feed.after(0)] == [1, 2, 3, 5]


def test_recent_alerts_cost_no_query() -> None:
    log = ListedAlerts([1, 2, 3])
    feed = AlertFeed(log, ManualClock())
    feed.pump()
    before = log.reads
    for _ in range(100):
        assert len(feed.after(1)) == 2
    assert log.reads == before


def test_a_waiting_listener_wakes() -> None:
    log = ListedAlerts()
    feed = AlertFeed(log, ManualClock(), poll_s=0.01)
    feed.start()

    async def listen() -> list[bool]:
        task = asyncio.create_task(feed.wait(0, 20))
        await asyncio.sleep(0.05)
        log.ids.append(1)
        return [await task, await feed.wait(1, 0.05)]

    assert asyncio.run(listen()) == [True, False]
    assert feed.listeners == 0
    feed.stop()


def test_it_outlives_an_outage() -> None:
    log = ListedAlerts([1])
    feed = AlertFeed(log, ManualClock(), poll_s=0.01)
    feed.start()
    log.broken = True
    feed.poke()

    async def listen() -> bool:
        while feed.failures == 0:  # noqa: ASYNC110 - the feed counts in its own thread
            await asyncio.sleep(0.01)
        log.broken = False
        log.ids.append(2)
        return await feed.wait(1, 20)

    assert asyncio.run(listen())
    feed.stop()


def test_stopping_wakes_everybody() -> None:
    feed = AlertFeed(ListedAlerts(), ManualClock())
    feed.start()

    async def listen() -> bool:
        task = asyncio.create_task(feed.wait(0, 20))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(feed.stop)
        return await task

    assert asyncio.run(listen()) is False
    with pytest.raises(StorageError):
        AlertFeed(ListedAlerts(broken=True), ManualClock()).pump()
