import cv2
import numpy as np
import pytest

from tests.pipeline.streets import VIEW, finding, frame
from vision.core.errors import StorageError
from vision.core.findings import FindingState
from vision.pipeline.evidence import EvidenceRecorder
from vision.testing import MemoryBlobs

PRESENT, ABSENT, UNKNOWN = FindingState.PRESENT, FindingState.ABSENT, FindingState.UNKNOWN


class FullDisk(MemoryBlobs):
    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        raise StorageError("evidence store: disk is full")


def roles(recorder: EvidenceRecorder, state: FindingState, at_s: float, count: int = 1) -> list[str]:
    kept = recorder.keep(VIEW, frame(at_s), [finding(state, at_s, count=count)])
    return [role for role, *_rest in kept[0].evidence]


def decoded(jpeg: bytes) -> object:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def test_what_is_kept_and_what_is_not() -> None:
    recorder = EvidenceRecorder(MemoryBlobs())
    assert roles(recorder, ABSENT, 0) == []
    assert roles(recorder, PRESENT, 10) == ["annotated", "original"]
    assert roles(recorder, PRESENT, 20) == []
    assert roles(recorder, PRESENT, 30) == ["annotated", "original"], "its dwell is over"
    assert roles(recorder, PRESENT, 40, count=2) == ["annotated", "original"], "another came"
    assert roles(recorder, PRESENT, 50, count=2) == []
    assert roles(recorder, UNKNOWN, 60) == []
    assert roles(recorder, PRESENT, 161, count=2) == ["annotated", "original"], "two minutes old"
    assert [roles(recorder, ABSENT, 170 + i) for i in range(4)] == [["after"], ["after"], ["after"], []]


def test_the_original_is_the_look_and_the_copy_has_the_boxes() -> None:
    blobs = MemoryBlobs()
    kept = EvidenceRecorder(blobs).keep(VIEW, frame(10), [finding(PRESENT, 10)])[0]
    pictures = {role: np.asarray(decoded(blobs.get(key))) for role, key, *_rest in kept.evidence}
    assert np.abs(pictures["original"].astype(int) - frame(10).image).mean() < 3
    assert np.abs(pictures["annotated"].astype(int) - pictures["original"]).max() > 100


def test_a_full_disk_costs_the_picture_and_not_the_finding() -> None:
    recorder = EvidenceRecorder(FullDisk())
    kept = recorder.keep(VIEW, frame(10), [finding(PRESENT, 10)])
    assert kept == [finding(PRESENT, 10)]
    assert recorder.failures == 1


@pytest.mark.parametrize("width", [80, 640, 1920])
def test_labels_stay_inside_pictures_of_any_size(width: int) -> None:
    from vision.pipeline.draw import annotate

    image = np.zeros((width * 9 // 16, width, 3), np.uint8)
    assert annotate(image, VIEW.zones[0], finding(PRESENT, 10)).shape == image.shape
