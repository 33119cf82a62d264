from datetime import timedelta

import pytest

from tests.rules.scenes import AT, IN_LEFT, IN_RIGHT, LEFT, RIGHT, scene, thing, view, zone
from vision.core.findings import Finding, FindingState, Subtype, ViolationType, Why
from vision.core.registry import Blocked, View, ZoneKind
from vision.core.scene import Quality, Scene
from vision.rules.bikes import parked_in_bays
from vision.rules.book import RuleBook
from vision.rules.settings import BikeSettings, RuleSettings

NO_PARKING = zone(ZoneKind.BIKE_NO_PARKING)
BAY = zone(ZoneKind.BIKE_BAY, RIGHT, "bay")
PAVEMENT = zone(ZoneKind.PAVEMENT, LEFT, "pavement")


def judged(v: View, s: Scene, settings: RuleSettings | None = None) -> dict[str, Finding]:
    findings = RuleBook(settings).judge(v, s)
    return {f.zone_id: f for f in findings if f.type is ViolationType.BIKE_MISPARKED}


def test_a_bike_in_a_no_parking_zone_is_told_at_once_and_dwells_later() -> None:
    young = judged(view(NO_PARKING), scene(thing(stood_s=100)))["z"]
    assert (young.state, young.dwelled, young.since, young.dwell_s) == (
        FindingState.PRESENT, False, AT - timedelta(seconds=100), 180,
    )  # fmt: skip
    old = judged(view(NO_PARKING), scene(thing(stood_s=200)))["z"]
    assert (old.dwelled, old.subtype, old.objects[0].name) == (True, Subtype.BIKE_MISPARKED, "bicycle")


def test_the_zone_sets_its_own_dwell() -> None:
    quick = zone(ZoneKind.BIKE_NO_PARKING, dwell_s=20)
    assert judged(view(quick), scene(thing(stood_s=30)))["z"].dwelled


def test_a_group_is_counted_and_the_eldest_gives_the_dwell() -> None:
    bikes = [
        thing(stood_s=200),
        thing(box=(0.1, 0.4, 0.2, 0.5), stood_s=30),
        thing("motorcycle", (0.3, 0.6, 0.4, 0.8), stood_s=90),
    ]
    f = judged(view(NO_PARKING), scene(*bikes))["z"]
    assert (len(f.objects), f.since) == (3, AT - timedelta(seconds=200))
    assert f.why == Why(
        "非机动车禁停区「z」内停放非机动车:自行车 2、摩托车或电动车 1,最久 3 分 20 秒(已超过 3 分钟)",
        "bikes parked in no-parking zone “z”: 2 bicycles, 1 motorcycle or e-bike, "
        "the longest for 3 min 20 s (over the limit of 3 min)",
    )


def test_fewer_than_the_least_count_is_none() -> None:
    settings = RuleSettings(bikes=BikeSettings(least_count=2))
    assert judged(view(NO_PARKING), scene(thing()), settings)["z"].state is FindingState.ABSENT


@pytest.mark.parametrize(
    "bike",
    [
        thing(still=False),
        thing("car"),
        thing(box=IN_RIGHT),
        thing(box=(0.2, 0.4, 0.206, 0.405)),
    ],
)
def test_what_moves_is_no_bike_stands_elsewhere_or_is_tiny_does_not_count(bike: object) -> None:
    assert judged(view(NO_PARKING), scene(bike))["z"].state is FindingState.ABSENT  # type: ignore[arg-type]


def test_an_allowed_class_may_stand() -> None:
    z = zone(ZoneKind.BIKE_NO_PARKING, allowed=frozenset({"bicycle"}))
    assert judged(view(z), scene(thing()))["z"].state is FindingState.ABSENT


def test_an_ignored_area_masks() -> None:
    mask = zone(ZoneKind.IGNORE, LEFT, "mask")
    assert judged(view(NO_PARKING, mask), scene(thing()))["z"].state is FindingState.ABSENT


def test_without_bays_a_pavement_is_no_matter_of_bikes() -> None:
    assert judged(view(PAVEMENT), scene(thing())) == {}


def test_with_bays_a_bike_on_the_pavement_is_outside_them() -> None:
    found = judged(view(PAVEMENT, BAY), scene(thing(), thing(box=IN_RIGHT)))
    assert (found["pavement"].state, found["bay"].state) == (FindingState.PRESENT, FindingState.ABSENT)
    assert "outside every bay" in found["pavement"].why.en
    assert len(found["pavement"].objects) == 1


