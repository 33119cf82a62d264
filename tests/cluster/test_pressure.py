"""One row of the pressure table, as a test: a slow detector, real Redis and PostgreSQL, every part a process."""

from dataclasses import replace

import pytest

from benchmarks.cluster_city import Plan
from benchmarks.pressure import ROWS, row
from tests.conftest import absent
from tests.servers import postgresql, redis

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(280)]
PLAN = Plan(cameras=18, zones=1, workers=1, from_s=2, lasts_s=1000, drain_s=60, classes=True)


def test_a_slow_detector_costs_looks_by_priority_and_loses_nothing_and_operators_read_why() -> None:
    if not (postgresql.available() and redis.available()):
        absent("needs Debian's postgresql and redis-server")
    slow = replace(ROWS["detector_1_s_a_batch"], lasts_s=14.0, before_s=4.0, after_s=2.0)
    measured = row("detector", slow, PLAN)
    assert measured.least >= 1, "no camera starves"
    assert measured.during[1] > measured.during[3], "important ones lose least"
    assert measured.during[3] < measured.before[3]
    assert measured.peaks["mailbox"] <= PLAN.cameras
    assert measured.peaks["batcher"] <= 32
    outcome = measured.outcome
    assert (outcome.findings_lost, outcome.incidents_lost, outcome.cases_lost, outcome.cases_doubled) == (0, 0, 0, 0)
    assert measured.told_s is not None, "told while it lasted or shortly after"
