from datetime import UTC, datetime

from vision.config.incidents import IncidentsConfig
from vision.core.findings import ViolationType
from vision.core.registry import Camera, Hours, Speaker, View, Zone, ZoneKind
from vision.hub.build import build_colours, build_ladders, build_rejects, build_spoken_grace, build_zone_ladders
from vision.hub.places import GridIndex
from vision.hub.surroundings import CitySurroundings
from vision.incidents.ladder import Action, Review, Rung

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
GROUND = ((121.0, 31.0001), (121.0001, 31.0001), (121.0001, 31.0), (121.0, 31.0))
SITE = ("gate", "main", "kerb")


def city(zone: Zone, **camera: object) -> CitySurroundings:
    made = Camera("gate", "rtsp://x", views=(View(zones=(zone,)),), **camera)  # type: ignore[arg-type]
    around = CitySurroundings(
        lambda: [made], loudspeakers=lambda: {"near": Speaker("near", "virtual", position=(121.0, 31.0))}
    )
    around.refresh()
    return around


def test_a_zone_with_ground_knows_where_a_box_stands() -> None:
    place = city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, ground=GROUND)).place(SITE)
    assert place is not None
    spot = place.spot((0.4, 0.4, 0.6, 0.5))
    assert spot is not None
    assert spot.error_m < 1.0
    assert abs(spot.position[0] - 121.00005) < 1e-6


def test_a_triangle_on_the_ground_gives_its_middle() -> None:
    place = city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, ground=GROUND[:3])).place(SITE)
    assert place is not None
    spot = place.spot((0.4, 0.4, 0.6, 0.5))
    assert spot is not None
    assert spot.error_m > 5.0


def test_a_cameras_position_serves_the_map_and_joins_nothing() -> None:
    place = city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE), position=(121.0, 31.0)).place(SITE)
    assert place is not None
    assert place.position == (121.0, 31.0)
    assert place.spot((0.4, 0.4, 0.6, 0.5)) is None


def test_points_that_make_no_map_are_left_out() -> None:
    line = tuple((0.1 * n, 0.1 * n) for n in range(4))
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, line, ground=line)
    assert city(zone).place(SITE) is not None


def test_loudspeakers_in_earshot_cover_the_zone() -> None:
    assert city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, ground=GROUND)).speakers(SITE) == ("near",)
    assert city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE)).speakers(SITE) == ()


def test_grids_answer_for_what_the_registry_leaves_open() -> None:
    grid = {
        "kind": "grid",
        "district": "东区",
        "department": "城管",
        "polygons": [[(120, 30), (122, 30), (122, 32), (120, 32)]],
    }
    around = city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, ground=GROUND))
    around.grids = lambda: GridIndex({"3" * 15: grid})
    around.refresh()
    place = around.place(SITE)
    assert place is not None
    assert (place.district, place.grid_id) == ("东区", "3" * 15)
    assert place.responsible is not None
    assert place.responsible.department == "城管"


def test_without_hours_and_suppressions_nothing_is_permitted() -> None:
    around = city(Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE))
    assert around.permit(ViolationType.GARBAGE, SITE, datetime(2026, 7, 1, tzinfo=UTC)) is None
    open_day = city(
        Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, permitted=(Hours(datetime.min.time(), datetime.max.time()),))
    )
    assert open_day.permit(ViolationType.OUT_OF_STORE, SITE, datetime(2026, 7, 1, 5, tzinfo=UTC)) is not None


def test_a_zones_own_ladder_goes_before_its_types() -> None:
    config = IncidentsConfig.model_validate(
        {
            "garbage": {"review": "before_filing", "gone": {"looks": 5}},
            "zones": {"gate/kerb": {"steps": [{"do": "notify", "grace_s": 60, "to": "shop"}], "gone": {"over_s": 30}}},
        }
    )
    garbage = build_ladders(config)[ViolationType.GARBAGE]
    assert (garbage.rungs, garbage.review, garbage.gone.looks) == ((Rung(Action.FILE),), Review.BEFORE_FILING, 5)
    own = build_zone_ladders(config)["gate", "kerb", ViolationType.GARBAGE]
    assert own.rungs == (Rung(Action.NOTIFY, 60.0, "shop"),)
    assert (own.review, own.gone.looks, own.gone.over_s) == (Review.BEFORE_FILING, 5, 30.0)


def test_an_empty_section_is_a_whole_configuration() -> None:
    config = IncidentsConfig()
    assert build_ladders(config)[ViolationType.BIKE_MISPARKED].rungs[0].grace_s == 900.0
    assert build_rejects(config).count == 3
    assert build_colours(config).colours == ("yellow", "green", "red")


def test_the_grace_after_words_is_the_configured_ladders() -> None:
    config = IncidentsConfig.model_validate(
        {
            "out_of_store": {"steps": [{"do": "speak", "grace_s": 300}, {"do": "file"}]},
            "zones": {"gate/kerb": {"steps": [{"do": "speak", "grace_s": 120}, {"do": "file"}]}},
        }
    )
    grace_s = build_spoken_grace(config)
    assert grace_s("out_of_store", "gate", "kerb") == 120.0
    assert grace_s("out_of_store", "gate", "door") == 300.0
    assert grace_s("bike_misparked", "gate", "door") == 900.0  # speaks by hand only: as long as its notice leaves
