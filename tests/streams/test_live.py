"""Our own client against the replay server's faults and against GStreamer's server."""

import http.server
import io
import subprocess
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conftest import absent
from tests.streams.waiting import eventually, looks
from vision.core.clock import SystemClock
from vision.core.errors import NotThereError, SourceError, SourceRefusedError, SourceTimeoutError
from vision.core.frames import Frame, Image, Later, TimeSource
from vision.core.registry import Camera, SourceKind
from vision.sandbox.camera_footage import street_clip
from vision.sandbox.camera_replay import ReplayServer
from vision.streams.decoding import Decode, DecodePool, hardware, new_context
from vision.streams.factory import open_source
from vision.streams.files import FileSource
from vision.streams.live import LiveSource
from vision.streams.packets import browser_copy
from vision.testing import ManualClock

CLIP = "small.mp4"


@pytest.fixture(scope="module")
def replay(footage: Path) -> Iterator[ReplayServer]:
    if not (footage / "hevc.mp4").exists():
        street_clip(footage, width=320, height=240, seconds=4, kbit_s=300, gop_s=0.4, codec="libx265").rename(
            footage / "hevc.mp4"
        )
        street_clip(footage, width=640, height=480, seconds=2, kbit_s=600, gop_s=0.4).rename(footage / "large.mp4")
    with ReplayServer(footage) as server:
        yield server


def camera(url: str, sample_s: float = 0.0, **options: str) -> Camera:
    return Camera("c", url, sample_s=sample_s, options=tuple(options.items()))


def test_look_is_the_same_picture_as_in_the_file(replay: ReplayServer, footage: Path) -> None:
    live = looks(LiveSource(camera(replay.url(CLIP, at=0, keep="same"), keep_full="true"), SystemClock()), 2)
    clip = Camera("f", str(footage / CLIP), SourceKind.FILE, sample_s=0.4, options=(("pace", "fast"),))
    filed = looks(FileSource(clip, ManualClock()), 20)
    # Joined after the first keyframe, or at it: the first look is one of the file's keyframes, pixel for pixel.
    assert any(np.array_equal(live[0].image, frame.image) for frame in filed)


@pytest.mark.parametrize("name", [CLIP, "hevc.mp4"])
def test_a_look_is_had_in_full_when_it_is_wanted(replay: ReplayServer, footage: Path, name: str) -> None:
    live = looks(LiveSource(camera(replay.url(name, at=0, keep="same")), SystemClock(), look_px=160), 2)
    clip = Camera("f", str(footage / name), SourceKind.FILE, sample_s=0.04, options=(("pace", "fast"),))
    filed = looks(FileSource(clip, ManualClock()), 90)
    assert live[0].image.shape == (120, 160, 3)
    assert isinstance(live[0].full, Later)
    assert live[0].best.shape == (240, 320, 3)
    # Deblocked as in the file, which the look itself is not.
    assert any(np.array_equal(live[0].best, frame.image) for frame in filed)
    assert live[0].best is live[0].best


def test_the_look_serves_where_no_decoder_is_left_for_the_full_picture(replay: ReplayServer) -> None:
    class Busy(DecodePool):
        def decode(self, how: Decode, data: bytes | bytearray) -> tuple[Image, Image | None] | None:
            if how.keep_full:
                raise NotThereError("no decoder left")
            return super().decode(how, data)

    pool = Busy(1)
    (look,) = looks(LiveSource(camera(replay.url(CLIP)), SystemClock(), look_px=160, pool=pool), 1)
    assert look.best is look.image
    pool.close()


@pytest.mark.parametrize("name", [CLIP, "hevc.mp4"])
def test_joins_in_mid_stream_and_takes_every_keyframe(replay: ReplayServer, name: str) -> None:
    source = LiveSource(camera(replay.url(name)), SystemClock(), look_px=160)
    frames = looks(source, 4)
    assert [b.pts_s - a.pts_s for a, b in pairwise(frames)] == pytest.approx([0.4] * 3)
    assert frames[0].image.shape == (120, 160, 3)
    assert frames[-1].time_source is TimeSource.CAMERA
    assert source.corrupt == 0


