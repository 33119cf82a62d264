from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tracking.looks import BIKE, NAMES, Sighting, detections
from vision.core.detections import Detections
from vision.core.findings import Finding, FindingState, ViolationType
from vision.core.frames import Frame, TimeSource
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.detectors.change import ChangeDetector
from vision.pipeline.scene import SceneAnalyser
from vision.rules.settings import RuleSettings
from vision.testing import EPOCH

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
ZONE = Zone("z", ZoneKind.BIKE_NO_PARKING, WHOLE, dwell_s=120)
SEEN: Sighting = ("bicycle", BIKE, 0.6)
RIDER: Sighting = ("person", (0.43, 0.32, 0.49, 0.48), 0.9)
PICTURE = (np.indices((160, 160)).sum(axis=0) % 7 * 36).astype(np.uint8)[..., None].repeat(3, axis=2)


def analyser(zone: Zone = ZONE) -> SceneAnalyser:
    view = View(zones=(zone,))
    camera = Camera("gate", "rtsp://u:p@h/1", views=(view,))
    return SceneAnalyser(camera, view, RuleSettings(), NAMES, "scripted-1", change=ChangeDetector([]))


def picture(seconds: float) -> Frame:
    return Frame(
        "gate", "main", 0, round(seconds * 1000), seconds, EPOCH + timedelta(seconds=seconds), TimeSource.CAMERA,
        PICTURE,
    )  # fmt: skip


def seen(*sightings: Sighting) -> Detections:
    found = detections(*sightings)
    return type(found)((found.xyxy * 0.16).astype(np.float32), found.score, found.class_id, found.names)


def look(
    a: SceneAnalyser, seconds: float, *sightings: Sighting, wanted: ViolationType = ViolationType.BIKE_MISPARKED
) -> Finding:
    (finding,) = (f for f in a.look(picture(seconds), seen(*sightings)) if f.type is wanted)
    return finding


