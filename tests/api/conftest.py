"""A hub's API over a real database and a real socket, with a city of three cameras."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.city import City, make_city
from vision.api.server import ApiServer


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = make_city(tmp_path)
    yield city
    city.close()


@pytest.fixture
def server(city: City) -> Iterator[ApiServer]:
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(city: City, server: ApiServer) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}", headers={"X-API-Key": city.key("admin")}, timeout=30
    ) as client:
        yield client
