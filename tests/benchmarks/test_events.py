from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks import events
from benchmarks.events import Event, Played, Truth
from benchmarks.footage import Site, Street
from vision.core.detections import Detections
from vision.core.errors import ConfigError, NotThereError
from vision.core.findings import ViolationType
from vision.core.frames import Frame, Image, TimeSource
from vision.core.registry import Zone, ZoneKind
from vision.sandbox.injection import GroundPlane
from vision.testing import EPOCH, ScriptedDetector

NAMES = ("person", "bicycle")
ZONE = Zone("z", ZoneKind.BIKE_NO_PARKING, ((0, 0), (1, 0), (1, 1), (0, 1)), dwell_s=20)
PICTURE = (np.indices((90, 160)).sum(axis=0) % 11 * 23).astype(np.uint8)[..., None].repeat(3, axis=2)
BIKE = Detections(np.array([[40, 30, 80, 60]], np.float32), np.array([0.7], np.float32), np.array([1], np.int32), NAMES)
NOTHING = Detections.empty(NAMES)


def frames(count: int, every_s: float = 5.0) -> Iterator[Frame]:
    for i in range(count):
        at = EPOCH + timedelta(seconds=i * every_s)
        yield Frame("clip", "main", 0, i, i * every_s, at, TimeSource.FILE, PICTURE)


def played(there: Sequence[bool], *truth: Event) -> Played:
    detector = ScriptedDetector(NAMES, [BIKE if seen else NOTHING for seen in there])
    detector.script.append(NOTHING)
    return events.play("clip", Truth((ZONE,), truth), frames(len(there)), WithoutCloseLooks(detector))


class WithoutCloseLooks:
    """Looks are answered by the script; a cut-out (a square) shows nothing and takes nothing from it."""

    def __init__(self, script: ScriptedDetector) -> None:
        self._script, self.names, self.version = script, script.names, script.version

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        whole = images[0].shape == PICTURE.shape
        return self._script.detect(images) if whole else [NOTHING for _ in images]

    def close(self) -> None:
        """Nothing to release."""


def event(start_s: float, end_s: float) -> Event:
    return Event(ViolationType.BIKE_MISPARKED, "z", start_s, end_s)


def values(one: Played) -> dict[str, float]:
    return {result.name: result.value for result in events.results([one])}


def test_an_event_found_after_its_dwell() -> None:
    one = played([False] * 2 + [True] * 10 + [False] * 8, event(10, 60))
    assert [alarm.opened_s for alarm in one.alarms] == [30]
    figures = values(one)
    assert (figures["event_recall"], figures["event_precision"]) == (1, 1)
    assert figures["false_alarms_per_camera_hour"] == 0
    assert figures["delay_after_dwell_median_s"] == 0


def test_an_alarm_without_an_event_is_false() -> None:
    one = played([True] * 20)
    assert (len(one.false), values(one)["event_precision"]) == (1, 0)
    assert values(one)["false_alarms_per_camera_hour"] == pytest.approx(3600 / 95)
    assert "false at 20.0 s" in events.account([one])


def test_an_event_not_told_is_missed() -> None:
    one = played([False] * 20, event(10, 60))
    assert (one.missed, values(one)["event_recall"]) == ([event(10, 60)], 0)
    assert "event_precision" not in values(one)


def test_an_alarm_before_the_event_begins_or_in_another_zone_does_not_find_it() -> None:
    early = played([True] * 20, event(60, 90))
    assert (len(early.false), len(early.missed)) == (1, 1)


def test_one_event_told_twice_is_one_event_and_no_false_alarm() -> None:
    one = played([True] * 6 + [False] * 16 + [True] * 8, event(0, 150))
    assert len(one.alarms) == 2
    assert values(one)["event_precision"] == 1
    assert values(one)["event_recall"] == 1


def test_a_truth_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        "zones: [{id: a, kind: keep_clear, dwell_s: 3, polygon: [[0, 0], [1, 0], [1, 1]]}]\n"
        "events: [{type: garbage, zone: a, start_s: 1, end_s: 2}]\n"
    )
    truth = events.read_truth(file)
    assert truth.zones[0].dwell_s == 3
    assert truth.events == (Event(ViolationType.GARBAGE, "a", 1, 2),)


@pytest.mark.parametrize(
    "text",
    [
        "zones: 3",
        "- x",
        "zones: [{id: a, kind: moon, dwell_s: 3, polygon: [[0, 0], [1, 0], [1, 1]]}]",
        "zones: [{id: a, kind: road, dwell_s: 3, polygon: [[0, 0]]}]",
        "zones: []\nevents: [{type: garbage, zone: b, start_s: 1, end_s: 2}]",
        "zones: [",
    ],
)
def test_a_wrong_truth_file_is_one_sentence_that_names_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"wrong\.yaml"):
        events.read_truth(file)


def test_clips_and_truths_are_paired(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.txt"):
        (tmp_path / name).touch()
    truths = tmp_path / "truth"
    truths.mkdir()
    (truths / "b.yaml").touch()
    assert events.pairs([tmp_path], [truths]) == [(tmp_path / "b.mp4", truths / "b.yaml")]
    assert events.pairs([tmp_path / "a.mp4"], [truths / "b.yaml"]) == [(tmp_path / "a.mp4", truths / "b.yaml")]
    with pytest.raises(ConfigError, match="2 clips and 1 truths"):
        events.pairs([tmp_path / "a.mp4", tmp_path / "b.mp4"], [truths / "b.yaml"])
    with pytest.raises(NotThereError, match=r"nowhere\.mp4"):
        events.pairs([tmp_path / "nowhere.mp4"], [])


def test_the_interval_suits_the_clip_and_its_dwell() -> None:
    assert events.look_every_s(80, [ZONE]) == 1
    assert events.look_every_s(3600, [ZONE]) == 5
    assert events.look_every_s(3600, [Zone("y", ZoneKind.ROAD, ZONE.polygon)]) == 10


@pytest.mark.slow
def test_the_night_lane_s_motorbike_is_told_and_the_pavement_is_silent(shared: Path) -> None:
    """Real footage, the real chain and the shipped model."""
    clips = shared / "data" / "clips"
    detector = events.open_model("")
    try:
        for name, found in (("lane_night_parked_motorbike_43s", 1), ("pavement_pedestrians_8s", 0)):
            truth = events.read_truth(clips / "truth" / f"{name}.yaml")
            one = events.play_clip(clips / f"{name}.mp4", truth, detector)
            assert (len(one.found), len(one.false)) == (found, 0), events.account([one])
    finally:
        detector.close()


def test_a_street_without_events_is_watched_for_hours_under_three_kinds_of_light() -> None:
    where = Street(Site("a_clip.mp4", ZONE.polygon), [PICTURE] * 3, [()] * 3, PICTURE, GroundPlane(0.3, 0), [BIKE] * 3)
    detector = ScriptedDetector(NAMES, [BIKE])
    watched = events.watch(where, (ZONE,), detector, hours=0.1, every_s=10)
    assert [one.clip for one in watched] == [f"looped a, {name}" for name in ("clouds", "lamps", "gusts")]
    assert sum(one.seconds for one in watched) == pytest.approx(360)
    assert [len(one.false) for one in watched] == [1, 1, 1]
