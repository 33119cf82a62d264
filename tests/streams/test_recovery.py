"""Streams without IDR pictures: recovery points are keyframes, intra refreshes are read by FFmpeg or told plainly."""

from collections.abc import Iterator
from fractions import Fraction

import av
import hypothesis.strategies as st
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from hypothesis import given

from tests.streams.waiting import looks
from vision.core.clock import SystemClock
from vision.core.errors import SourceError
from vision.core.frames import Image
from vision.core.registry import Camera
from vision.sandbox.camera_footage import street_pictures
from vision.sandbox.camera_replay import ReplayServer
from vision.streams.live import LiveSource
from vision.streams.nal import recovery_point
from vision.streams.rtsp import RtspSource

OPEN, REFRESH = "open.mp4", "refresh.mp4"
AT = 5
"""Joined after the only IDR picture, which comes again when the clip does: after three seconds and more."""


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    return list(street_pictures(320, 240, 100))


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, pictures: list[Image]) -> Iterator[ReplayServer]:
    folder = tmp_path_factory.mktemp("recovery")
    made = {OPEN: "keyint=10:min-keyint=10:open-gop=1:bframes=2", REFRESH: "keyint=20:intra-refresh=1:bframes=0"}
    for name, parameters in made.items():
        with av.open(str(folder / name), "w") as container:
            options = {"preset": "veryfast", "crf": "20", "x264-params": f"{parameters}:scenecut=0"}
            stream = container.add_stream("libx264", rate=25, options=options)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for n, picture in enumerate(pictures):
                frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
                frame.pts, frame.time_base = n, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with ReplayServer(folder) as server:
        yield server


def camera(url: str, **options: str) -> Camera:
    return Camera("c", url, sample_s=0.0, options=tuple(options.items()))


def off_by(look: Image, pictures: list[Image]) -> float:
    """Mean difference to the most similar picture that was encoded."""
    return min(float(np.abs(look.astype(int) - picture).mean()) for picture in pictures)


def test_open_groups_are_looked_at_like_any_other(replay: ReplayServer, pictures: list[Image]) -> None:
    source = LiveSource(camera(replay.url(OPEN, 1, at=AT)), SystemClock())
    frames = looks(source, 5)
    assert source.corrupt == 0
    assert max(off_by(frame.image, pictures) for frame in frames) < 6
    assert source.reader is not None
    assert source.reader.figures.key_interval_s == pytest.approx(0.4, abs=0.05)


def test_keyframe_announced_and_not_wanted_counts_once(replay: ReplayServer) -> None:
    source = LiveSource(Camera("c", replay.url(OPEN, 2, at=AT), sample_s=1.2), SystemClock())
    looks(source, 2)
    assert source.reader is not None
    assert 4 <= source.reader.figures.keyframes <= 6


def test_intra_refresh_is_told_with_the_way_out(replay: ReplayServer) -> None:
    source = LiveSource(camera(replay.url(REFRESH, 3, at=AT), no_keyframe_s="1.5"), SystemClock())
    with pytest.raises(
        SourceError, match=r"no keyframe in 1\.5 s: it refreshes its picture .* option transport ffmpeg"
    ):
        looks(source, 1)


def test_intra_refresh_by_ffmpeg_gives_whole_pictures(replay: ReplayServer, pictures: list[Image]) -> None:
    source = RtspSource(camera(replay.url(REFRESH, 4, at=AT), transport="ffmpeg"), SystemClock())
    frames = looks(source, 2)
    assert max(off_by(frame.image, pictures) for frame in frames) < 6


@pytest.mark.parametrize(
    ("message", "pictures_away"),
    [(b"\x06\x01\xc4\x80", 0), (b"\x06\x02\x09\x80", 18), (b"\x05\x03abc\x06\x01\xc4\x80", 0), (b"\x05\x03abc\x80", None),
     (b"\x01\x03\x00\x00\x03\x01\x06\x01\xc4\x80", 0), (b"", None), (b"\x06\x00\x80", None)],
)  # fmt: skip
def test_recovery_points(message: bytes, pictures_away: int | None) -> None:
    assert recovery_point(message) == pictures_away


@given(message=st.binary(max_size=60))
def test_any_message_is_read_without_fault(message: bytes) -> None:
    away = recovery_point(message)
    assert away is None or away >= 0
