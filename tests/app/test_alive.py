from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from vision.app.alive import hub_alive, worker_alive
from vision.core.errors import NotThereError, StorageError, StreetwardError
from vision.storage.board import Board
from vision.testing import ManualClock


@pytest.fixture
def answering() -> Iterator[tuple[str, list[int]]]:
    """A server that answers /healthz with the status in the list."""
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", status
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_hub_is_alive_when_it_answers_and_only_then(answering: tuple[str, list[int]]) -> None:
    url, status = answering
    assert hub_alive(url + "/").endswith("alive")
    status[0] = 503
    with pytest.raises(StreetwardError, match="answers 503"):
        hub_alive(url)
    with pytest.raises(StreetwardError, match="refused"):
        hub_alive("http://127.0.0.1:1")


@pytest.mark.server
def test_a_worker_is_alive_while_its_record_is_young(redis_url: str, clock: ManualClock) -> None:
    board = Board(redis_url)
    board.post_health("w-alive", {"gate": {"state": "live"}}, at=clock.now().isoformat())
    board.close()
    assert worker_alive(redis_url, "w-alive", clock) == "worker w-alive: alive, 1 cameras"
    clock.advance(31)
    with pytest.raises(StreetwardError, match="silent for 31 s"):
        worker_alive(redis_url, "w-alive", clock)
    with pytest.raises(NotThereError, match=r"no worker w-other has reported; those that have: .*w-alive"):
        worker_alive(redis_url, "w-other", clock)


def test_a_redis_that_is_away_is_told(clock: ManualClock) -> None:
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1"):
        worker_alive("redis://:secret@127.0.0.1:1", "w", clock)
