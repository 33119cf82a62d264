"""The side-by-side of change detectors: its judge, its methods, its disturbances and its command."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import change
from benchmarks.change import DWELL_S, PUT_S, TAKEN_S, Judge, covers, thresholds_of
from benchmarks.change_methods import Backbone, BackboneFeatures, Look, Standing, methods
from benchmarks.disturbances import BEGIN_S, DISTURBANCES, somebody
from vision.core.errors import ConfigError
from vision.core.frames import Image
from vision.core.geometry import Box
from vision.detectors.catalogue import CATALOGUE_FILE

THING: Box = (0.4, 0.5, 0.5, 0.66)
ELSEWHERE: Box = (0.1, 0.5, 0.2, 0.66)
GROUND = ((0.02, 0.3), (0.98, 0.3), (0.98, 0.98), (0.02, 0.98))


def judged(*spells: tuple[Box, float, float], every_s: float = 10.0, covered: tuple[float, float] = (0, 0)) -> Judge:
    """A method that tells each box from one time to another."""
    judge = Judge([THING])
    for now_s in np.arange(0, change.LENGTH_S + 1, every_s):
        told = [Standing(box, bool(covered[0] <= now_s < covered[1])) for box, a, b in spells if a <= now_s < b]
        judge.look(float(now_s), told)
    return judge


def test_a_thing_told_from_its_coming_to_its_going_is_found_held_and_gone() -> None:
    score = judged((THING, PUT_S + 20, TAKEN_S + 30), covered=(450, 480)).score
    assert score.found_s == {0: PUT_S + 20}
    assert score.at_end == {0}
    assert score.gone_s == {0: TAKEN_S + 40}  # missed twice
    assert score.through_person
    assert sum(score.said_covered) == 3
    assert score.false == 0


def test_what_stands_elsewhere_for_the_dwell_is_false_once() -> None:
    assert judged((ELSEWHERE, 100, 100 + DWELL_S + 20)).score.false == 1
    assert judged((ELSEWHERE, 100, 100 + DWELL_S - 20)).score.false == 0
    assert judged((ELSEWHERE, 100, 200), (ELSEWHERE, 300, 400)).score.false == 2
    assert judged((THING, 50, 200)).score.false == 1


def test_a_thing_lost_before_it_is_taken_or_begun_anew_by_a_person_says_so() -> None:
    assert judged((THING, PUT_S, 500)).score.at_end == set()
    anew = judged((THING, PUT_S, 455), (THING, 515, TAKEN_S)).score
    assert anew.through_person is False
    assert anew.at_end == {0}


def test_a_region_is_on_a_thing_by_its_half_and_not_by_all_the_street() -> None:
    assert covers((0.42, 0.52, 0.6, 0.7), THING)
    assert not covers(ELSEWHERE, THING)
    assert not covers((0, 0, 1, 1), THING)


def street(random: np.random.Generator) -> Image:
    """A textured ground; light noise."""
    ground = cv2.resize(
        np.random.default_rng(2).uniform(70, 150, (18, 32, 3)), (640, 360), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray((ground + random.normal(0, 2, ground.shape)).clip(0, 255), np.uint8)


def with_crate(picture: Image) -> Image:
    out = picture.copy()
    x1, y1, x2, y2 = (int(v * s) for v, s in zip(THING, (640, 360, 640, 360), strict=True))
    cv2.rectangle(out, (x1, y1), (x2, y2), (20, 50, 220), -1)
    for y in range(y1 + 6, y2, 12):
        cv2.line(out, (x1, y), (x2, y), (235, 240, 240), 3)
    return out


def colours(picture: Image) -> tuple[NDArray[np.float32], ...]:
    """What stands in for a network's maps: each cell's colour against the picture's."""
    squared = cv2.copyMakeBorder(picture, 140, 140, 0, 0, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    maps = []
    for cells in (80, 40):
        small = cv2.resize(squared, (cells, cells), interpolation=cv2.INTER_AREA).astype(np.float32)
        maps.append(np.asarray((small - 110).transpose(2, 0, 1) / 30, np.float32))
    return tuple(maps)


def looks(crate_from: int, count: int = 60) -> Iterator[Look]:
    random = np.random.default_rng(5)
    for i in range(count):
        picture = with_crate(street(random)) if i >= crate_from else street(random)
        yield Look(i * 10.0, picture, (), colours(picture))


@pytest.mark.parametrize("name", ["ours", *change.THRESHOLDS])
def test_every_method_is_silent_on_an_empty_street_and_tells_a_crate(name: str) -> None:
    method = methods(GROUND, change.THRESHOLDS)[name]
    told = [method.look(look) for look in looks(crate_from=40)]
    assert not any(told[5:40])
    assert covers(told[-1][0].box, THING)
    assert len(told[-1]) == 1


def test_features_keep_what_somebody_hides() -> None:
    method = BackboneFeatures(GROUND, change.THRESHOLDS["features"])
    for look in looks(crate_from=20, count=30):
        method.look(look)
    random = np.random.default_rng(9)
    hidden = somebody(with_crate(street(random)), (0.38, 0.3, 0.52, 0.7))
    for i in range(30, 36):
        (told,) = method.look(Look(i * 10.0, hidden, ((0.38, 0.3, 0.52, 0.7),), colours(hidden)))
    assert covers(told.box, THING)


def test_the_shipped_networks_maps_are_those_of_its_backbone() -> None:
    backbone = Backbone(CATALOGUE_FILE.parent / "street-n" / "street-n.xml")
    picture = street(np.random.default_rng(1))
    assert [one.shape for one in backbone.maps(picture)] == [(128, 80, 80), (128, 40, 40)]
    before, after = backbone.maps(picture)[0], backbone.maps(with_crate(picture))[0]
    apart = np.abs(before - after).mean(axis=0)
    assert apart[40:50, 33:39].mean() > 5 * apart[40:50, 60:70].mean()


@pytest.mark.parametrize("name", ["shadow", "lamp", "rain", "daylight"])
def test_a_disturbance_changes_the_street_from_its_time_on_and_the_same_each_time(name: str) -> None:
    picture, disturb = street(np.random.default_rng(1)), DISTURBANCES[name]
    assert np.array_equal(disturb(picture, BEGIN_S + 50, GROUND), disturb(picture, BEGIN_S + 50, GROUND))
    before, after = (disturb(picture, now_s, GROUND).astype(float) for now_s in (0.0, BEGIN_S + 50))
    assert np.abs(after - before).mean() > 5
    assert name == "lamp" or np.array_equal(before, picture)


def test_thresholds_are_named_numbers() -> None:
    assert thresholds_of("features=0.3,mog2_dual=9")["features"] == 0.3
    for text in ("ours=1", "features", "features=x"):
        with pytest.raises(ConfigError, match="--thresholds should be NAME=NUMBER"):
            thresholds_of(text)


@pytest.mark.slow
def test_the_command_tells_every_method_side_by_side(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.inject.SHARED", shared / "data")
    folders = ["--clips", str(shared / "data" / "clips"), "--cutouts", str(shared / "data" / "cutouts")]
    assert change.main(["--quick", "--every-s", "30", "--json", str(tmp_path / "r.json"), *folders]) == 0
    assert "| figure | ours | mog2_dual | knn_dual | average_dual | features | confirmed |" in capsys.readouterr().out
    rows = {row["name"]: row["value"] for row in json.loads((tmp_path / "r.json").read_text())["results"]}
    assert rows["ours_recall"] >= 0.5
    assert rows["features_cpu_ms_a_look"] > 0
