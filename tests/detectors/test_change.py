"""The change detector on a street made by hand: textured ground, things put down, light, shake and passers-by."""

import json
from datetime import timedelta

import cv2
import numpy as np
import pytest

from vision.core.frames import Image
from vision.core.geometry import Box
from vision.core.registry import Zone, ZoneKind
from vision.core.scene import ChangeObject
from vision.detectors.change import ChangeDetector
from vision.testing import EPOCH

WIDTH, HEIGHT = 480, 270
ZONE = Zone("z", ZoneKind.KEEP_CLEAR, ((0.05, 0.3), (0.95, 0.3), (0.95, 0.95), (0.05, 0.95)))
CRATE = (200, 150, 245, 190)
PERSON: Box = (0.4, 0.3, 0.52, 0.8)


def street(seed: int = 1) -> Image:
    random = np.random.default_rng(seed)
    coarse = random.uniform(90, 150, (HEIGHT // 15, WIDTH // 15, 1)).astype(np.float32)
    ground = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)[..., None].repeat(3, axis=2)
    for x in range(0, WIDTH, 40):
        cv2.line(ground, (x, HEIGHT), (WIDTH // 2 + (x - WIDTH // 2) // 3, 60), (50, 55, 60), 2)
    return ground.clip(0, 255).astype(np.uint8)


STREET = street()


def with_crate(picture: Image, at: tuple[int, int, int, int] = CRATE) -> Image:
    x1, y1, x2, y2 = at
    out = picture.copy()
    cv2.rectangle(out, (x1, y1), (x2, y2), (40, 90, 160), -1)
    cv2.rectangle(out, (x1 + 4, y1 + 4), (x2 - 4, y1 + 12), (200, 220, 230), -1)
    cv2.line(out, (x1, (y1 + y2) // 2), (x2, (y1 + y2) // 2), (20, 40, 80), 2)
    return out


def noisy(picture: Image, seed: int, sigma: float = 3.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return (picture.astype(np.float32) + noise).clip(0, 255).astype(np.uint8)


class Watch:
    """A detector looked through every ten seconds."""

    def __init__(self) -> None:
        self.detector, self.now_s, self.every_s = ChangeDetector([ZONE]), 0.0, 10.0

    def look(self, picture: Image, *covers: Box, times: int = 1) -> tuple[ChangeObject, ...]:
        for _ in range(times):
            self.now_s += self.every_s
            at = EPOCH + timedelta(seconds=self.now_s)
            things = self.detector.update(at, noisy(picture, int(self.now_s)), covers)
        return things


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    assert watch.look(STREET, times=4) == ()
    return watch


def overlaps(box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2 * WIDTH, (box[1] + box[3]) / 2 * HEIGHT
    return CRATE[0] < x < CRATE[2] and CRATE[1] < y < CRATE[3]


def test_a_crate_put_down_is_found_within_three_looks_and_dated_back(watch: Watch) -> None:
    (crate,) = watch.look(with_crate(STREET), times=4)
    assert overlaps(crate.box)
    assert crate.first_seen == EPOCH + timedelta(seconds=50)
    assert crate.last_seen == EPOCH + timedelta(seconds=80)
    assert crate.score > 0.5


def test_taken_away_it_is_gone(watch: Watch) -> None:
    watch.look(with_crate(STREET), times=6)
    assert watch.look(STREET, times=5) == ()


def test_it_stays_found_for_two_hours(watch: Watch) -> None:
    watch.look(with_crate(STREET), times=4)
    watch.every_s = 120
    (crate,) = watch.look(with_crate(STREET), times=60)
    assert crate.first_seen == EPOCH + timedelta(seconds=50)


@pytest.mark.parametrize("gain", [0.55, 0.75, 1.25, 1.6])
def test_light_that_changes_all_over_is_no_thing(watch: Watch, gain: float) -> None:
    assert watch.look((STREET * gain).clip(0, 255).astype(np.uint8), times=8) == ()


def test_slow_daylight_is_no_thing_and_a_crate_in_it_is_one(watch: Watch) -> None:
    for i in range(40):
        assert watch.look((STREET * (1 - i * 0.015)).astype(np.uint8)) == ()
    (crate,) = watch.look((with_crate(STREET) * 0.4).astype(np.uint8), times=5)
    assert overlaps(crate.box)


def test_a_soft_shadow_is_no_thing(watch: Watch) -> None:
    shade = np.ones((HEIGHT, WIDTH), np.float32)
    cv2.ellipse(shade, (260, 170), (120, 50), 0, 0, 360, 0.6, -1)
    shade = np.asarray(cv2.GaussianBlur(shade, (0, 0), 14), np.float32)
    assert watch.look((STREET * shade[..., None]).astype(np.uint8), times=8) == ()


def test_passers_by_are_no_things(watch: Watch) -> None:
    for i in range(20):
        x = 60 + i * 17
        picture = with_crate(STREET, (x, 120, x + 26, 200))
        assert watch.look(picture, (x / WIDTH, 120 / HEIGHT, (x + 26) / WIDTH, 200 / HEIGHT)) == ()


def test_even_passers_by_whom_the_detector_misses(watch: Watch) -> None:
    for i in range(20):
        assert watch.look(with_crate(STREET, (60 + i * 17, 120, 86 + i * 17, 200))) == ()


def test_somebody_standing_is_not_looked_at(watch: Watch) -> None:
    assert watch.look(with_crate(STREET, (196, 85, 245, 213)), PERSON, times=10) == ()


def test_a_crate_hidden_for_a_while_says_so_and_is_the_same(watch: Watch) -> None:
    watch.look(with_crate(STREET), times=4)
    (hidden,) = watch.look(with_crate(STREET, (195, 85, 248, 213)), PERSON, times=6)
    assert (hidden.covered, hidden.last_seen) == (True, EPOCH + timedelta(seconds=80))
    (crate,) = watch.look(with_crate(STREET))
    assert (crate.covered, crate.first_seen) == (False, EPOCH + timedelta(seconds=50))


def test_rain_noise_is_no_thing(watch: Watch) -> None:
    for i in range(15):
        rain = STREET.copy()
        random = np.random.default_rng(i)
        for x, y in zip(random.integers(0, WIDTH, 150), random.integers(0, HEIGHT, 150), strict=True):
            cv2.line(rain, (int(x), int(y)), (int(x) + 2, int(y) + 9), (190, 190, 190), 1)
        assert watch.look(rain) == ()


def test_a_shaking_camera_is_no_thing(watch: Watch) -> None:
    for i in range(15):
        dx, dy = np.random.default_rng(i).uniform(-4, 4, 2)
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        shaken = cv2.warpAffine(STREET, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        assert watch.look(np.asarray(shaken, np.uint8)) == ()


def test_something_that_stood_there_and_left_is_no_thing() -> None:
    watch = Watch()
    watch.look(with_crate(STREET), times=5)
    assert watch.look(STREET, times=10) == ()
    (crate,) = watch.look(with_crate(STREET), times=4)
    assert overlaps(crate.box)


def test_another_view_is_learnt_and_nothing_is_said_meanwhile(watch: Watch) -> None:
    elsewhere = np.ascontiguousarray(street(7)[::-1, ::-1])
    watch.look(elsewhere)
    assert watch.detector.adrift
    assert watch.look(elsewhere, times=8) == ()
    assert not watch.detector.adrift


def test_a_crate_outside_every_zone_is_nobody_s_business(watch: Watch) -> None:
    assert watch.look(with_crate(STREET, (200, 20, 245, 60)), times=6) == ()


def test_novelty_tells_new_from_always_there(watch: Watch) -> None:
    watch.look(with_crate(STREET))
    crate = (CRATE[0] / WIDTH, CRATE[1] / HEIGHT, CRATE[2] / WIDTH, CRATE[3] / HEIGHT)
    assert (watch.detector.novelty(crate) or 0) > 0.3
    assert watch.detector.novelty((0.1, 0.5, 0.2, 0.7)) == 0


def test_without_zones_or_with_a_stale_look_nothing_happens() -> None:
    nobody = ChangeDetector([])
    assert nobody.update(EPOCH, STREET, ()) == ()
    watch = Watch()
    watch.look(STREET)
    assert watch.detector.update(EPOCH, with_crate(STREET), ()) == ()


def test_a_restart_forgets_neither_the_reference_nor_what_stands_there(watch: Watch) -> None:
    watch.look(with_crate(STREET), times=4)
    memory = json.loads(json.dumps(watch.detector.to_record()))
    assert len(json.dumps(memory)) < 60_000
    watch.detector = ChangeDetector([ZONE])
    watch.detector.restore(memory)
    for _ in range(6):
        (crate,) = watch.look(with_crate(STREET))
        assert crate.first_seen == EPOCH + timedelta(seconds=50)
    assert watch.look(STREET, times=5) == ()


def test_nothing_seen_is_nothing_remembered_and_rubbish_is_refused() -> None:
    detector = ChangeDetector([ZONE])
    assert detector.to_record() == {}
    detector.restore({})
    with pytest.raises(KeyError):
        detector.restore({"things": []})
    with pytest.raises(ValueError):
        detector.restore({"reference": "eHg=", "valid": "eHg="})


def test_lights_going_on_keep_what_stands_there(watch: Watch) -> None:
    """Another light altogether: the street is learnt anew around the crate, which stays until it is taken away."""
    watch.look(with_crate(STREET), times=4)
    lamps = 255 - STREET
    (crate,) = watch.look(255 - with_crate(STREET), times=8)
    assert not watch.detector.adrift
    assert crate.first_seen == EPOCH + timedelta(seconds=50)
    assert watch.look(lamps, times=8) == ()
