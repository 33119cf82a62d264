from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streams.waiting import eventually, threads_named
from vision.core.clock import SystemClock
from vision.core.errors import SourceRefusedError
from vision.core.registry import Camera, SourceKind, View
from vision.sandbox.camera_replay import ReplayServer
from vision.streams.health import CameraState
from vision.streams.mailbox import Mailbox
from vision.streams.patrol import Patrol, PatrolLimits
from vision.streams.visits import PatrolRunner, Visitor


@pytest.fixture(scope="module")
def replay(footage: Path) -> Iterator[ReplayServer]:
    with ReplayServer(footage) as server:
        yield server


def patrolled(camera_id: str, url: str, **options: str) -> Camera:
    return Camera(camera_id, url, SourceKind.PATROL, gateway="nvr", options=tuple(options.items()))


def test_visit_takes_its_looks_and_tears_down(replay: ReplayServer) -> None:
    before = replay.torn_down
    frames = list(Visitor(SystemClock(), looks=2).visit(patrolled("p", replay.url("small.mp4")), session=7))
    assert [(frame.session, frame.seq) for frame in frames] == [(7, 0), (7, 1)]
    assert eventually(lambda: replay.torn_down == before + 1)


def test_preset_without_steering_is_refused(replay: ReplayServer) -> None:
    roof = Camera("r", replay.url("small.mp4"), SourceKind.PATROL, views=(View("north", preset="1"),))
    with pytest.raises(SourceRefusedError, match="nothing steers it"):
        list(Visitor(SystemClock()).visit(roof, 0))


def test_preset_is_turned_to_before_its_look(replay: ReplayServer) -> None:
    turned: list[str] = []

    class Wheel:
        def turn(self, camera: Camera, view: View) -> None:
            turned.append(view.id)

    views = (View("north", preset="1"), View("south", preset="2"))
    roof = Camera("r", replay.url("small.mp4"), SourceKind.PATROL, views=views)
    frames = list(Visitor(SystemClock(), steering=Wheel()).visit(roof, 0))
    assert turned == [frame.view_id for frame in frames] == ["north", "south"]


@pytest.mark.slow
def test_living_and_dead_cameras_on_one_gateway(replay: ReplayServer) -> None:
    limits = PatrolLimits(
        running=6, gateway_running=3, opens_per_s=50, gateway_opens_per_s=50, target_s={2: 2.0}, retry_s=0.5
    )
    cameras = [patrolled(f"c{n}", replay.url("small.mp4", n)) for n in range(5)]
    cameras.append(patrolled("gone", replay.url("none.mp4")))
    cameras.append(patrolled("mute", replay.url("small.mp4", 9, mute=1), read_timeout_s="0.5"))
    mailbox = Mailbox()
    runner = PatrolRunner(SystemClock(), mailbox, Visitor(SystemClock()), Patrol(limits))
    most_open = 0
    runner.apply(cameras)
    runner.start()

    def each_visited_twice() -> bool:
        nonlocal most_open
        most_open = max(most_open, replay.watching())
        health = runner.health()
        return all(health[f"c{n}"].looks >= 2 for n in range(5)) and health["mute"].failures >= 2

    assert eventually(each_visited_twice, within_s=120)
    health = runner.health()
    assert (health["gone"].state, health["mute"].state) == (CameraState.REFUSED, CameraState.RECONNECTING)
    runner.visit_soon("c0")
    runner.stop()
    assert most_open <= 3
    assert runner.crashes == 0
    assert mailbox.waiting() == 5
    assert eventually(lambda: replay.watching() == 0)
    assert not threads_named("visit")


def test_a_camera_that_a_person_turns_is_visited_when_it_is_let_go(replay: ReplayServer) -> None:
    limits = PatrolLimits(opens_per_s=50, gateway_opens_per_s=50, target_s={2: 0.5}, retry_s=0.5)
    mailbox = Mailbox()
    runner = PatrolRunner(SystemClock(), mailbox, Visitor(SystemClock()), Patrol(limits))
    runner.hold(frozenset({"held"}))
    runner.apply([patrolled("held", replay.url("small.mp4", 11)), patrolled("free", replay.url("small.mp4", 12))])
    runner.start()
    took = [frame.camera_id for _ in range(3) for frame in mailbox.take(1, 20)]
    assert took == ["free"] * 3
    assert "held" in runner.health(), "it is still ours"
    runner.hold(frozenset())
    assert eventually(lambda: "held" in {frame.camera_id for frame in mailbox.take(4, 1)})
    runner.stop()
