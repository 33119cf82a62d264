import subprocess
import sys
from itertools import islice
from pathlib import Path

import av
import pytest

from tests.servers.ports import free_port
from vision.core.errors import NotThereError
from vision.sandbox.camera_footage import demo_clip, street_clip
from vision.sandbox.cameras import CameraServer, clips_in


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    street_clip(folder, width=320, height=240, seconds=4, kbit_s=200, gop_s=1.0)
    return folder


def test_demo_clip_is_a_camera_like_stream_and_made_once(tmp_path: Path) -> None:
    clip = demo_clip(tmp_path, seconds=6)
    made_ns = clip.stat().st_mtime_ns
    assert demo_clip(tmp_path, seconds=6).stat().st_mtime_ns == made_ns
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        keys_s = [float(p.pts * p.time_base) for p in container.demux(stream) if p.is_keyframe and p.pts is not None]
    assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 640, 272)
    assert keys_s == [0.0, 2.0, 4.0]


def test_generated_clip_has_the_bitrate_it_says(folder: Path) -> None:
    clip = clips_in(folder)[0]
    assert clip.stat().st_size * 8 / 4 == pytest.approx(200_000, rel=0.25)


def test_killed_and_restarted_on_the_same_port(folder: Path) -> None:
    server = CameraServer(folder, port=free_port())
    port = 0
    for _ in range(3):
        server.start()
        port = port or server.port
        with av.open(server.url(clips_in(folder)[0]), options={"rtsp_transport": "tcp"}, timeout=60) as container:
            assert len(list(islice(container.demux(video=0), 3))) == 3
            server.stop()
    assert server.port == port


def test_taken_port_and_missing_folder_are_said_plainly(folder: Path, tmp_path: Path) -> None:
    with CameraServer(folder) as server, pytest.raises(NotThereError, match=f"cannot listen on .*:{server.port}"):
        CameraServer(folder, port=server.port).start()
    with pytest.raises(NotThereError, match="no folder"):
        CameraServer(tmp_path / "none").start()
    with pytest.raises(NotThereError, match="no clip"):
        clips_in(tmp_path)


def test_as_a_process_of_its_own(folder: Path) -> None:
    command = [sys.executable, "-m", "vision.sandbox.cameras", "--footage", str(folder), "--port", str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with av.open(url, options={"rtsp_transport": "tcp"}, timeout=60) as container:
                assert container.streams.video[0].width == 320
        finally:
            process.kill()