def test_camera_clock_that_is_off_is_not_believed_but_told(replay: ReplayServer) -> None:
    source = LiveSource(camera(replay.url(CLIP, 1, skew=3600)), SystemClock())
    assert looks(source, 2)[-1].time_source is TimeSource.ARRIVAL
    assert source.figures().clock_offset_s == pytest.approx(3600, abs=30)


class SetClock(SystemClock):
    """A machine whose wall clock somebody sets; the monotonic one runs on."""

    set_by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.set_by


@pytest.mark.parametrize("hours", [-1, 1])
def test_wall_clock_set_by_an_hour_costs_no_look_and_no_clip(replay: ReplayServer, hours: int) -> None:
    clock = SetClock()
    source = LiveSource(camera(replay.url(CLIP, 10)), clock)
    source.open()
    frames = source.frames()
    before = [next(frames) for _ in range(2)]
    clock.set_by = timedelta(hours=hours)
    after = [next(frames) for _ in range(3)]
    clip = source.clip(after[1].captured_at, after[2].captured_at)
    source.close()
    assert [frame.seq for frame in (*before, *after)] == list(range(5))
    assert [b.pts_s - a.pts_s for a, b in pairwise((*before, *after))] == pytest.approx([0.4] * 4)
    # The camera did not follow, so it is no longer believed; its offset is told.
    assert (before[-1].time_source, after[-1].time_source) == (TimeSource.CAMERA, TimeSource.ARRIVAL)
    assert source.figures().clock_offset_s == pytest.approx(-3600 * hours, abs=30)
    assert abs(after[-1].captured_at - clock.now()) < timedelta(seconds=60)
    with av.open(io.BytesIO(clip), "r") as container:
        assert len(list(container.decode(video=0))) >= 10


