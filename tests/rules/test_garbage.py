from datetime import timedelta

import pytest

from tests.rules.scenes import AT, IN_LEFT, IN_RIGHT, RIGHT, scene, thing, view, zone
from vision.core.findings import Finding, FindingState, Subtype, ViolationType
from vision.core.geometry import Box
from vision.core.registry import View, Zone, ZoneKind
from vision.core.scene import ChangeObject, Scene, StaticObject
from vision.rules.book import RuleBook
from vision.rules.settings import GarbageSettings, RuleSettings

PAVEMENT = zone(ZoneKind.PAVEMENT)


def judged(z: Zone, s: Scene, v: View | None = None) -> Finding:
    findings = RuleBook().judge(v or view(z), s)
    return next(f for f in findings if f.type is ViolationType.GARBAGE and f.zone_id == z.id)


def test_a_heap_that_stays_is_exposed_garbage() -> None:
    f = judged(PAVEMENT, scene(thing("garbage", stood_s=400)))
    assert (f.state, f.subtype, f.dwelled, f.since) == (
        FindingState.PRESENT, Subtype.EXPOSED_GARBAGE, True, AT - timedelta(seconds=400),
    )  # fmt: skip
    assert f.why.zh == "人行道「z」内暴露垃圾:暴露垃圾 1,最久 6 分 40 秒(已超过 5 分钟)"


@pytest.mark.parametrize("kind", [ZoneKind.PAVEMENT, ZoneKind.BIN, ZoneKind.ROAD])
def test_an_overfull_bin_is_overflow_wherever_it_stands(kind: ZoneKind) -> None:
    assert judged(zone(kind), scene(thing("overflow"))).subtype is Subtype.OVERFLOW


def test_a_bin_that_only_looks_full_now_and_then_is_a_bin() -> None:
    just_a_bin = thing("garbage_bin", score=0.8)
    assert judged(PAVEMENT, scene(thing("overflow", score=0.5), just_a_bin)).state is FindingState.ABSENT
    assert judged(PAVEMENT, scene(just_a_bin)).state is FindingState.ABSENT


def test_garbage_beside_a_bin_is_garbage_all_the_same() -> None:
    f = judged(zone(ZoneKind.BIN), scene(thing("garbage"), thing("garbage_bin", (0.31, 0.4, 0.36, 0.5))))
    assert (f.state, f.subtype) == (FindingState.PRESENT, Subtype.EXPOSED_GARBAGE)


def test_on_the_road_it_is_a_spill() -> None:
    assert judged(zone(ZoneKind.ROAD), scene(thing("garbage"))).subtype is Subtype.SPILL


ROAD = zone(ZoneKind.ROAD)


def test_what_a_vehicle_lost_says_so() -> None:
    lost = judged(ROAD, scene(thing("garbage", after_vehicle_s=20)))
    assert (lost.subtype, "车辆经过后 20 秒内出现" in lost.why.zh) == (Subtype.SPILL, True)
    assert lost.why.en.endswith("; came within 20 s after a vehicle passed")


@pytest.mark.parametrize(
    ("z", "heap"),
    [
        (ROAD, thing("garbage")),  # no vehicle shortly before
        (ROAD, thing("garbage", arrived=False, after_vehicle_s=20)),  # lay there when watching began
        (PAVEMENT, thing("garbage", after_vehicle_s=20)),  # no carriageway
        (ROAD, thing("overflow", after_vehicle_s=20)),  # a bin was not lost
    ],
)
def test_what_no_vehicle_lost_does_not(z: Zone, heap: StaticObject) -> None:
    assert "vehicle" not in judged(z, scene(heap)).why.en


def test_a_thing_without_a_class_is_a_spill_when_a_vehicle_lost_it_on_the_road() -> None:
    carton = dumped(after_vehicle_s=10)
    lost = judged(ROAD, scene(changes=(carton,)))
    assert (lost.subtype, "after a vehicle" in lost.why.en) == (Subtype.SPILL, True)
    assert judged(ROAD, scene(changes=(dumped(),))).subtype is Subtype.HEAPED_MATERIAL
    assert judged(PAVEMENT, scene(changes=(carton,))).subtype is Subtype.HEAPED_MATERIAL


def test_a_cleaner_s_cart_is_no_heap_whether_or_not_it_has_a_class() -> None:
    assert judged(PAVEMENT, scene(thing("garbage", attended=0.6))).state is FindingState.ABSENT
    assert judged(PAVEMENT, scene(thing("garbage", attended=0.5))).state is FindingState.PRESENT
    assert judged(PAVEMENT, scene(changes=(dumped(attended=0.6),))).state is FindingState.ABSENT
    assert judged(PAVEMENT, scene(changes=(dumped(attended=0.5),))).state is FindingState.PRESENT


@pytest.mark.parametrize("name", ["handbag", "backpack", "suitcase"])
def test_a_bag_of_a_class_of_its_own_is_no_garbage(name: str) -> None:
    assert judged(PAVEMENT, scene(thing(name))).state is FindingState.ABSENT


