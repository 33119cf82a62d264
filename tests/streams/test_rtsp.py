import socket
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.streams.waiting import eventually, looks
from vision.core.clock import SystemClock
from vision.core.errors import NotThereError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.frames import TimeSource
from vision.core.ports import FrameSource
from vision.core.registry import Camera
from vision.sandbox.cameras import CameraServer
from vision.streams.backoff import Backoff
from vision.streams.factory import open_source
from vision.streams.health import CameraState
from vision.streams.live import LiveSource
from vision.streams.mailbox import Mailbox
from vision.streams.rtsp import RtspSource
from vision.streams.supervisor import Supervisor

Source = LiveSource | RtspSource
SOURCES = pytest.mark.parametrize("source", [LiveSource, RtspSource])


@SOURCES
def test_looks_at_one_keyframe_an_interval(source: type[Source], cameras: CameraServer) -> None:
    camera = Camera("c", cameras.url("small.mp4"), sample_s=0.8)
    frames = looks(source(camera, SystemClock(), session=3, look_px=160), 3)
    steps_s = [b.pts_s - a.pts_s for a, b in pairwise(frames)]
    assert steps_s == pytest.approx([0.8, 0.8], abs=0.1)
    assert frames[0].image.shape == (120, 160, 3)
    assert {(frame.session, frame.camera_id) for frame in frames} == {(3, "c")}


@SOURCES
def test_camera_time_from_sender_reports(source: type[Source], cameras: CameraServer) -> None:
    camera = Camera("c", cameras.url("small.mp4"), sample_s=0.5)
    clock = SystemClock()
    frames = looks(source(camera, clock), 3)
    assert frames[-1].time_source is TimeSource.CAMERA
    assert abs((clock.now() - frames[-1].captured_at).total_seconds()) < 60


@SOURCES
def test_unknown_path_is_refused_without_telling_the_password(source: type[Source], cameras: CameraServer) -> None:
    url = cameras.url("none.mp4").replace("rtsp://", "rtsp://admin:pass%40word@")
    with pytest.raises(SourceRefusedError, match="404") as caught:
        source(Camera("c", url), SystemClock()).open()
    assert "pass" not in str(caught.value)


@pytest.mark.parametrize("device", ["warp", "qsv"])
def test_hardware_is_never_left_out_in_silence(device: str, cameras: CameraServer) -> None:
    camera = Camera("c", cameras.url("small.mp4"), options=(("transport", "ffmpeg"), ("hardware", device)))
    with pytest.raises(NotThereError, match=rf"no hardware decoder '{device}'|cannot decode h264 on {device}"):
        open_source(camera, SystemClock()).open()


@SOURCES
def test_nobody_listening(source: type[Source], cameras: CameraServer) -> None:
    cameras.stop()
    with pytest.raises(SourceError, match="refused"):
        source(Camera("c", cameras.url("small.mp4")), SystemClock()).open()


@SOURCES
def test_silent_server_times_out(source: type[Source]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"
        camera = Camera("c", url, options=(("open_timeout_s", "0.3"),))
        with pytest.raises(SourceTimeoutError):
            source(camera, SystemClock()).open()


@pytest.mark.slow
def test_unplugged_camera_reconnects_by_itself(cameras: CameraServer) -> None:
    clock = SystemClock()

    def make(camera: Camera, session: int) -> FrameSource:
        return open_source(camera, clock, session=session)

    supervisor = Supervisor(clock, make, Mailbox(), backoff=Backoff(least_s=0.1, most_s=0.3))
    camera = Camera("c", cameras.url("small.mp4"), sample_s=0.5, options=(("read_timeout_s", "2"),))
    supervisor.apply([camera])
    try:
        assert eventually(lambda: supervisor.health()["c"].state is CameraState.LIVE)
        cameras.stop()
        assert eventually(lambda: supervisor.health()["c"].state is CameraState.RECONNECTING)
        cameras.start()
        assert eventually(lambda: supervisor.health()["c"].state is CameraState.LIVE)
        assert supervisor.health()["c"].reconnects >= 1
        supervisor.apply([replace(camera, enabled=False)])
        assert supervisor.health() == {}
    finally:
        supervisor.stop()
