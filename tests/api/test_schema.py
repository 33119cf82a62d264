"""Schemathesis over the whole OpenAPI: whatever is sent, nothing answers with a 5xx, and answers fit their schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.api.city import make_city, street_picture
from vision.api.server import ApiServer

pytestmark = pytest.mark.slow
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
STREAMS = "/(live|stream)$"


@schemathesis.serializer("audio/*")
def sound(_context: Any, value: Any) -> bytes:
    """Recordings go as they are; what is none goes as text, and has to be refused."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("schema")
    city = make_city(folder)
    for name in ("a", "b", "c"):
        city.raise_incident(name)
    city.board.looks = {key: street_picture(key) for key in city.board.states}
    server = ApiServer(city.app(), city.services.feed, port=0)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.stop()
    city.close()


@pytest.fixture(scope="module")
def described(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json").exclude(path_regex=STREAMS)


def test_nothing_answers_with_a_server_error(described: Any, address: str) -> None:
    troubles = []
    tried = 0
    for result in described.get_all_operations():
        operation = result.ok()
        tried += 1
        try:
            attack(operation, address)
        except Exception as error:  # noqa: BLE001 - every operation is tried before any is told
            troubles.append(f"{operation.label}: {error}")
    assert tried > 40
    assert not troubles, "\n\n".join(troubles)


def attack(operation: Any, address: str) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=8,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def attempt(case: Any) -> None:
        response = case.call(base_url=address, headers={"X-API-Key": "key-of-the-admin"})
        if response.status_code == 503:  # this API's word for "not now": no loudspeaker, no picture yet
            assert response.headers["content-type"] == ["application/problem+json"]
            return
        case.validate_response(response, checks=CHECKS)

    attempt()
