"""A hub's API over a real database and a real socket, with a city of three cameras."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.api.city import City, key_of, make_city
from vision.api.server import ApiServer


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = make_city(tmp_path)
    yield city
    city.close()


@contextmanager
def serving(city: City) -> Iterator[ApiServer]:
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    yield server
    server.stop()


def calling(server: ApiServer) -> httpx.Client:
    """The administrator's program."""
    return httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers={"X-API-Key": key_of("admin")}, timeout=60)


@pytest.fixture
def server(city: City) -> Iterator[ApiServer]:
    with serving(city) as server:
        yield server


@pytest.fixture
def client(server: ApiServer) -> Iterator[httpx.Client]:
    with calling(server) as client:
        yield client
