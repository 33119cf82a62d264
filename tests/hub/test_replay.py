from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from tests.scenarios.street_story import Story
from vision.config.replay import ReplayConfig
from vision.core.errors import ConfigError
from vision.core.findings import ViolationType
from vision.core.registry import Camera, Speaker
from vision.hub.build import build_plan, retimed
from vision.hub.keep import Keeper
from vision.hub.replay import Plan, Report, replay
from vision.hub.surroundings import CitySurroundings
from vision.incidents.ladder import DEFAULT_LADDERS, Action, Ladder, Rung

DAY = {
    "type": "out_of_store",
    "from": "10:00",
    "to": "13:00",
    "cameras": {
        "shop": {"sees": [{"10:00": "nothing"}, {"10:10": "1 middle"}, {"10:20": "nothing"}, {"11:00": "1 middle"}]},
        "door": {"sees": [{"10:00": "nothing"}, {"10:30": "3 middle"}, {"10:34": "nothing"}]},
        "pots": {"sees": [{"10:00": "1 middle"}]},
    },
    "happens": [{"10:05": "operator rejects 绿植"}],
    "expect": [],
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("replay")
    path = folder / "day.yaml"
    path.write_text(yaml.safe_dump(DAY), encoding="utf-8")
    made = Story(path, folder, keeper=Keeper(flush_s=0.0))
    made.play()
    yield made
    made.close()


def again(story: Story, around: CitySurroundings | None = None, **changes: Any) -> Report:
    plan = Plan(story.begin, story.end, **changes)
    return replay(story.database, around or story.around, plan)


def summary(report: Report) -> tuple[int, int, int, int]:
    return len(report.same), len(report.moved), len(report.vanish), len(report.appear)


def test_the_same_rules_tell_the_same_story(story: Story) -> None:
    report = again(story)
    assert len(report.before) == 4
    # What an operator rejected is no longer filed in the record, and would be in a replay without operators.
    assert summary(report) == (3, 1, 0, 0)
    assert report.verdicts(was for was, _ in report.moved) == {"confirm": 0, "reject": 1, "": 0}


def test_a_longer_dwell_makes_the_short_ones_vanish(story: Story) -> None:
    report = again(story, dwell_s={ViolationType.OUT_OF_STORE: 500.0})
    assert [story.sites[0][0] for story in report.vanish] == ["door"]
    assert len(report.appear) == 0


def test_a_shorter_dwell_moves_them_forward(story: Story) -> None:
    report = again(story, dwell_s={ViolationType.OUT_OF_STORE: 20.0})
    assert len(report.moved) == 4
    assert all(would.confirmed_at < was.confirmed_at for was, would in report.moved)


def test_thresholds_and_zones_switched_off(story: Story) -> None:
    assert [one.sites[0][0] for one in again(story, least_count={ViolationType.OUT_OF_STORE: 2}).after] == ["door"]
    assert again(story, least_score={ViolationType.OUT_OF_STORE: 0.9}).after == ()
    off = again(story, off=frozenset({("pots", "kerb")}))
    assert [one.verdict for one in off.vanish] == ["reject"]


def test_another_ladder_files_at_once(story: Story) -> None:
    around = CitySurroundings(
        lambda: [looker.camera for looker in story.lookers],
        {**DEFAULT_LADDERS, ViolationType.OUT_OF_STORE: Ladder((Rung(Action.FILE),))},
        loudspeakers=lambda: {"horn": Speaker("horn", "virtual")},
    )
    around.refresh()
    assert all(would.filed for would in again(story, around).after)


def test_permitted_hours_of_the_trial(story: Story) -> None:
    config = ReplayConfig.model_validate({"zones": {"shop/kerb": {"permitted": [{"from": "10:00", "to": "11:30"}]}}})
    cameras: list[Camera] = retimed([looker.camera for looker in story.lookers], config)
    around = CitySurroundings(lambda: cameras, calendar=story.around.calendar)
    around.refresh()
    report = again(story, around)
    at_shop = [one.confirmed_at for one in report.after if one.sites[0][0] == "shop"]
    assert at_shop == [datetime.fromisoformat("2026-07-01T11:33:00+08:00")]


def test_a_zone_on_trial_must_exist(story: Story) -> None:
    config = ReplayConfig.model_validate({"zones": {"shop/kurb": {"off": True}}})
    with pytest.raises(ConfigError, match=r"zones\.shop/kurb: there is no such zone"):
        retimed([looker.camera for looker in story.lookers], config)


def test_the_rules_file_becomes_a_plan() -> None:
    config = ReplayConfig.model_validate(
        {"dwell_s": {"garbage": 300}, "zones": {"a/b": {"off": True}, "a/c": {"dwell_s": 60}}}
    )
    until = datetime.fromisoformat("2026-07-08T00:00:00+08:00")
    plan = build_plan(config, until - timedelta(days=7), until, ("east",))
    assert (plan.off, plan.zone_dwell_s) == (frozenset({("a", "b")}), {("a", "c"): 60.0})
    assert plan.districts == ("east",)
