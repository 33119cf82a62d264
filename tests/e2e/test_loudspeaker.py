"""The loudspeaker's loop with real parts: something is left, the horn speaks, it goes, and no case is filed."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from tests.e2e.city import City, until
from vision.alerts.chime import chime
from vision.alerts.listen import find
from vision.sandbox.camera_footage import demo_clip, encode_clip
from vision.sandbox.cameras import CameraServer
from vision.sandbox.platform import SECRET, SandboxPlatform
from vision.sandbox.speaker import VirtualSpeaker

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]
LEFT_S, GONE_S, DWELL_S, SAMPLE_S = 25, 90, 8, 2
WHOLE = [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]


def picture_of_a_bike(folder: Path) -> NDArray[np.uint8]:
    with av.open(str(demo_clip(folder, seconds=4))) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return np.asarray(pictures[len(pictures) // 2], np.uint8)


def taken_away(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same view without the bicycle: the wall beside it repeated over it, as sharp as the rest; synthetic."""
    wall = picture[:215, 15:170]
    empty = picture.copy()
    empty[:215, 240:575] = np.concatenate([wall, wall[:, ::-1], wall], axis=1)[:, :335]
    return empty


def clip_in_which_it_goes(folder: Path) -> None:
    bike = picture_of_a_bike(folder / "source")
    empty, rng = taken_away(bike), np.random.default_rng(5)
    grain = [rng.normal(0, 2, bike.shape).astype(np.int16) for _ in range(7)]
    present, absent = ([np.clip(base + one, 0, 255).astype(np.uint8) for one in grain] for base in (bike, empty))

    def frames() -> Iterator[VideoFrame]:
        for number in range((LEFT_S + GONE_S) * 25):
            noisy = present if number < LEFT_S * 25 else absent
            yield VideoFrame.from_ndarray(noisy[number % len(noisy)], format="bgr24")

    encode_clip(folder / "gone.mp4", frames())


@pytest.fixture
def horn() -> Iterator[VirtualSpeaker]:
    with VirtualSpeaker() as speaker:
        yield speaker


def configuration(url: str, horn: VirtualSpeaker, platform: str) -> dict[str, Any]:
    zone = {"kind": "bike_no_parking", "dwell_s": DWELL_S, "polygon": WHOLE, "speakers": ["horn"]}
    ladder = {
        "steps": [{"do": "speak", "grace_s": 120}, {"do": "file"}],
        "review": "never",
        "gone": {"looks": 3, "over_s": 4},
    }
    return {
        "data": "data",
        "server": {"port": 0},
        "access": {"loopback_without_login": True},
        "cameras": {"gate": {"url": url, "sample_s": SAMPLE_S, "zones": {"walk": zone}}},
        "speakers": {"horn": {"kind": "http", "url": f"{horn.url}/play", "quiet": []}},
        "loudspeakers": {"default_mode": "automatic"},
        "incidents": {"bike_misparked": ladder},
        "cases": {"platforms": {"sandbox": {"kind": "webhook", "url": f"{platform}/webhook", "secret": SECRET}}},
    }


def test_the_horn_speaks_it_goes_and_no_case_is_filed(tmp_path: Path, horn: VirtualSpeaker) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    clip_in_which_it_goes(clips)
    platform = SandboxPlatform()
    with CameraServer(clips) as cameras, platform.serve() as address:
        city = City(tmp_path, configuration(cameras.url("gone.mp4"), horn, address))
        try:
            city.start()
            assert horn.wait_for(1, 60), "".join(city.output)
            spoken = horn.recordings[0]
            incident = until("the incident", lambda: city.get("incidents")["items"], 20)[0]
            until("it to be rectified", lambda: city.get(f"incidents/{incident['id']}")["status"] == "rectified", 120)
            incident = city.get(f"incidents/{incident['id']}")
            announcement = city.get("announcements")[0]
            effect = city.get("statistics/loudspeakers")
        finally:
            city.interrupt()
    assert find(chime(), spoken.audio).score > 0.99
    assert spoken.audio.duration_s > 5
    dwell_over = datetime.fromisoformat(incident["began_at"]).timestamp() + DWELL_S
    late_s = spoken.at.timestamp() - dwell_over
    print(f"heard {late_s:.2f} s after the dwell was over")
    assert announcement["outcome"] == "spoken"
    assert announcement["proof"]["accepted"] == "200 OK"
    assert incident["case"] is None
    assert platform.cases.count() == 0
    roles = {picture["role"] for picture in incident["evidence"]}
    assert {"original", "after"} <= roles
    assert effect["total"]["rectified"] == 1
