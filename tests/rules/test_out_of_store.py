from datetime import time, timedelta

import pytest

from tests.rules.scenes import AT, IN_LEFT, IN_RIGHT, scene, thing, view, zone
from vision.core.findings import Finding, FindingState, Subtype, ViolationType
from vision.core.geometry import Box
from vision.core.registry import Hours, Zone, ZoneKind
from vision.core.scene import ChangeObject, Scene
from vision.rules.book import RuleBook

STRIP = zone(ZoneKind.SHOPFRONT, shop_id="seafood")
CLEAR = zone(ZoneKind.KEEP_CLEAR)


def change(box: Box = IN_LEFT, *, stood_s: float = 200, unseen_s: float = 0, **more: object) -> ChangeObject:
    first, last = AT - timedelta(seconds=stood_s), AT - timedelta(seconds=unseen_s)
    return ChangeObject(1, box, 0.01, first, last, **{"score": 0.8, **more})  # type: ignore[arg-type]


def judged(z: Zone, s: Scene, *others: Zone) -> Finding:
    findings = RuleBook().judge(view(z, *others), s)
    return next(f for f in findings if f.type is ViolationType.OUT_OF_STORE and f.zone_id == z.id)


def test_tables_before_a_shop_are_business_out_of_store() -> None:
    f = judged(STRIP, scene(thing("dining table", stood_s=200), thing("chair", (0.3, 0.4, 0.4, 0.5), stood_s=20)))
    assert (f.state, f.subtype, f.dwelled) == (FindingState.PRESENT, Subtype.OUT_OF_STORE, True)
    assert f.why.en == (
        "goods beyond the shop's threshold in shopfront strip “z”: 1 table, 1 chair, "
        "the longest for 3 min 20 s (over the limit of 3 min)"
    )


def test_without_a_shop_it_is_road_occupation() -> None:
    assert judged(CLEAR, scene(changes=(change(),))).subtype is Subtype.ROAD_OCCUPATION
    assert judged(zone(ZoneKind.KEEP_CLEAR, shop_id="s"), scene()).subtype is Subtype.OUT_OF_STORE


def test_an_unknown_new_thing_counts_by_its_change() -> None:
    f = judged(STRIP, scene(changes=(change(),)))
    assert (f.state, f.dwelled, f.objects[0].name, f.since) == (
        FindingState.PRESENT, True, "unknown", AT - timedelta(seconds=200),
    )  # fmt: skip
    assert "新出现的物品 1" in f.why.zh


@pytest.mark.parametrize(
    "weak", [change(score=0.3), change((0.2, 0.4, 0.21, 0.41)), change(IN_RIGHT), change((0.6, 0.1, 0.9, 0.9))]
)
def test_a_weak_tiny_or_distant_change_does_not_count(weak: ChangeObject) -> None:
    assert judged(STRIP, scene(changes=(weak,))).state is FindingState.ABSENT


@pytest.mark.parametrize("name", ["bicycle", "motorcycle", "e-bike", "tricycle", "car", "truck", "bus", "train"])
def test_a_change_that_another_class_explains_is_that_rule_s_business(name: str) -> None:
    assert judged(STRIP, scene(thing(name), changes=(change(),))).state is FindingState.ABSENT


def test_a_customer_or_a_van_in_the_way_explains_a_change() -> None:
    for where in ("people", "vehicles"):
        assert judged(STRIP, scene(changes=(change(),), **{where: (IN_LEFT,)})).state is FindingState.ABSENT


def test_a_change_with_a_class_is_named_once() -> None:
    f = judged(STRIP, scene(thing("chair"), changes=(change(),)))
    assert [o.name for o in f.objects] == ["chair"]


def test_a_customer_s_own_bag_does_not_count_a_chair_with_a_guest_does() -> None:
    assert judged(STRIP, scene(thing("handbag", attended=0.9))).state is FindingState.ABSENT
    assert judged(STRIP, scene(thing("handbag", attended=0.1))).state is FindingState.PRESENT
    assert judged(STRIP, scene(thing("chair", attended=0.9))).state is FindingState.PRESENT


def test_plants_on_the_list_may_stand_and_hide_their_own_change() -> None:
    green = zone(ZoneKind.SHOPFRONT, allowed=frozenset({"potted plant"}))
    assert judged(green, scene(thing("potted plant"), changes=(change(),))).state is FindingState.ABSENT
    assert judged(STRIP, scene(thing("potted plant"))).state is FindingState.PRESENT


@pytest.mark.parametrize(
    "name", ["bicycle", "motorcycle", "e-bike", "car", "truck", "bus", "person", "bench", "fire hydrant"]
)
def test_classes_that_are_no_goods(name: str) -> None:
    assert judged(STRIP, scene(thing(name))).state is FindingState.ABSENT


def test_furniture_that_always_stood_in_a_keep_clear_zone_is_part_of_the_street() -> None:
    assert judged(CLEAR, scene(thing("chair", arrived=False))).state is FindingState.ABSENT
    assert judged(STRIP, scene(thing("chair", arrived=False))).state is FindingState.PRESENT


def test_within_permitted_hours_it_is_allowed_and_says_so() -> None:
    # AT is 08:10 UTC, 16:10 in Shanghai
    market = zone(ZoneKind.SHOPFRONT, permitted=(Hours(time(16), time(18)),))
    f = judged(market, scene(thing("chair"), changes=(change(),)))
    assert (f.state, "16:00–18:00" in f.why.zh) == (FindingState.ABSENT, True)
    evening = zone(ZoneKind.SHOPFRONT, permitted=(Hours(time(18), time(22)),))
    assert judged(evening, scene(thing("chair"))).state is FindingState.PRESENT


def test_a_hidden_change_is_unknown() -> None:
    f = judged(STRIP, scene(changes=(change(unseen_s=10, covered=True),)))
    assert (f.state, "hidden" in f.why.en) == (FindingState.UNKNOWN, True)


def test_no_reference_no_all_clear() -> None:
    f = judged(STRIP, scene(changes_known=False))
    assert (f.state, "learning anew" in f.why.en) == (FindingState.UNKNOWN, True)


def test_a_masked_change_does_not_count() -> None:
    mask = zone(ZoneKind.IGNORE, zone_id="screen")
    assert judged(STRIP, scene(changes=(change(),)), mask).state is FindingState.ABSENT


def test_a_bin_that_always_stood_there_explains_a_change_a_new_one_is_a_carton() -> None:
    old, new = thing("garbage_bin", arrived=False), thing("garbage_bin", arrived=True)
    assert judged(STRIP, scene(old, changes=(change(),))).state is FindingState.ABSENT
    assert judged(STRIP, scene(new, changes=(change(),))).state is FindingState.PRESENT


def test_an_unsure_vehicle_explains_nothing() -> None:
    assert judged(STRIP, scene(thing("bus", score=0.3), changes=(change(),))).state is FindingState.PRESENT


def test_in_a_shop_s_strip_what_may_be_garbage_is_goods_unless_it_surely_is() -> None:
    perhaps, surely = thing("garbage", score=0.5), thing("garbage", score=0.8)
    assert judged(STRIP, scene(perhaps, changes=(change(),))).state is FindingState.PRESENT
    assert judged(STRIP, scene(surely, changes=(change(),))).state is FindingState.ABSENT
    assert judged(CLEAR, scene(perhaps, changes=(change(),))).state is FindingState.ABSENT
