"""No case lost, none filed twice, whenever the sender is killed."""

import multiprocessing
import threading
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tests.cases.conftest import CASE_KINDS, EAGER, Outbox
from tests.cases.examples import connect
from vision.cases.handler import CaseHandler
from vision.cases.outbox import Dispatcher, DispatchSettings
from vision.core.clock import SystemClock
from vision.core.codes import standard
from vision.sandbox.platform import SandboxPlatform
from vision.sandbox.platform_crashes import crash_matrix, names
from vision.storage.database import Database
from vision.testing import ManualClock


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["webhook", "webhook_findable", "open311_xml", "urban"])
def test_killed_at_every_boundary_nothing_is_lost_or_doubled(kind: str, database: Database) -> None:
    matrix = crash_matrix(kind, database)
    assert len(matrix.survivals) > 30
    assert [one for one in matrix.survivals if one.lost or one.doubled or one.held or one.disorder] == []


@pytest.mark.slow
def test_without_any_promise_nothing_is_doubled_and_a_person_is_asked(database: Database) -> None:
    matrix = crash_matrix("webhook_none", database)
    assert matrix.total("lost") == matrix.total("doubled") == 0
    assert 0 < matrix.total("held") < len(matrix.survivals)


def send_until_killed(database_url: str, platform_url: str) -> None:
    clock = SystemClock()
    kind = "open311_json"
    database = Database(database_url)
    handler = CaseHandler(
        database, clock, {"city": connect(kind, platform_url, clock)}, standard(), reconcile_after_s=0.1
    )
    settings = DispatchSettings(lease=timedelta(seconds=1), poll_s=0.02, default=EAGER, workers=4)
    Dispatcher(database, clock, dict.fromkeys(CASE_KINDS, handler), settings=settings).run(threading.Event())


@pytest.mark.slow
def test_real_sigkills_lose_and_double_nothing(database: Database) -> None:
    outbox = Outbox(database, ManualClock(datetime.now(tz=UTC)))
    sandbox = SandboxPlatform()
    sandbox.faults.change({"slow_s": 0.05})
    spawn = multiprocessing.get_context("spawn")
    chance, pause = Random(11), threading.Event()
    for n in range(100):
        outbox.incident(f"inc-{n}")
        outbox.put(f"inc-{n}")
    with sandbox.serve() as url:
        for life in range(4):
            before = sandbox.cases.count()
            sender = spawn.Process(target=send_until_killed, args=(str(database.url), url), daemon=True)
            sender.start()
            while sender.is_alive() and (sandbox.cases.count() < before + 15 if life < 3 else outbox.waiting()):
                pause.wait(0.02)
            pause.wait(chance.uniform(0, 0.1))
            sender.kill()
            sender.join()
    assert [row.status for row in outbox.rows()] == ["delivered"] * 100
    references = [f"inc-{n}:file:city" for n in range(100)]
    told = sorted(reference for case in sandbox.cases.all() for reference in references if names(case, reference))
    assert told == sorted(references)
