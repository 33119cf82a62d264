from tests.rules.scenes import scene, view, zone
from vision.core.registry import Camera, ZoneKind
from vision.rules.book import SERVES, RuleBook, lacking, needed_classes


def test_every_kind_of_zone_says_which_rules_hold_there() -> None:
    assert set(SERVES) == set(ZoneKind)


def test_one_finding_a_zone_and_type_and_none_for_masks() -> None:
    zones = [zone(kind, zone_id=kind.value) for kind in ZoneKind]
    sites = [(f.zone_id, f.type) for f in RuleBook().judge(view(*zones), scene())]
    assert len(sites) == len(set(sites))
    assert "ignore" not in {zone_id for zone_id, _ in sites}


def test_what_zones_count_on_is_asked_of_the_model() -> None:
    zones = (
        zone(ZoneKind.PAVEMENT, zone_id="walk"),
        zone(ZoneKind.BIKE_BAY, zone_id="bay"),
        zone(ZoneKind.SHOPFRONT, zone_id="strip", allowed=frozenset({"potted plant"})),
        zone(ZoneKind.KEEP_CLEAR, zone_id="door"),
    )
    camera = Camera("gate", "rtsp://h/1", views=(view(*zones),))
    assert needed_classes(camera, ("motorcycle", "garbage")) == {
        "zone gate/main/walk (pavement)": {"garbage"},
        "zone gate/main/strip (shopfront)": {"potted plant"},
    }
    assert needed_classes(camera, ("person",))["zone gate/main/bay (bike_bay)"] == {"bicycle"}


def test_zones_whose_class_the_model_lacks_are_told_with_where_it_is_described() -> None:
    here = view(
        zone(ZoneKind.PAVEMENT, zone_id="walk"),
        zone(ZoneKind.SHOPFRONT, zone_id="strip", allowed=frozenset({"potted plnt"})),
        zone(ZoneKind.BIKE_BAY, zone_id="bay"),
    )
    told = lacking(here, ("bicycle", "garbage"), "ours 3 (models.yaml)")
    assert {key: why.en for key, why in told.items()} == {
        "strip": "shopfront strip “strip” wants potted plnt, which ours 3 (models.yaml) does not detect"
    }
    assert set(lacking(here, ("person",), "ours 3")) == {"walk", "strip", "bay"}
