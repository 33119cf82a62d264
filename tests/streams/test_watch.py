from collections.abc import Iterable

from tests.streams.waiting import eventually
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError
from vision.core.ports import FrameSource
from vision.core.registry import Camera, View
from vision.streams.mailbox import Mailbox
from vision.streams.supervisor import Supervisor
from vision.streams.visits import PatrolRunner, Visitor
from vision.streams.watch import Watch


class Wheel:
    def __init__(self) -> None:
        self.turned: list[tuple[str, str]] = []

    def turn(self, camera: Camera, view: View) -> None:
        self.turned.append((camera.id, view.id))


def nothing(camera: Camera, _session: int) -> FrameSource:
    raise ConfigError(f"{camera.id} is not opened here")


def watching(wheel: Wheel, cameras: Iterable[Camera]) -> Watch:
    clock, mailbox = SystemClock(), Mailbox()
    runner = PatrolRunner(clock, mailbox, Visitor(clock))
    watch = Watch(Supervisor(clock, nothing, mailbox), runner, wheel)
    watch.apply(cameras)
    return watch


def test_a_camera_let_go_returns_to_its_view() -> None:
    dome = Camera("dome", "rtsp://h/1", views=(View("gate", preset="3"),))
    fixed = Camera("fixed", "rtsp://h/2")
    wheel = Wheel()
    watch = watching(wheel, [dome, fixed])
    watch.hold(frozenset({"dome", "fixed"}))
    assert wheel.turned == []
    watch.hold(frozenset())
    assert eventually(lambda: wheel.turned == [("dome", "gate")])
    watch.stop()
