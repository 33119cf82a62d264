from vision.alerts.placement import bearing_deg, covers, reaching
from vision.core.geometry import Polygon
from vision.core.registry import Camera, Speaker, Zone, ZoneKind

CORNER: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
PLACE = (121.47, 31.23)
CAMERA = Camera("gate", "rtsp://h/1", position=PLACE)
NORTH_40 = (121.47, 31.23036)
EAST_50 = (121.470525, 31.23)
EAST_60 = (121.47063, 31.23)


def test_bearings() -> None:
    assert abs(bearing_deg(PLACE, NORTH_40)) < 0.1
    assert abs(bearing_deg(PLACE, EAST_50) - 90) < 0.1
    assert abs(bearing_deg(EAST_50, PLACE) - 270) < 0.1


def test_a_horn_covers_what_it_points_at() -> None:
    assert covers(Speaker("s", "http", position=EAST_50, bearing_deg=270), PLACE)
    assert covers(Speaker("s", "http", position=EAST_50, bearing_deg=315), PLACE)
    assert not covers(Speaker("s", "http", position=EAST_50, bearing_deg=90), PLACE)
    assert covers(Speaker("s", "http", position=NORTH_40, bearing_deg=170), PLACE)
    assert covers(Speaker("s", "http", position=EAST_50), PLACE)
    assert not covers(Speaker("s", "http", position=EAST_50, earshot_m=30), PLACE)
    assert not covers(Speaker("s", "http"), PLACE)
    assert covers(Speaker("s", "http", position=PLACE, bearing_deg=10), PLACE)


def test_named_speakers_come_first_then_the_nearest_that_points_there() -> None:
    speakers = {
        "named": Speaker("named", "http"),
        "far": Speaker("far", "http", position=EAST_60),
        "near": Speaker("near", "http", position=NORTH_40),
        "away": Speaker("away", "http", position=NORTH_40, bearing_deg=0),
    }
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, CORNER, speaker_ids=("named", "gone"))
    assert [speaker.id for speaker in reaching(CAMERA, zone, speakers)] == ["named", "near", "far"]


def test_the_zone_on_the_ground_beats_the_camera_position() -> None:
    east = tuple((121.49 + x * 1e-5, 31.23 + y * 1e-5) for x, y in CORNER)
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, CORNER, ground=east)
    speakers = {"here": Speaker("here", "http", position=PLACE), "there": Speaker("there", "http", position=east[0])}
    assert [speaker.id for speaker in reaching(CAMERA, zone, speakers)] == ["there"]


def test_an_unknown_place_leaves_the_named_ones() -> None:
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, CORNER, speaker_ids=("a",))
    speakers = {"a": Speaker("a", "http"), "b": Speaker("b", "http", position=PLACE)}
    assert [speaker.id for speaker in reaching(Camera("c", "rtsp://h/1"), zone, speakers)] == ["a"]
