"""The same on PostgreSQL: whole ways, threads, kept findings."""

import pytest

from tests.hub import test_incidents, test_keep, test_runtime
from vision.hub.incidents import IncidentService
from vision.hub.surroundings import CitySurroundings
from vision.storage.database import Database
from vision.testing import ManualClock

pytestmark = pytest.mark.server


@pytest.fixture
def city_service(city_database: Database, clock: ManualClock, surroundings: CitySurroundings) -> IncidentService:
    return IncidentService(city_database, clock, surroundings, route=lambda _type, _district: ["city"])


def test_the_whole_way(city_service: IncidentService, city_database: Database, clock: ManualClock) -> None:
    test_incidents.test_the_whole_way(city_service, city_database, clock)


def test_a_restart_forgets_nothing(
    city_service: IncidentService, city_database: Database, clock: ManualClock, surroundings: CitySurroundings
) -> None:
    test_incidents.test_a_restart_forgets_nothing(city_service, city_database, clock, surroundings)


def test_many_threads_write_one_truth(city_database: Database, surroundings: CitySurroundings) -> None:
    test_runtime.test_many_threads_write_one_truth(city_database, surroundings)


def test_kept_findings(city_database: Database) -> None:
    test_keep.test_districts_are_read_apart_and_old_ones_dropped(city_database)
