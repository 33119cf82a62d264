from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.test_findings import finding
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.storage.board import Board
from vision.storage.bus import MemoryBus, RedisBus, partition_of
from vision.storage.valkey import EmbeddedValkey


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "valkey", pytest.param("redis", marks=pytest.mark.server)])
def bus(request: pytest.FixtureRequest) -> MemoryBus | RedisBus:
    """The same contract on every back end: in memory, the embedded Valkey, and Debian's Redis."""
    match request.param:
        case "memory":
            return MemoryBus()
        case "valkey":
            return RedisBus(request.getfixturevalue("valkey").url, stream=f"s-{request.node.name}")
        case _:
            return RedisBus(request.getfixturevalue("redis_url"), stream=f"s-{request.node.name}")


def test_findings_arrive_in_order_until_acknowledged(bus: MemoryBus | RedisBus) -> None:
    sent = [finding(stood_s=s) for s in (1, 2, 3)]
    bus.publish(sent)
    got = bus.read(wait_s=1, limit=99)
    assert [f for _, f in got] == sent
    assert bus.waiting() == 3
    bus.acknowledge([key for key, _ in got])
    assert bus.waiting() == 0
    assert bus.read(wait_s=0.01, limit=10) == []


def reader(valkey: EmbeddedValkey, stream: str, like: Finding) -> RedisBus:
    """Of that finding's partition alone."""
    bus = RedisBus(valkey.url, stream=stream)
    bus.own([partition_of(like)])
    return bus


def test_a_partition_that_passes_on_brings_what_was_left_unfinished(valkey: EmbeddedValkey) -> None:
    north, south = finding(stood_s=1), replace(finding(stood_s=1), area="west")
    assert partition_of(north) != partition_of(south)
    one, other = reader(valkey, "passed", north), reader(valkey, "passed", south)
    one.publish([north, south])
    read = one.read(wait_s=1, limit=9)
    assert [f for _, f in read] == [north]
    one.own([])
    assert one.read(wait_s=0.01, limit=9) == []
    other.own([partition_of(north), partition_of(south)])
    taken = [*other.read(wait_s=1, limit=32), *other.read(wait_s=1, limit=32)]
    assert {f.area for _, f in taken} == {"", "west"}
    other.acknowledge(key for key, _ in taken)
    assert one.waiting() == 0


def test_what_could_not_be_written_is_read_again(bus: MemoryBus | RedisBus) -> None:
    bus.publish([finding(stood_s=s) for s in (1, 2)])
    first = bus.read(wait_s=1, limit=99)
    assert bus.read(wait_s=0.01, limit=99) == []
    bus.again()
    assert bus.read(wait_s=1, limit=99) == first


def test_what_a_killed_hub_left_is_read_again(valkey: EmbeddedValkey) -> None:
    sent = [finding(stood_s=s) for s in range(5)]
    RedisBus(valkey.url, stream="left").publish(sent)
    first = reader(valkey, "left", sent[0]).read(wait_s=1, limit=3)
    after = reader(valkey, "left", sent[0])
    again = after.read(wait_s=1, limit=3)
    rest = after.read(wait_s=0.01, limit=9) or after.read(wait_s=1, limit=9)
    assert [f for _, f in again] == [f for _, f in first]
    assert len(rest) == 2


def test_a_record_that_is_no_finding_is_refused_and_the_next_one_read(valkey: EmbeddedValkey) -> None:
    import redis

    redis.Redis.from_url(valkey.url).xadd("odd", {"f": "{}"})
    bus = RedisBus(valkey.url, stream="odd")
    bus.publish([finding()])
    assert [f for _, f in bus.read(wait_s=1, limit=9)] == [finding()]
    assert bus.waiting() == 1


def test_a_server_that_is_away_is_a_storage_error_without_its_password() -> None:
    bus = RedisBus("redis://:hunter2@127.0.0.1:1/0")
    with pytest.raises(StorageError) as caught:
        bus.publish([finding()])
    assert "hunter2" not in str(caught.value)


def test_what_was_published_outlives_the_server(tmp_path: Path) -> None:
    first = EmbeddedValkey(tmp_path / "v")
    first.start()
    RedisBus(first.url).publish([finding()])
    first.stop()
    second = EmbeddedValkey(tmp_path / "v")
    second.start()
    try:
        assert len(RedisBus(second.url).read(wait_s=1, limit=9)) == 1
    finally:
        second.stop()


def test_the_board_keeps_registry_health_and_who_is_watched(valkey: EmbeddedValkey) -> None:
    board = Board(valkey.url)
    board.post_registry(7, {"cameras": {}})
    board.post_health("w1", {"gate": {"state": "live"}}, at="2026-07-01T08:00:00+00:00")
    board.watch("gate", until_s=100)
    assert board.registry_version() == 7
    assert board.health()["gate"]["worker"] == "w1"
    assert board.workers()["w1"]["alive"]
    assert board.watched(now_s=50) == {"gate"}
    assert board.watched(now_s=101) == set()
    assert board.look("gate") is None
    board.post_look("gate", b"\xff\xd8")
    assert board.look("gate") == b"\xff\xd8"
    board.leave("w1")
    assert "w1" not in board.workers()
