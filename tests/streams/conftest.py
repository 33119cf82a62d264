"""Clips and simulated cameras, made once a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.ports import free_port
from vision.sandbox.camera_footage import street_clip
from vision.sandbox.cameras import CameraServer


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `small.mp4`: 320×240 H.264, 25 fps, 6 s, a keyframe every 0.4 s."""
    folder = tmp_path_factory.mktemp("footage")
    clip = street_clip(folder, width=320, height=240, seconds=6, kbit_s=300, gop_s=0.4)
    clip.rename(folder / "small.mp4")
    return folder


@pytest.fixture
def cameras(footage: Path) -> Iterator[CameraServer]:
    with CameraServer(footage, port=free_port()) as server:  # the same again after a stop
        yield server
