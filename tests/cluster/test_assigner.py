import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vision.cluster.assigner import Assigner
from vision.core.errors import StorageError
from vision.testing import ManualClock


@dataclass
class Room:
    """A board with workers that can fall silent, and a seat that can be taken."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 1
    cameras: dict[str, Any] = field(default_factory=lambda: {f"c{n}": {"sample_s": 10} for n in range(40)})
    given: list[dict[str, list[str]]] = field(default_factory=list)
    seated: bool = True
    token: int = 1
    away: bool = False

    def workers(self) -> dict[str, dict[str, Any]]:
        if self.away:
            raise StorageError("away")
        return self.rows

    def registry(self) -> dict[str, Any] | None:
        return {"cameras": self.cameras}

    def registry_version(self) -> int | None:
        return self.version

    def assign(self, shares: Mapping[str, Iterable[str]]) -> None:
        self.given.append({name: list(cameras) for name, cameras in shares.items()})

    def hold(self, camera_ids: list[str]) -> dict[str, int]:
        return dict.fromkeys(camera_ids, self.token) if self.seated else {}

    def hear(self, *names: str, capacity: float = 1.0) -> None:
        """These have shown themselves lately, and no others."""
        for row in self.rows.values():
            row["alive"] = False
        for name in names:
            self.rows[name] = {"at": "now", "alive": True, "capacity": capacity}

    def forget_worker(self, worker: str) -> None:
        del self.rows[worker]


def watched(shares: dict[str, list[str]]) -> int:
    return sum(map(len, shares.values()))


def test_a_silent_worker_loses_its_cameras_to_the_others(clock: ManualClock) -> None:
    room = Room()
    assigner = Assigner(room, room, clock)
    room.hear("w1", "w2")
    assigner.once()
    assert set(room.given[-1]) == {"w1", "w2"}
    room.hear("w2")
    assigner.once()
    assert set(room.given[-1]) == {"w2"}
    assert watched(room.given[-1]) == 40


def test_nothing_is_posted_while_nothing_changes(clock: ManualClock) -> None:
    room = Room()
    assigner = Assigner(room, room, clock)
    for _second in range(30):
        room.hear("w1", "w2")
        assigner.once()
        clock.advance(1)
    assert len(room.given) == 1
    room.cameras["c99"] = {}
    room.version = 2
    room.hear("w1", "w2")
    assigner.once()
    assert watched(room.given[-1]) == 41


def test_a_successor_works_out_the_same_shares(clock: ManualClock) -> None:
    room = Room()
    room.hear("w1", "w2", "w3")
    assert Assigner(room, room, clock).once() == Assigner(room, room, clock).once()


def test_one_assigner_at_a_time(clock: ManualClock) -> None:
    room = Room(seated=False)
    room.hear("w1")
    assert Assigner(room, room, clock).once() is None
    assert room.given == []


def test_a_camera_that_is_switched_off_is_nobodys(clock: ManualClock) -> None:
    room = Room(cameras={"on": {}, "off": {"enabled": False}})
    room.hear("w1")
    assert Assigner(room, room, clock).once() == {"w1": ["on"]}


def test_a_successor_knows_at_once_who_is_dead(clock: ManualClock) -> None:
    room = Room()
    room.hear("w1", "w2")
    room.hear("w2")
    shares = Assigner(room, room, clock).once()
    assert shares is not None
    assert set(shares) == {"w2"}


class Sleepless(threading.Event):
    """Lets a loop turn once."""

    turns = 0

    def is_set(self) -> bool:
        self.turns += 1
        return self.turns > 1


def test_an_outage_of_the_board_makes_nobody_dead(clock: ManualClock) -> None:
    room, stop = Room(), Sleepless()
    assigner = Assigner(room, room, clock, grace_s=10)
    room.hear("w1", "w2")
    assigner.once()
    room.away = True
    assigner.run(stop)
    room.away = False
    room.hear("w2")
    assert set(assigner.once() or ()) == {"w1", "w2"}, "w1 has a moment to show itself"
    clock.advance(11)
    assert set(assigner.once() or ()) == {"w2"}


def test_with_nobody_alive_the_shares_stay(clock: ManualClock) -> None:
    room = Room()
    assigner = Assigner(room, room, clock)
    room.hear("w1")
    assigner.once()
    room.hear()
    assert assigner.once() is None
    assert len(room.given) == 1


def test_a_redis_that_lost_everything_is_told_the_shares_again(clock: ManualClock) -> None:
    room = Room()
    assigner = Assigner(room, room, clock)
    room.hear("w1")
    assigner.once()
    assigner.once()
    assert len(room.given) == 1
    room.token = 2
    assigner.once()
    assert len(room.given) == 2


def test_a_dead_worker_is_forgotten_after_a_while(clock: ManualClock) -> None:
    room = Room()
    assigner = Assigner(room, room, clock, forget_s=60)
    room.hear("w1", "w2")
    assigner.once()
    room.hear("w2")
    assigner.once()
    clock.advance(59)
    assigner.once()
    assert set(room.rows) == {"w1", "w2"}
    clock.advance(1)
    assigner.once()
    assert set(room.rows) == {"w2"}
