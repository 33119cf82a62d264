"""The cable between two machines pulled: one of the hub, Redis and PostgreSQL, one of the only worker."""

import time

import pytest

from benchmarks import cluster_wires
from benchmarks.cluster import row
from benchmarks.cluster_city import City, Plan
from benchmarks.cluster_faults import Fault
from tests.conftest import absent
from tests.servers import postgresql, redis

pytestmark = [pytest.mark.slow, pytest.mark.server, pytest.mark.timeout(280)]
CUT_S = 10.0  # longer than a lease lives
PLAN = Plan(cameras=4, zones=2, workers=1, from_s=10, until_s=18, fault_at_s=12, watch_s=26)


def pull_the_cable(city: City) -> None:
    """In the midst of violations: some begin while nobody can be told."""
    assert city.wires is not None
    city.wires.pull("r")
    time.sleep(CUT_S)
    city.wires.plug("r")


def test_what_began_while_the_cable_was_out_is_told_once_it_is_back() -> None:
    if not (postgresql.available() and redis.available()):
        absent("needs Debian's postgresql and redis-server")
    if not cluster_wires.available():
        absent("needs root and iproute2, for network namespaces")
    outcome = row("two machines", Fault(pull_the_cable, PLAN, behind_wires=("w1",)))
    assert outcome.violations == 8
    assert (outcome.incidents_lost, outcome.incidents_doubled) == (0, 0)
    assert (outcome.cases_lost, outcome.cases_doubled) == (0, 0)
    assert outcome.findings > 0
    assert outcome.findings_lost == 0, "the worker kept them and sent them"