def test_a_bike_that_stands_half_out_of_its_bay_overflows_it() -> None:
    edge = thing(box=(0.40, 0.4, 0.52, 0.5))
    found = judged(view(BAY), scene(edge))
    assert found["bay"].state is FindingState.PRESENT
    assert "overflow" in found["bay"].why.en
    on_pavement = judged(view(BAY, PAVEMENT), scene(edge))
    assert (on_pavement["bay"].state, on_pavement["pavement"].state) == (FindingState.ABSENT, FindingState.PRESENT)


def test_a_bay_drawn_inside_a_no_parking_zone_is_a_bay() -> None:
    bay = zone(ZoneKind.BIKE_BAY, ((0.1, 0.3), (0.4, 0.3), (0.4, 0.6), (0.1, 0.6)), "bay")
    assert judged(view(NO_PARKING, bay), scene(thing()))["z"].state is FindingState.ABSENT


def test_hidden_or_just_missed_is_unknown_not_absent() -> None:
    hidden = judged(view(NO_PARKING), scene(thing(unseen_s=10, covered=True)))["z"]
    missed = judged(view(NO_PARKING), scene(thing(unseen_s=10)))["z"]
    assert hidden.state is missed.state is FindingState.UNKNOWN
    assert "hidden" in hidden.why.en
    assert "look again" in missed.why.en


def test_a_crowd_before_an_empty_zone_is_unknown() -> None:
    f = judged(view(NO_PARKING), scene(hidden={"z": 0.7}))["z"]
    assert (f.state, "70%" in f.why.en) == (FindingState.UNKNOWN, True)


def test_a_bad_picture_is_unknown_even_if_something_shows() -> None:
    dark = Quality(usable=False, why=Why("太暗", "too dark"))
    f = judged(view(NO_PARKING), scene(thing(stood_s=900), quality=dark))["z"]
    assert (f.state, f.why.en, f.objects) == (FindingState.UNKNOWN, "too dark", ())


def test_where_it_stands_is_where_its_wheels_are() -> None:
    tall = thing(box=(0.2, 0.1, 0.3, 0.45))
    low = zone(ZoneKind.BIKE_NO_PARKING, ((0.0, 0.3), (1.0, 0.3), (1.0, 1.0), (0.0, 1.0)))
    assert judged(view(low), scene(tall))["z"].state is FindingState.PRESENT
    assert judged(view(low), scene(thing(box=IN_LEFT)))["z"].state is FindingState.PRESENT


def test_how_full_a_bay_is() -> None:
    here = scene(thing(box=IN_RIGHT), thing(box=IN_LEFT), thing("potted plant", box=IN_RIGHT))
    assert parked_in_bays(view(BAY, PAVEMENT), here) == {"bay": 1}
    assert parked_in_bays(view(PAVEMENT), here) == {}


@pytest.mark.parametrize(
    ("blocked", "zh", "en"),
    [
        (Blocked.TACTILE_PATH, "占用盲道", "blocking a tactile path"),
        (Blocked.DOOR, "堵住出入口", "blocking a door"),
    ],
)
def test_one_bike_is_enough_to_block_a_tactile_path_or_a_door(blocked: Blocked, zh: str, en: str) -> None:
    three = RuleSettings(bikes=BikeSettings(least_count=3))
    way = zone(ZoneKind.BIKE_NO_PARKING, blocks=blocked)
    found = judged(view(way), scene(thing()), three)["z"]
    assert (found.state, found.why.zh.endswith(f";{zh}"), found.why.en.endswith(f"; {en}")) == (
        FindingState.PRESENT, True, True,
    )  # fmt: skip
    assert judged(view(NO_PARKING), scene(thing()), three)["z"].state is FindingState.ABSENT
    assert "blocking" not in judged(view(NO_PARKING), scene(thing()))["z"].why.en


def test_a_tactile_path_is_blocked_by_a_bike_across_it_and_comes_before_the_ground_around() -> None:
    across = thing(box=(0.2, 0.4, 0.4, 0.5))
    strip = ((0.28, 0.0), (0.34, 0.0), (0.34, 1.0), (0.28, 1.0))  # three tenths of the bike's length
    path = zone(ZoneKind.BIKE_NO_PARKING, strip, "path", blocks=Blocked.TACTILE_PATH)
    found = judged(view(NO_PARKING, path), scene(across))
    assert (found["path"].state, found["z"].state) == (FindingState.PRESENT, FindingState.ABSENT)
    beside = judged(view(NO_PARKING, path), scene(thing(box=(0.08, 0.4, 0.285, 0.5))))
    assert (beside["path"].state, beside["z"].state) == (FindingState.ABSENT, FindingState.PRESENT)
