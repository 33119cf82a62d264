"""One row of the fault table, as a test: every part a process of its own, real Redis and PostgreSQL."""

import pytest

from benchmarks.cluster import row
from benchmarks.cluster_city import City, Plan
from benchmarks.cluster_faults import Fault, pause_hub
from tests.conftest import absent
from tests.servers import postgresql, redis

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(280)]
PLAN = Plan(cameras=6, zones=2, workers=2, hubs=2, from_s=2, until_s=8, fault_at_s=5, watch_s=22)


def hurt(city: City) -> None:
    """A worker dies, and a hub sleeps longer than its lease and wakes up with looks in hand."""
    city.kill_worker("w1")
    pause_hub(city)


def test_a_worker_dies_and_a_hub_sleeps_in_the_midst_of_violations_and_nothing_is_lost_or_doubled() -> None:
    if not (postgresql.available() and redis.available()):
        absent("needs Debian's postgresql and redis-server")
    outcome = row("worker and hub", Fault(hurt, PLAN))
    assert outcome.violations == 12
    assert (outcome.incidents_lost, outcome.incidents_doubled) == (0, 0)
    assert (outcome.cases_lost, outcome.cases_doubled) == (0, 0)
    assert outcome.findings_lost == 0
    assert outcome.unwatched_s < 60, "somebody took the cameras over; how soon is the benchmark's to say"
