"""Whatever goes wrong, in whatever order: one case, in order, or a person is asked."""

import tempfile
import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.conftest import Outbox
from vision.cases.outbox import Dispatcher, DispatchSettings
from vision.cases.platform import Promise
from vision.core.clock import SystemClock
from vision.core.delivery import CaseReceipt, Delivery
from vision.core.incidents import DeliveryKind
from vision.storage.database import Database
from vision.testing import Crashed, FlakyCasePlatform, ManualClock, Trouble

TROUBLES = st.lists(st.sampled_from([Trouble.REFUSE_NOW, Trouble.LOSE_ANSWER, Trouble.CRASH]), max_size=6)
_FOLDER = tempfile.TemporaryDirectory()
_DATABASE = Database(f"sqlite:///{_FOLDER.name}/hub.db")
_NUMBER = iter(range(10**9))


@pytest.fixture(scope="module", autouse=True)
def record() -> Callable[[], None]:
    _DATABASE.migrate()
    return _DATABASE.close


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(TROUBLES, st.sampled_from([Promise.IDEMPOTENT, Promise.FINDABLE]))
def test_any_trouble_ends_in_one_case(troubles: list[Trouble], promise: Promise) -> None:
    outbox, incident = Outbox(_DATABASE, ManualClock()), f"inc-{next(_NUMBER)}"
    outbox.clock.advance(10_000 * next(_NUMBER))
    platform = FlakyCasePlatform(promise=promise, troubles=list(troubles))
    outbox.incident(incident)
    rows = [outbox.put(incident, kind) for kind in (DeliveryKind.FILE, DeliveryKind.UPDATE, DeliveryKind.CLOSE)]
    for _ in range(len(troubles) + 1):
        try:
            outbox.work_off(
                outbox.dispatcher({"city": platform}),
                until=lambda: all(outbox.row(row).status == "delivered" for row in rows),
            )
        except Crashed:
            continue
    assert [outbox.row(row).status for row in rows] == ["delivered"] * 3
    assert [reference for _case, reference in platform.cases] == [f"{incident}:file:city"]
    assert [change.closes for _case, change in platform.changes] == [False, True]


@settings(deadline=None, max_examples=12)
@given(TROUBLES)
def test_without_a_promise_nothing_is_doubled_or_forgotten(troubles: list[Trouble]) -> None:
    outbox, incident = Outbox(_DATABASE, ManualClock()), f"inc-{next(_NUMBER)}"
    outbox.clock.advance(10_000 * next(_NUMBER))
    platform = FlakyCasePlatform(promise=Promise.NONE, troubles=list(troubles))
    outbox.incident(incident)
    row = outbox.put(incident)
    for _ in range(len(troubles) + 1):
        try:
            outbox.work_off(
                outbox.dispatcher({"city": platform}), until=lambda: outbox.row(row).status in {"delivered", "dead"}
            )
        except Crashed:
            continue
    assert len(platform.cases) <= 1
    assert outbox.row(row).status == ("delivered" if len(outbox_cases(outbox, incident)) else "dead")


def outbox_cases(outbox: Outbox, incident: str) -> list[str]:
    return [str(c.platform_case_id) for c in outbox.cases() if c.incident_id == incident and c.platform_case_id]


def test_stopping_does_not_wait_for_a_platform_that_hangs(outbox: Outbox) -> None:
    begun, released = threading.Event(), threading.Event()

    class Hanging:
        def deliver(self, delivery: Delivery) -> CaseReceipt:
            begun.set()
            released.wait(60)
            return CaseReceipt("city", "case-1")

    outbox.incident()
    row_id = outbox.put()
    dispatcher = Dispatcher(
        outbox.database,
        SystemClock(),
        {DeliveryKind.FILE: Hanging()},
        settings=DispatchSettings(workers=1, stop_within_s=0.1, poll_s=0.02),
    )
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,), daemon=True)
    thread.start()
    assert begun.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert outbox.row(row_id).status == "sending"
    released.set()