def first_dwelled_ms(times_ms: Sequence[int], arrives_ms: int) -> int | None:
    a = analyser()
    for now_ms in times_ms:
        if look(a, now_ms / 1000, *([SEEN] if now_ms >= arrives_ms else [])).dwelled:
            return now_ms
    return None


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.integers(400, 60_000), st.integers(0, 100_000), st.randoms(use_true_random=False))
def test_dwell_does_not_depend_on_the_frame_rate(mean_gap_ms: int, arrives_ms: int, random: Random) -> None:
    """However often and however unevenly it is looked at, it is told at the first look after its dwell."""
    looks = 4 + (arrives_ms + 120_000) * 2 // mean_gap_ms
    times_ms = list(accumulate(random.randint(mean_gap_ms // 2, mean_gap_ms * 3 // 2) for _ in range(looks)))
    seen_ms = [t for t in times_ms if t >= arrives_ms]
    due_ms = [t for t in seen_ms if t - seen_ms[0] >= 120_000]
    assert first_dwelled_ms(times_ms, arrives_ms) == (due_ms[0] if due_ms else None)


def test_a_finding_says_where_it_comes_from() -> None:
    a = analyser()
    look(a, 0, SEEN)
    finding = look(a, 10, SEEN)
    assert finding.state is FindingState.PRESENT
    assert (finding.camera_id, finding.view_id, finding.zone_id) == ("gate", "main", "z")
    assert (finding.model, finding.rules, finding.time_source) == ("scripted-1", "rules-1", TimeSource.CAMERA)


def test_a_ridden_bike_never_counts_even_at_a_red_light() -> None:
    a = analyser()
    assert {look(a, s, SEEN, RIDER).state for s in range(0, 600, 10)} == {FindingState.ABSENT}


def test_a_parked_bike_with_a_passer_by_is_still_the_same_bike() -> None:
    a = analyser()
    for s in range(0, 120, 10):
        look(a, s, SEEN, *([RIDER] if s in {30, 40} else []))
    assert look(a, 120, SEEN).dwelled


def test_a_restart_loses_no_dwell() -> None:
    before, after = analyser(), analyser()
    look(before, 0, SEEN)
    look(before, 60, SEEN)
    after.restore(before.to_record())
    assert look(after, 130, SEEN).dwelled


def test_people_filling_the_zone_leave_it_unknown() -> None:
    crowd: list[Sighting] = [("person", (x / 10, 0.0, x / 10 + 0.1, 1.0), 0.9) for x in range(8)]
    assert look(analyser(), 0, *crowd).state is FindingState.UNKNOWN


def test_a_bike_that_looks_a_little_like_a_person_now_and_then_is_not_hidden_by_itself() -> None:
    a = analyser()
    for s in range(0, 60, 10):
        look(a, s, SEEN)
    assert look(a, 60, SEEN, ("person", BIKE, 0.28)).state is FindingState.PRESENT
    assert look(a, 70, ("person", BIKE, 0.28)).state is FindingState.UNKNOWN
    assert look(a, 130, SEEN).dwelled


def test_who_stands_behind_a_parked_bike_does_not_ride_it() -> None:
    a = analyser()
    for s in range(0, 30, 10):
        look(a, s, SEEN)
    for s in range(30, 120, 10):
        look(a, s, SEEN, RIDER)
    assert look(a, 120, SEEN, RIDER).dwelled


def test_a_delivery_rider_who_stops_briefly_time_and_again_never_dwells() -> None:
    """Rides up, leaves the bike for a minute and a half, rides off; the next comes to the same spot."""
    a = analyser()
    findings = []
    for stop in range(5):
        for s in range(0, 200, 10):
            there = [SEEN, RIDER] if s in {0, 100} else [SEEN] if s < 100 else []
            findings.append(look(a, stop * 200 + s, *there))
    assert {f.state for f in findings} == {FindingState.PRESENT, FindingState.ABSENT, FindingState.UNKNOWN}
    assert not any(f.dwelled for f in findings)


def test_a_delivery_bike_before_a_shop_is_no_business_out_of_store() -> None:
    a = analyser(Zone("z", ZoneKind.SHOPFRONT, WHOLE, shop_id="noodles"))
    states = {look(a, s, SEEN, wanted=ViolationType.OUT_OF_STORE).state for s in range(0, 600, 10)}
    assert states == {FindingState.ABSENT}


def test_a_bag_that_is_carried_past_is_no_garbage() -> None:
    a = analyser(Zone("z", ZoneKind.PAVEMENT, WHOLE))
    states = set()
    for s in range(0, 600, 10):
        x = 0.1 + s / 1000
        person: Sighting = ("person", (x, 0.3, x + 0.08, 0.6), 0.9)
        bag: Sighting = ("garbage", (x + 0.06, 0.45, x + 0.12, 0.52), 0.6)
        states.add(look(a, s, person, bag, wanted=ViolationType.GARBAGE).state)
    assert states == {FindingState.ABSENT}


def test_what_came_to_lie_after_a_vehicle_is_known_by_it_even_after_a_restart() -> None:
    road = Zone("z", ZoneKind.ROAD, WHOLE)
    a, b = analyser(road), analyser(road)
    car: Sighting = ("car", (0.3, 0.3, 0.6, 0.5), 0.9)
    sack: Sighting = ("garbage", (0.6, 0.45, 0.68, 0.52), 0.6)
    a.scene(picture(0), seen())
    a.scene(picture(10), seen(car))
    b.restore(a.to_record())
    for analysed in (a, b):
        analysed.scene(picture(20), seen(sack))
        (thing,) = (o for o in analysed.scene(picture(30), seen(sack)).objects if o.name == "garbage")
        assert thing.after_vehicle_s == 10
    older = {key: value for key, value in a.to_record().items() if key != "company"}
    analyser(road).restore(older)
