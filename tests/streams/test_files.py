from pathlib import Path

import numpy as np
import pytest

from tests.streams.waiting import looks
from vision.core.errors import ConfigError, SourceRefusedError
from vision.core.frames import Later, TimeSource
from vision.core.registry import Camera, SourceKind
from vision.streams.factory import open_source
from vision.streams.files import FileSource
from vision.testing import EPOCH, ManualClock


def clip_camera(path: Path, sample_s: float = 1.0, **options: str) -> Camera:
    return Camera("clip", str(path), SourceKind.FILE, sample_s=sample_s, options=tuple(options.items()))


def test_clip_gives_its_looks_in_scene_time(footage: Path, clock: ManualClock) -> None:
    frames = looks(FileSource(clip_camera(footage / "small.mp4"), clock, look_px=160), 99)
    assert [round(frame.pts_s, 2) for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert {frame.time_source for frame in frames} == {TimeSource.FILE}
    assert [(frame.captured_at - EPOCH).total_seconds() for frame in frames] == pytest.approx(
        [0, 1, 2, 3, 4, 5], abs=0.05
    )
    assert frames[0].image.shape == (120, 160, 3)


def test_real_pace_sleeps_by_the_clock_and_fast_does_not(footage: Path) -> None:
    for pace, elapsed_s in (("real", 5.0), ("fast", 0.0)):
        clock = ManualClock()
        looks(FileSource(clip_camera(footage / "small.mp4", pace=pace), clock), 99)
        assert clock.monotonic_s() == pytest.approx(elapsed_s, abs=0.05)


def test_loop_runs_on_in_scene_time(footage: Path, clock: ManualClock) -> None:
    frames = looks(FileSource(clip_camera(footage / "small.mp4", pace="fast", loop="true"), clock), 14)
    assert [round(frame.pts_s) for frame in frames] == list(range(14))
    assert [frame.seq for frame in frames] == list(range(14))


def test_full_picture_is_there_when_it_is_wanted(footage: Path, clock: ManualClock) -> None:
    kept = looks(FileSource(clip_camera(footage / "small.mp4", keep_full="true"), clock, look_px=160), 3)
    later = looks(FileSource(clip_camera(footage / "small.mp4"), clock, look_px=160), 3)
    for one, other in zip(kept, later, strict=True):
        assert isinstance(one.full, np.ndarray)
        assert isinstance(other.full, Later)
        assert one.best.shape == (240, 320, 3)
        assert np.array_equal(one.best, other.best)
        assert other.best is other.best  # made once
    never_enlarged = looks(FileSource(clip_camera(footage / "small.mp4"), clock, look_px=4000), 1)[0]
    assert never_enlarged.image.shape == (240, 320, 3)
    assert never_enlarged.full is None
    assert never_enlarged.best is never_enlarged.image


def test_missing_clip_and_not_a_clip(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(SourceRefusedError, match="no clip at"):
        FileSource(clip_camera(tmp_path / "none.mp4"), clock).open()
    (tmp_path / "page.mp4").write_text("<html>")
    with pytest.raises(SourceRefusedError, match="cannot play"):
        looks(FileSource(clip_camera(tmp_path / "page.mp4"), clock), 1)


def test_options_are_checked_all_at_once(clock: ManualClock) -> None:
    camera = Camera("gate", "x", SourceKind.FILE, options=(("loop", "maybe"), ("pcae", "fast"), ("pace", "slow")))
    with pytest.raises(ConfigError) as caught:
        open_source(camera, clock)
    assert len(caught.value.problems) == 3
    assert caught.value.problems[0].startswith("cameras.gate.options.loop: should be a bool")


def test_kind_that_is_not_kept_open(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.p\.kind: patrol"):
        open_source(Camera("p", "rtsp://p", SourceKind.PATROL), clock)