@pytest.mark.parametrize(
    "heap",
    [
        thing("garbage", attended=0.8),  # a cleaner's cart
        thing("garbage", score=0.3),
        thing("garbage", (0.2, 0.4, 0.207, 0.408)),  # too small
        thing("garbage", still=False),
        thing("garbage", IN_RIGHT),
        thing("suitcase"),
    ],
)
def test_what_does_not_count(heap: object) -> None:
    assert judged(PAVEMENT, scene(heap)).state is FindingState.ABSENT  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["people", "vehicles"])
def test_what_somebody_carries_or_a_lorry_loads_does_not_count(where: str) -> None:
    around = (IN_LEFT[0] - 0.01, IN_LEFT[1] - 0.1, IN_LEFT[2] + 0.01, IN_LEFT[3])
    assert judged(PAVEMENT, scene(thing("garbage"), **{where: (around,)})).state is FindingState.ABSENT


def test_where_nothing_may_be_left_what_was_there_before_is_neither_counted_nor_cleared() -> None:
    keep_clear = zone(ZoneKind.KEEP_CLEAR)
    assert judged(keep_clear, scene(thing("garbage"))).state is FindingState.PRESENT
    before = judged(keep_clear, scene(thing("garbage", arrived=False)))
    assert (before.state, "before watching began" in before.why.en) == (FindingState.UNKNOWN, True)
    assert judged(PAVEMENT, scene(thing("garbage", arrived=False))).state is FindingState.PRESENT


def test_the_ground_tells_its_real_size() -> None:
    def calibrated(scale: float) -> View:
        corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
        pairs = tuple(((x, y), (116 + x * scale, 39 + y * scale)) for x, y in corners)
        return View(zones=(PAVEMENT,), calibration=pairs)

    heap = scene(thing("garbage"))  # a tenth of the view wide
    assert judged(PAVEMENT, heap, calibrated(1e-4)).state is FindingState.PRESENT  # 0.86 m
    assert judged(PAVEMENT, heap, calibrated(1e-5)).state is FindingState.ABSENT  # 9 cm


def test_it_counts_in_its_own_zone_only() -> None:
    other = zone(ZoneKind.PAVEMENT, RIGHT, "other")
    found = {f.zone_id: f.state for f in RuleBook().judge(view(PAVEMENT, other), scene(thing("garbage", IN_RIGHT)))}
    assert found == {"z": FindingState.ABSENT, "other": FindingState.PRESENT}


def dumped(box: Box = IN_LEFT, **more: float) -> ChangeObject:
    return ChangeObject(1, box, 0.01, AT - timedelta(seconds=320), AT, 0.8, **more)  # type: ignore[arg-type]


def test_an_unknown_new_thing_on_pavement_is_dumped() -> None:
    f = judged(PAVEMENT, scene(changes=(dumped(),)))
    assert (f.state, f.subtype, f.dwelled) == (FindingState.PRESENT, Subtype.HEAPED_MATERIAL, True)
    assert "乱堆杂物" in f.why.zh
    settings = RuleSettings(garbage=GarbageSettings(unknown_is_heaped=False))
    (off,) = (f for f in RuleBook(settings).judge(view(PAVEMENT), scene(changes=(dumped(),))) if "z" in f.zone_id)
    assert off.state is FindingState.ABSENT


@pytest.mark.parametrize("kind", [ZoneKind.KEEP_CLEAR, ZoneKind.SHOPFRONT])
def test_where_goods_are_judged_an_unknown_thing_is_theirs(kind: ZoneKind) -> None:
    assert judged(zone(kind), scene(changes=(dumped(),))).state is FindingState.ABSENT


@pytest.mark.parametrize("name", ["bicycle", "car", "garbage_bin", "potted plant"])
def test_a_thing_of_another_class_is_not_dumped(name: str) -> None:
    assert judged(PAVEMENT, scene(thing(name), changes=(dumped(),))).state is FindingState.ABSENT


@pytest.mark.parametrize("name", ["frisbee", "surfboard", "sports ball", "kite"])
def test_a_name_that_no_street_thing_has_explains_no_heap(name: str) -> None:
    assert judged(PAVEMENT, scene(thing(name), changes=(dumped(),))).state is FindingState.PRESENT
    weak = thing("potted plant", score=0.25)
    assert judged(PAVEMENT, scene(weak, changes=(dumped(),))).state is FindingState.PRESENT


def test_a_case_put_down_on_the_pavement_is() -> None:
    assert judged(PAVEMENT, scene(thing("suitcase"), changes=(dumped(),))).state is FindingState.PRESENT


def test_a_heap_and_its_own_change_are_one() -> None:
    wider = (IN_LEFT[0] - 0.04, IN_LEFT[1] - 0.04, IN_LEFT[2] + 0.04, IN_LEFT[3] + 0.06)
    f = judged(PAVEMENT, scene(thing("garbage"), changes=(dumped(wider),)))
    assert [o.name for o in f.objects] == ["garbage"]
