from tests.rules.scenes import scene, view, zone
from vision.core.registry import ZoneKind
from vision.rules.book import SERVES, RuleBook


def test_every_kind_of_zone_says_which_rules_hold_there() -> None:
    assert set(SERVES) == set(ZoneKind)


def test_one_finding_a_zone_and_type_and_none_for_masks() -> None:
    zones = [zone(kind, zone_id=kind.value) for kind in ZoneKind]
    sites = [(f.zone_id, f.type) for f in RuleBook().judge(view(*zones), scene())]
    assert len(sites) == len(set(sites))
    assert "ignore" not in {zone_id for zone_id, _ in sites}
