from dataclasses import replace
from datetime import datetime

from tests.pipeline.streets import at, finding
from vision.core.errors import SourceError
from vision.core.findings import Finding, FindingState
from vision.pipeline.clips import ClipKeeper
from vision.testing import MemoryBlobs

PRESENT, ABSENT = FindingState.PRESENT, FindingState.ABSENT


class Camera:
    def __init__(self) -> None:
        self.cuts: list[tuple[datetime, datetime]] = []
        self.broken = False

    def cut(self, camera_id: str, begin: datetime, end: datetime) -> bytes:
        if self.broken:
            raise SourceError(f"{camera_id} holds no evidence ring now")
        self.cuts.append((begin, end))
        return f"{begin}-{end}".encode()


def roles(keeper: ClipKeeper, *looks: Finding) -> list[list[str]]:
    return [[picture.role for picture in keeper.keep([look])[0].evidence] for look in looks]


def test_a_violation_gets_one_clip_around_the_end_of_its_dwell() -> None:
    camera, blobs = Camera(), MemoryBlobs()
    keeper = ClipKeeper(camera.cut, blobs)
    looks = [finding(PRESENT, s) for s in (10, 20, 30, 38, 48, 58)]
    assert roles(keeper, *looks) == [[], [], [], ["clip"], [], []]
    assert camera.cuts == [(at(25), at(34))]
    assert len(blobs.blobs) == 1


def test_looks_far_apart_take_the_last_seconds() -> None:
    camera = Camera()
    keeper = ClipKeeper(camera.cut, MemoryBlobs())
    roles(keeper, finding(PRESENT, 30), finding(PRESENT, 90))
    assert camera.cuts == [(at(81), at(90))]


def test_the_next_violation_gets_its_own() -> None:
    camera = Camera()
    keeper = ClipKeeper(camera.cut, MemoryBlobs())
    first = [finding(PRESENT, 30), finding(PRESENT, 40), finding(ABSENT, 50)]
    second = [replace(finding(PRESENT, s), since=at(60)) for s in (100, 110)]
    assert roles(keeper, *first, *second) == [[], ["clip"], [], [], ["clip"]]


def test_a_camera_that_went_costs_the_clip_and_not_the_finding() -> None:
    camera = Camera()
    camera.broken = True
    keeper = ClipKeeper(camera.cut, MemoryBlobs())
    assert roles(keeper, finding(PRESENT, 30), finding(PRESENT, 40), finding(PRESENT, 50)) == [[], [], []]
    assert keeper.failures == 1
