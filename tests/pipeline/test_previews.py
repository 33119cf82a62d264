"""What people who watch are shown, and that nothing is opened for nobody."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from tests.pipeline.streets import FakeBoard, frame
from vision.core.frames import Frame, Image
from vision.core.registry import Camera, SourceKind
from vision.pipeline.previews import LONGEST_PX, Previews
from vision.streams.mailbox import Mailbox
from vision.testing import ManualClock

PLAIN = Camera("gate", "rtsp://u:p@h/1")
SMALL = Camera("gate", "rtsp://u:p@h/Streaming/Channels/101", options=(("keep_full", "true"),))


@dataclass
class FakeStreams:
    open: list[Camera] = field(default_factory=list)
    applied: int = 0

    def apply(self, cameras: Iterable[Camera]) -> None:
        self.open, self.applied = list(cameras), self.applied + 1

    def stop(self) -> None:
        self.open = []


class Silence:
    """A mailbox to which nothing comes, and that is not waited for."""

    def take(self, limit: int, wait_s: float) -> list[Frame]:
        return []


@dataclass
class Rig:
    clock: ManualClock
    camera: Camera
    board: FakeBoard = field(default_factory=FakeBoard)
    streams: FakeStreams = field(default_factory=FakeStreams)
    mailbox: Mailbox = field(default_factory=Mailbox)
    newest: Image | None = None
    glances: list[tuple[str, int]] = field(default_factory=list)

    def previews(self) -> Previews:
        made = Previews(self.clock, self.board, self.glance, self.streams, self.mailbox)
        made.follow([self.camera])
        return made

    def glance(self, camera_id: str, longest_px: int) -> Image | None:
        self.glances.append((camera_id, longest_px))
        return self.newest


def shade(jpeg: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return float(image.mean())


def test_nothing_is_opened_or_decoded_for_nobody(clock: ManualClock) -> None:
    rig = Rig(clock, SMALL)
    rig.previews().once()
    assert (rig.streams.applied, rig.glances, rig.board.looks) == (0, [], {})


def test_the_first_picture_comes_from_what_is_held_of_the_main_stream(clock: ManualClock) -> None:
    rig = Rig(clock, PLAIN, newest=np.full((90, 160, 3), 200, np.uint8))
    rig.board.wanted = {"gate", "not ours"}
    previews = rig.previews()
    previews.once()
    assert rig.glances == [("gate", LONGEST_PX)]
    assert shade(rig.board.looks["gate"]) > 190
    assert previews.shows("gate")
    assert rig.streams.applied == 0, "a camera without a small stream costs no second connection"
    clock.advance(60)
    assert not previews.shows("gate"), "and when nothing comes any more, its looks are shown again"


def test_the_small_stream_is_open_while_somebody_watches(clock: ManualClock) -> None:
    rig = Rig(clock, SMALL, newest=np.full((90, 160, 3), 200, np.uint8))
    rig.board.wanted = {"gate"}
    previews = rig.previews()
    previews.once()
    (opened,) = rig.streams.open
    assert opened.url == "rtsp://u:p@h/Streaming/Channels/102"
    assert dict(opened.options) == {"ring_s": "0"}
    assert shade(rig.board.looks["gate"]) > 190, "the main stream shows itself until the small one does"
    rig.mailbox.put(replace(frame(), image=np.full((90, 160, 3), 40, np.uint8)))
    previews.once()
    assert shade(rig.board.looks["gate"]) < 60
    assert len(rig.glances) == 1, "the main stream is left alone"
    clock.advance(10)
    previews.once()
    assert shade(rig.board.looks["gate"]) > 190, "a small stream that fell silent is not waited for"
    rig.board.wanted = set()
    previews.once()
    assert rig.streams.open == []


def test_a_patrolled_camera_is_opened_only_to_be_watched(clock: ManualClock) -> None:
    rig = Rig(clock, replace(PLAIN, kind=SourceKind.PATROL))
    rig.board.wanted = {"gate"}
    rig.previews().once()
    assert [(camera.kind, camera.url) for camera in rig.streams.open] == [(SourceKind.LIVE, PLAIN.url)]


def test_a_gateway_is_not_asked_for_more_streams_than_it_may_have_open(clock: ManualClock) -> None:
    rig = Rig(clock, SMALL)
    previews = replace(rig.previews(), mailbox=Silence())
    cameras = [replace(SMALL, id=f"c{number}", gateway="nvr") for number in range(9)]
    previews.follow([*cameras, replace(SMALL, id="elsewhere", url="rtsp://other/Streaming/Channels/101")])
    rig.board.wanted = {"elsewhere", *(camera.id for camera in cameras)}
    most, seen = 0, set[str]()
    for _ in range(400):
        previews.once()
        clock.advance(0.4)
        opened = {camera.id for camera in rig.streams.open}
        most, seen = max(most, len(opened - {"elsewhere"})), seen | opened
    assert most == previews.turns.at_once
    assert seen == rig.board.wanted, "and still every one is shown in turn"
