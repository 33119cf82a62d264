"""Synthetic incidents: geometry, compositing and the bench's own options."""

from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest

from benchmarks import inject
from benchmarks.footage import Conditions, Remembering, Site, Street, under
from vision.core.detections import Detections
from vision.core.errors import ConfigError, NotThereError
from vision.core.findings import ViolationType
from vision.core.frames import Image
from vision.core.geometry import Box
from vision.sandbox.injection import (
    LABEL,
    Cutout,
    GroundPlane,
    Injection,
    background,
    box_of,
    ground_plane,
    labelled,
    paste,
    read_cutouts,
)
from vision.testing import ScriptedDetector

EMPTY: Image = np.full((360, 640, 3), 110, np.uint8)
PLANE = GroundPlane(0.3, 0.1)
NOBODY: tuple[Box, ...] = ()


def cutout(kind: str = "carton", rows: int = 100) -> Cutout:
    bgra = np.zeros((rows, rows * 4 // 5, 4), np.uint8)
    bgra[..., 2], bgra[..., 3] = 200, 255
    return Cutout("red", kind, bgra)


THING = Injection(cutout(), (0.5, 0.8), 10, 20)


def red(picture: Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    return np.asarray(picture[..., 2].astype(int) - picture[..., 0] > 60, np.bool_)


def test_things_shrink_with_distance_as_people_do() -> None:
    assert PLANE.height_of(1.68, 0.6) == pytest.approx(0.15)
    assert PLANE.height_of(0.84, 0.6) == pytest.approx(0.075)
    assert PLANE.height_of(1.0, 0.05) == 0


def test_the_ground_is_found_from_people_even_if_some_are_half_hidden() -> None:
    people = [(0.5, y - 0.3 * (y - 0.1), 0.55, y) for y in np.linspace(0.3, 0.9, 20)]
    people += [(0.2, 0.75, 0.25, 0.8), (0.3, 0.45, 0.35, 0.5)]
    plane = ground_plane(people)
    assert plane.slope == pytest.approx(0.3, abs=0.01)
    assert plane.horizon == pytest.approx(0.1, abs=0.03)
    assert ground_plane([]).height_of(1.7, 0.8) > 0


def test_it_stands_on_its_foot_at_its_size() -> None:
    picture = paste(EMPTY, THING, PLANE, EMPTY, NOBODY)
    rows, columns = np.nonzero(red(picture))
    x1, y1, x2, y2 = box_of(THING, PLANE, (640, 360))
    assert (columns.min() / 640, rows.min() / 360) == pytest.approx((x1, y1), abs=0.01)
    assert (columns.max() / 640, rows.max() / 360) == pytest.approx((x2, y2), abs=0.01)


def test_it_casts_a_contact_shadow_and_leaves_the_rest_alone() -> None:
    picture = paste(EMPTY, THING, PLANE, EMPTY, NOBODY)
    assert picture[290, 320].mean() < 109
    assert (picture[:150] == EMPTY[:150]).all()


def test_who_walks_before_it_hides_it_and_who_walks_behind_it_does_not() -> None:
    walker = EMPTY.copy()
    walker[150:340, 310:330] = 20
    before, behind = ((0.47, 0.4, 0.53, 0.95),), ((0.47, 0.2, 0.53, 0.6),)
    assert not red(paste(walker, THING, PLANE, EMPTY, before))[270, 320]
    assert red(paste(walker, THING, PLANE, EMPTY, behind))[270, 320]


def test_it_takes_on_the_darkness_of_a_night() -> None:
    night = (EMPTY * 0.3).astype(np.uint8)
    by_day = paste(EMPTY, THING, PLANE, EMPTY, NOBODY)[270, 320, 2]
    assert paste(night, THING, PLANE, night, NOBODY)[270, 320, 2] < 0.6 * by_day


def test_the_empty_street_is_what_is_seen_most() -> None:
    busy = EMPTY.copy()
    busy[100:200] = 0
    assert (background([EMPTY, busy, EMPTY]) == EMPTY).all()


def test_a_file_that_leaves_says_that_it_is_synthetic() -> None:
    assert LABEL == "SYNTHETIC"
    assert (labelled(EMPTY) != EMPTY).any()


def test_cut_outs_are_read_cropped_and_large_enough(tmp_path: Path) -> None:
    (tmp_path / "carton").mkdir()
    picture = np.zeros((120, 120, 4), np.uint8)
    picture[10:110, 20:90] = 255
    cv2.imwrite(str(tmp_path / "carton" / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "carton" / "tiny.png"), picture[:30, :30])
    cv2.imwrite(str(tmp_path / "carton" / "opaque.png"), picture[..., :3])
    (only,) = read_cutouts(tmp_path, ["carton"])
    assert (only.name, only.bgra.shape) == ("a", (100, 70, 4))
    with pytest.raises(NotThereError, match="no cut-outs of table"):
        read_cutouts(tmp_path, ["table"])


def street(looks: int = 5) -> Street:
    site = Site("clip.mp4", ((0.1, 0.4), (0.9, 0.4), (0.9, 0.95), (0.1, 0.95)))
    pictures = [EMPTY.copy() for _ in range(looks)]
    return Street(site, pictures, [NOBODY] * looks, EMPTY, PLANE, [Detections.empty(("person",))] * looks)


def test_an_episode_shows_the_thing_from_its_start_to_its_end() -> None:
    shown = [bool(red(frame.image).any()) for frame in inject.episode(street(), THING, 30, 5)]
    assert shown == [False, False, True, True, False, False, False]


def test_what_is_filmed_larger_is_pasted_into_and_looked_at_closely_as_filmed() -> None:
    where, fine = street(), Injection(cutout(rows=600), (0.5, 0.8), 10, 20)
    where.sharp_empty = cv2.resize(EMPTY, (1920, 1080)).astype(np.uint8)
    where.sharp = [where.sharp_empty.copy() for _ in where.pictures]
    frames = list(inject.episode(where, fine, 30, 5))
    assert all(frame.image.shape == (360, 640, 3) and frame.best.shape == (1080, 1920, 3) for frame in frames)
    assert frames[0].image is where.pictures[0]  # so that what was seen in it is known
    small, large = red(frames[2].image).mean(), red(frames[2].best).mean()
    assert small == pytest.approx(large, rel=0.1)
    assert small > 0
    coarse = list(inject.episode(where, Injection(cutout(rows=20), (0.5, 0.8), 10, 20), 30, 5))
    assert coarse[0].best.shape == (1080, 1920, 3)
    assert coarse[2].best is coarse[2].image  # its few pixels are not enlarged
    assert red(coarse[2].image).any()


def test_a_short_clip_is_walked_to_and_fro() -> None:
    assert [street().index(i) for i in range(10)] == [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]
    assert street(1).index(7) == 0


def test_things_are_put_inside_the_ground_and_large_enough() -> None:
    for seed in range(20):
        thing = inject.place(street(), cutout("chair"), Random(seed), (0, 1))
        assert thing is not None
        x1, y1, x2, y2 = box_of(thing, PLANE, (640, 360))
        assert x1 >= 0
        assert x2 <= 1
        assert (y2 - y1) * 360 >= 18


def test_a_thing_that_fits_nowhere_is_left_out() -> None:
    far = street()
    far.plane = GroundPlane(0.01, 0.1)
    assert inject.place(far, cutout(), Random(1), (0, 1)) is None


@pytest.mark.parametrize("text", ["", "0.1,0.2", "0,0,1,0,1", "0,0,1,0,2,2", "a,b,c,d,e,f"])
def test_a_wrong_zone_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--zone"):
        inject.polygon_of(text)


def test_a_zone_is_read() -> None:
    assert inject.polygon_of("0,0,1,0 1,1") == ((0, 0), (1, 0), (1, 1))


def test_the_two_sets_share_no_clip_and_no_cut_out(tmp_path: Path) -> None:
    development, held_out = inject.SETS["development"], inject.SETS["held_out"]
    assert not {site.clip for site in development} & {site.clip for site in held_out}
    (tmp_path / "garbage_bag").mkdir()
    for name in "abcde":
        cv2.imwrite(str(tmp_path / "garbage_bag" / f"{name}.png"), np.full((80, 80, 4), 255, np.uint8))
    drawn = {
        which: [one.name for one in inject.cutouts_of(tmp_path, ViolationType.GARBAGE, which)]
        for which in ("development", "held_out", "all")
    }
    assert drawn == {"development": ["a", "c", "e"], "held_out": ["b", "d"], "all": ["a", "b", "c", "d", "e"]}


def test_light_noise_and_shake_are_the_same_at_the_same_time_and_change_with_it() -> None:
    detailed = np.random.default_rng(3).integers(0, 255, (90, 160, 3), np.uint8)
    rough = Conditions("rough", swing=0.3, noise_levels=3, shake_px=4)
    assert (under(detailed, 40, rough) == under(detailed, 40, rough)).all()
    assert (under(detailed, 40, rough) != under(detailed, 80, rough)).any()
    assert under(detailed, 40, Conditions()) is detailed
    assert under(EMPTY, 0, Conditions("dim", gain=0.3)).mean() == pytest.approx(33, abs=1)


def test_only_what_was_changed_in_a_known_picture_is_looked_at_anew() -> None:
    detector = ScriptedDetector(("person",), [Detections.empty(("person",))])
    where = street(2)
    remembering = Remembering(detector, where)
    changed = where.pictures[0].copy()
    assert len(remembering.detect([where.pictures[0], changed, where.pictures[1]])) == 3
    assert [id(image) for image in detector.seen] == [id(changed)]
