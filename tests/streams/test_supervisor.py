import random
import threading
from collections.abc import Iterator
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.streams.test_mailbox import look
from tests.streams.waiting import eventually
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError, SourceError, SourceRefusedError
from vision.core.frames import Frame
from vision.core.ports import FrameSource
from vision.core.registry import Camera
from vision.streams.backoff import Backoff
from vision.streams.health import CameraState
from vision.streams.mailbox import Mailbox
from vision.streams.supervisor import Supervisor
from vision.testing import ManualClock, ScriptedSource


class Patient:
    """A source that gives one look and then waits to be closed."""

    def __init__(self, camera: Camera, session: int) -> None:
        self.camera, self.session = camera, session
        self.closed = threading.Event()

    def open(self) -> None:
        """Always works."""

    def frames(self) -> Iterator[Frame]:
        yield replace(look(self.camera.id), session=self.session)
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()


def test_reconnects_after_each_loss_and_numbers_sessions(clock: ManualClock) -> None:
    sources: list[ScriptedSource] = []

    def open_source(camera: Camera, session: int) -> FrameSource:
        loss = SourceError("unplugged")
        script = [replace(look(camera.id, n), session=session) for n in range(2)]
        sources.append(ScriptedSource([*script, loss] if session < 2 else script))
        return sources[-1]

    supervisor = Supervisor(clock, open_source, Mailbox())
    supervisor.apply([Camera("a", "rtsp://a")])
    assert eventually(lambda: supervisor.health()["a"].state is CameraState.STOPPED)
    health = supervisor.health()["a"]
    assert (health.looks, health.reconnects) == (6, 2)
    assert all(source.closed >= 1 for source in sources)


def test_dead_camera_says_so_and_its_neighbour_goes_on() -> None:
    def open_source(camera: Camera, session: int) -> FrameSource:
        return ScriptedSource([SourceError("no route")]) if camera.id == "dead" else Patient(camera, session)

    supervisor = Supervisor(SystemClock(), open_source, Mailbox(), backoff=Backoff(least_s=0.01, most_s=0.05))
    supervisor.apply([Camera("dead", "rtsp://d"), Camera("well", "rtsp://w")])
    assert eventually(lambda: supervisor.health()["dead"].failures > 2)
    assert supervisor.health()["dead"].state is CameraState.RECONNECTING
    assert supervisor.health()["dead"].reason == "no route"
    assert supervisor.health()["well"].state is CameraState.LIVE
    supervisor.stop()


def test_refused_camera_is_called_refused() -> None:
    def open_source(camera: Camera, session: int) -> FrameSource:
        return ScriptedSource([SourceRefusedError("401")])

    supervisor = Supervisor(SystemClock(), open_source, Mailbox())
    supervisor.apply([Camera("a", "rtsp://a")])
    assert eventually(lambda: supervisor.health()["a"].state is CameraState.REFUSED)
    assert supervisor.health()["a"].next_try_s is not None
    supervisor.stop()


def test_wrong_option_is_said_and_is_no_fault_of_ours() -> None:
    def open_source(camera: Camera, session: int) -> FrameSource:
        raise ConfigError("cameras.a.options.pcae: unknown option")

    supervisor = Supervisor(SystemClock(), open_source, Mailbox())
    supervisor.apply([Camera("a", "rtsp://a")])
    assert eventually(lambda: supervisor.health()["a"].state is CameraState.REFUSED)
    assert "pcae" in supervisor.health()["a"].reason
    assert supervisor.crashes == 0
    supervisor.stop()


def test_change_touches_only_that_camera() -> None:
    opened: list[tuple[str, int]] = []

    def open_source(camera: Camera, session: int) -> FrameSource:
        opened.append((camera.url, session))
        return Patient(camera, session)

    mailbox = Mailbox()
    supervisor = Supervisor(SystemClock(), open_source, mailbox)
    a, b = Camera("a", "rtsp://a"), Camera("b", "rtsp://b")
    supervisor.apply([a, b])
    assert eventually(lambda: len(opened) == 2)
    supervisor.apply([a, replace(b, url="rtsp://new"), Camera("c", "rtsp://c")])
    assert eventually(lambda: len(opened) == 4)
    assert sorted(url for url, _ in opened) == ["rtsp://a", "rtsp://b", "rtsp://c", "rtsp://new"]
    assert dict(opened)["rtsp://new"] > dict(opened)["rtsp://b"]
    supervisor.apply([a, replace(b, url="rtsp://new", enabled=False)])
    assert set(supervisor.health()) == {"a"}
    supervisor.stop()
    assert eventually(lambda: not [t for t in threading.enumerate() if t.name.startswith("camera-")])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_fault_of_ours_stops_one_camera_and_is_counted(clock: ManualClock) -> None:
    def open_source(camera: Camera, session: int) -> FrameSource:
        raise RuntimeError("a bug")

    supervisor = Supervisor(clock, open_source, Mailbox())
    supervisor.apply([Camera("a", "rtsp://a")])
    assert eventually(lambda: supervisor.crashes == 1)
    assert "internal fault" in supervisor.health()["a"].reason


@given(failures=st.integers(1, 100), seed=st.integers(0, 1000), refused=st.booleans())
def test_backoff_grows_to_its_cap_and_never_less_than_least(failures: int, seed: int, *, refused: bool) -> None:
    backoff = Backoff()
    wait_s = backoff.wait_s(failures, random.Random(seed), refused=refused)
    ceiling = backoff.refused_s if refused else backoff.most_s
    assert backoff.least_s <= wait_s <= ceiling
    if failures > 12:
        assert wait_s >= ceiling / 2
