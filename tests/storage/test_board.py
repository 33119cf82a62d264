from collections.abc import Iterator

import pytest

from vision.storage.board import Board
from vision.storage.valkey import EmbeddedValkey


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    board = Board(server.url)
    yield board
    board.close()
    server.stop()


def test_boosted_cameras_are_replaced_as_a_whole(board: Board) -> None:
    assert board.boosted() == frozenset()
    board.boost({"gate", "lane"})
    board.boost(["lane"])
    assert board.boosted() == {"lane"}
    report = {"within_target": 0.9}
    board.post_health("w1", {}, at="2026-07-01T08:00:00+00:00", patrol=report)
    assert board.workers()["w1"]["patrol"] == report


def test_a_camera_is_held_until_its_time_or_its_release(board: Board) -> None:
    board.hold("dome", until_s=100)
    board.hold("roof", until_s=200)
    assert board.held(now_s=50) == {"dome": 100, "roof": 200}
    assert board.held(now_s=150) == {"roof": 200}
    board.hold("roof", until_s=160)
    assert board.held(now_s=150) == {"roof": 160}
    board.release("roof")
    assert board.held(now_s=150) == {}


def test_a_view_is_accepted_once_by_the_worker_that_has_it(board: Board) -> None:
    board.post_reference("gate/main", b"jpeg")
    assert (board.reference("gate/main"), board.reference("gate/other")) == (b"jpeg", None)
    board.accept("gate/main")
    assert board.take_accepted(["lane"]) == set()
    assert board.take_accepted(["gate", "lane"]) == {"gate/main"}
    assert board.take_accepted(["gate"]) == set()