def test_timestamps_that_wrap_run_on(replay: ReplayServer) -> None:
    frames = looks(LiveSource(camera(replay.url(CLIP, 2, ticks=2**32 - 60_000)), SystemClock()), 4)
    assert [b.pts_s - a.pts_s for a, b in pairwise(frames)] == pytest.approx([0.4] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("jump", [-90_000_000, 90_000_000])
def test_timestamps_that_jump_cost_no_look(replay: ReplayServer, jump: int) -> None:
    url = replay.url("large.mp4", 3, jump=jump)
    frames = looks(LiveSource(camera(url, sample_s=0.8), SystemClock()), 5)
    assert [frame.seq for frame in frames] == list(range(5))
    assert any(abs(b.pts_s - a.pts_s) > 500 for a, b in pairwise(frames))


@pytest.mark.slow
@pytest.mark.parametrize("after", ["large.mp4"])
def test_resolution_changing_in_mid_stream(replay: ReplayServer, after: str) -> None:
    frames = looks(LiveSource(camera(replay.url("small.mp4", 4, at=100, after=after)), SystemClock()), 6)
    assert {frame.image.shape for frame in frames} == {(240, 320, 3), (480, 640, 3)}


@pytest.mark.slow
def test_codec_changing_in_mid_stream_ends_the_session_so_that_it_is_reopened(replay: ReplayServer) -> None:
    source = LiveSource(camera(replay.url("small.mp4", 5, at=130, after="hevc.mp4"), no_keyframe_s="1"), SystemClock())
    with pytest.raises(SourceError, match="no keyframe in 1 s"):
        looks(source, 60)
    assert looks(LiveSource(camera(replay.url("small.mp4", 5, at=130, after="hevc.mp4")), SystemClock()), 1)


@pytest.mark.parametrize("damage", [0.001, 0.05])
def test_damaged_slices_never_end_the_session(replay: ReplayServer, damage: float) -> None:
    source, seen = LiveSource(camera(replay.url(CLIP, 6, damage=damage)), SystemClock()), list[Frame]()
    source.open()
    reading = threading.Thread(target=lambda: seen.extend(source.frames()), daemon=True)
    reading.start()
    assert eventually(lambda: len(seen) + source.corrupt >= 3 and (source.corrupt > 0 or damage < 0.01))
    assert reading.is_alive()
    source.close()
    reading.join(60)


@pytest.mark.parametrize("transport", ["tcp", "ffmpeg"])
def test_stream_of_which_no_keyframe_is_whole_is_given_up_with_a_reason(replay: ReplayServer, transport: str) -> None:
    broken = camera(replay.url(CLIP, 11, damage=0.02), no_keyframe_s="1", transport=transport)
    source = open_source(broken, SystemClock())
    with pytest.raises(SourceError, match=r"no keyframe came whole in 1 s|no whole keyframe in 1 s"):
        looks(source, 1)


def test_login_by_digest_and_wrong_password(replay: ReplayServer) -> None:
    right = replay.url(CLIP, 7, credentials="admin:pa%25ss", login="admin:pa%25ss")
    assert looks(LiveSource(camera(right), SystemClock()), 1)
    with pytest.raises(SourceRefusedError, match="401") as caught:
        LiveSource(camera(right.replace("pa%25ss@", "wr0ng@")), SystemClock()).open()
    assert "wr0ng" not in str(caught.value)


def test_silent_and_mute_cameras_time_out(replay: ReplayServer) -> None:
    with pytest.raises(SourceTimeoutError, match=r"no answer in 0\.3 s"):
        LiveSource(camera(replay.url(CLIP, 8, silent=1), open_timeout_s="0.3"), SystemClock()).open()
    with pytest.raises(SourceTimeoutError, match=r"nothing came for 0\.3 s"):
        looks(LiveSource(camera(replay.url(CLIP, 8, mute=1), read_timeout_s="0.3"), SystemClock()), 1)


def test_camera_that_hangs_up(replay: ReplayServer) -> None:
    with pytest.raises(SourceError, match="closed the connection"):
        looks(LiveSource(camera(replay.url(CLIP, 9, quit=0.5)), SystemClock()), 99)


def test_not_an_rtsp_server(footage: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as web:
        threading.Thread(target=web.handle_request, daemon=True).start()
        with pytest.raises(SourceRefusedError, match="does not speak RTSP"):
            LiveSource(camera(f"rtsp://127.0.0.1:{web.server_port}/x"), SystemClock()).open()


def test_closing_ends_an_opening_that_hangs(replay: ReplayServer) -> None:
    source = LiveSource(camera(replay.url(CLIP, 8, silent=1), open_timeout_s="60"), SystemClock())
    timer = threading.Timer(0.3, source.close)
    timer.start()
    with pytest.raises(SourceError, match="cannot open"):
        source.open()
    timer.join()


def test_closing_says_teardown(replay: ReplayServer) -> None:
    before = replay.torn_down
    for number in range(5):
        looks(LiveSource(camera(replay.url(CLIP, number)), SystemClock()), 1)
    assert eventually(lambda: replay.torn_down - before == 5)


@pytest.mark.parametrize("name", [CLIP, "hevc.mp4"])
def test_evidence_clip_is_the_cameras_own_pictures(replay: ReplayServer, name: str) -> None:
    source = LiveSource(camera(replay.url(name)), SystemClock())
    source.open()
    frames = source.frames()
    seen = [next(frames) for _ in range(5)]
    clip = source.clip(seen[1].captured_at + timedelta(seconds=0.1), seen[3].captured_at + timedelta(seconds=0.1))
    source.close()
    with av.open(io.BytesIO(clip), "r") as container:
        assert container.streams.video[0].codec_context.name == source.codec
        pictures = [picture for picture in container.decode(video=0)]  # noqa: C416 - decoding is the test
    # From the keyframe before the beginning: two whole groups of ten, and what follows until the end.
    assert 20 <= len(pictures) <= 36
    assert pictures[0].key_frame
    assert not any(picture.is_corrupt for picture in pictures)
    with av.open(io.BytesIO(browser_copy(clip)), "r") as copy:
        assert copy.streams.video[0].codec_context.name == "h264"


def test_clip_of_a_time_not_held(replay: ReplayServer) -> None:
    source = LiveSource(camera(replay.url(CLIP, ring_s="0")), SystemClock())
    frame = looks(source, 1)[0]
    with pytest.raises(SourceError, match="no keyframe"):
        source.clip(frame.captured_at - timedelta(seconds=60), frame.captured_at - timedelta(seconds=50))


@pytest.mark.parametrize("device", ["qsv", "drm"])
def test_device_that_this_machine_lacks_is_said_before_any_picture_is_lost(device: str) -> None:
    with pytest.raises(NotThereError, match=rf"cannot decode h264 on {device}|no hardware decoder '{device}'"):
        new_context(Decode("h264", 640, hardware=device))


def test_nvdec_decodes_or_says_why_not(footage: Path) -> None:
    try:
        context = new_context(Decode("h264", 640, hardware="cuda"))
    except NotThereError as error:
        assert str(error).startswith(("cannot decode h264 on cuda: ", "no hardware decoder 'cuda'"))  # noqa: PT017
    else:
        assert context.is_hwaccel


def test_hardware_that_is_not_there_is_said_plainly(replay: ReplayServer) -> None:
    with pytest.raises(NotThereError, match="no hardware decoder 'warp'"):
        hardware("warp")
    with pytest.raises(SourceRefusedError, match="no hardware decoder 'warp'"):
        looks(LiveSource(camera(replay.url(CLIP), hardware="warp"), SystemClock()), 1)


def test_damaged_keyframe_gives_none_and_the_decoder_recovers(footage: Path) -> None:
    pool = DecodePool(1)
    how = Decode("h264", 160)
    assert pool.decode(how, b"\x00\x00\x00\x01\x65garbage") is None
    pool.close()


@pytest.fixture
def gst(footage: Path) -> Iterator[str]:
    """GStreamer's server asking for a digest login; its address without one."""
    script = Path(__file__).parent.parent / "servers" / "gst_rtsp_server.py"
    command = ["/usr/bin/python3", str(script), str(footage), "admin", "s3cret"]
    probe = "import gi; gi.require_version('GstRtspServer', '1.0')"
    if subprocess.run(["/usr/bin/python3", "-c", probe], capture_output=True, check=False).returncode:
        absent("needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().split()[1]}"
        process.kill()


@pytest.mark.server
@pytest.mark.slow
def test_gstreamers_server_with_login(gst: str, replay: ReplayServer) -> None:
    for name, codec in ((CLIP, "h264"), ("hevc.mp4", "hevc")):
        source = LiveSource(camera(f"rtsp://admin:s3cret@{gst}/{name}"), SystemClock())
        frames = looks(source, 4)
        assert source.codec == codec
        assert [b.pts_s - a.pts_s for a, b in pairwise(frames)] == pytest.approx([0.4] * 3, abs=0.01)
        assert source.corrupt == 0
    with pytest.raises(SourceRefusedError, match="401"):
        LiveSource(camera(f"rtsp://admin:wrong@{gst}/{CLIP}"), SystemClock()).open()


@pytest.mark.parametrize("name", [CLIP, "hevc.mp4"])
def test_glance_shows_the_newest_keyframe_without_taking_a_look(replay: ReplayServer, name: str) -> None:
    source = LiveSource(camera(replay.url(name, 7), sample_s=3600), SystemClock())
    assert source.glance(160) is None, "nothing is open yet"
    source.open()
    reading = threading.Thread(target=lambda: list(source.frames()), daemon=True)
    reading.start()
    seen: list[Image] = []

    def three() -> bool:
        image = source.glance(160)
        if image is not None:
            seen.append(image)
        return len(seen) == 3

    assert eventually(three)
    assert [image.shape for image in seen] == [(120, 160, 3)] * 3
    assert not np.array_equal(seen[0], seen[2])
    assert source.figures().received_bytes > 0
    source.close()
    reading.join(60)
