from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.databases import new_database
from tests.servers import postgresql
from vision.core.registry import Camera, Speaker, View, Zone, ZoneKind
from vision.hub.contacts import Contacts
from vision.hub.incidents import IncidentService
from vision.hub.surroundings import CitySurroundings
from vision.storage.database import Database
from vision.testing import ManualClock

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    if not postgresql.available():
        absent("needs Debian's postgresql")
    with postgresql.cluster() as url:
        yield url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path / "hub.db")
    yield database
    database.close()


@pytest.fixture
def city_database(postgresql_url: str) -> Iterator[Database]:
    """PostgreSQL, empty."""
    database = Database(postgresql_url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def cameras() -> list[Camera]:
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, name="kerb", speaker_ids=("horn",))
    return [Camera("gate", "rtsp://x", place="Gate", district="east", views=(View(zones=(zone,)),))]


@pytest.fixture
def surroundings(cameras: list[Camera]) -> CitySurroundings:
    city = CitySurroundings(
        lambda: cameras,
        contacts=lambda: Contacts(notifiers={"bike_operator": frozenset()}),
        loudspeakers=lambda: {"horn": Speaker("horn", "virtual")},
    )
    city.refresh()
    return city


@pytest.fixture
def service(database: Database, clock: ManualClock, surroundings: CitySurroundings) -> IncidentService:
    return IncidentService(database, clock, surroundings, route=lambda _type, _district: ["city"])
