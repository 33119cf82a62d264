"""The view guard on real clips from fixed cameras, undisturbed and disturbed in every way that it names."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vision.core.frames import Image
from vision.core.registry import View, Zone, ZoneKind
from vision.streams.picture import fitted
from vision.streams.view import ViewGuard, ViewState, ViewVerdict, moved

STILL = ["campus_road_high_80s", "high_road_light_changes_1823f", "hall_case_left_296f", "sideroad_vehicles_11s"]


@cache
def looks_of(clip: Path, every_s: float) -> list[Image]:
    pictures: list[Image] = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= len(pictures) * every_s:
                size = fitted(frame.width, frame.height, 640)
                pictures.append(np.asarray(frame.reformat(*size, "bgr24").to_ndarray(), np.uint8))
    return pictures


def warped(image: Image, right: float = 0.0, down: float = 0.0, turn_deg: float = 0.0, zoom: float = 1.0) -> Image:
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, zoom)
    matrix[:, 2] += (right * width, down * height)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def covered(image: Image) -> Image:
    cloth = np.random.default_rng(5).normal(60, 2, image.shape)
    return np.asarray(np.clip(cv2.GaussianBlur(cloth, (0, 0), 3), 0, 255), np.uint8)


def lit(image: Image, gain: float, offset: float = 0.0) -> Image:
    return np.asarray(np.clip(image * gain + offset, 0, 255), np.uint8)


def verdicts(looks: list[Image], disturb: Callable[[Image], Image]) -> list[ViewVerdict]:
    """Each of some looks disturbed, after an undisturbed one; what the guard has settled on by the second."""
    found = []
    for n in range(3, len(looks) - 1, max(1, len(looks) // 5)):
        guard = ViewGuard()
        guard.learn(*looks[:3])
        guard.look(looks[n])
        guard.look(disturb(looks[n]))
        found.append(guard.look(disturb(looks[n + 1])))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("clip", STILL)
def test_still_cameras_raise_no_alarm(shared: Path, clip: str) -> None:
    looks = looks_of(shared / "data" / "clips" / f"{clip}.mp4", 2.0)
    guard = ViewGuard()
    guard.learn(*looks[:3])
    judged = [guard.look(image) for image in looks]
    assert {verdict.state for verdict in judged} == {ViewState.GOOD}
    assert all(verdict.usable for verdict in judged)


DISTURBED: dict[str, tuple[Callable[[Image], Image], set[ViewState]]] = {
    "nudged": (lambda image: warped(image, -0.04, 0.02), {ViewState.SHIFTED}),
    "pushed": (lambda image: warped(image, 0.15, 0.05), {ViewState.MOVED}),
    "swept away": (lambda image: warped(image, 0.5, 0.1), {ViewState.MOVED}),
    "turned": (lambda image: warped(image, turn_deg=8, zoom=1.15), {ViewState.MOVED}),
    "zoomed": (lambda image: warped(image, zoom=1.2), {ViewState.MOVED}),
    "blurred": (lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 4), np.uint8), {ViewState.BLURRED}),
    "covered": (covered, {ViewState.COVERED}),
    "dark": (lambda image: lit(image, 0.04), {ViewState.DARK}),
    "glaring": (lambda image: lit(image, 1.0, 235), {ViewState.BRIGHT}),
    "half the light": (lambda image: lit(image, 0.5), {ViewState.GOOD}),
    "more gain": (lambda image: lit(image, 1.4, 15), {ViewState.GOOD}),
}


@pytest.mark.slow
@pytest.mark.parametrize("how", DISTURBED)
def test_disturbances_are_named(shared: Path, how: str) -> None:
    disturb, expected = DISTURBED[how]
    named: list[ViewVerdict] = []
    for clip in STILL[:3]:
        named += verdicts(looks_of(shared / "data" / "clips" / f"{clip}.mp4", 2.0), disturb)
    right = [verdict.state in expected for verdict in named]
    assert np.mean(right) >= 0.9, [(verdict.state, verdict.reason) for verdict in named]
    usable = expected <= {ViewState.GOOD, ViewState.SHIFTED}
    assert np.mean([verdict.usable is usable for verdict in named]) >= 0.9
    if how == "nudged":
        assert np.median([verdict.shift for verdict in named], axis=0) == pytest.approx([-0.04, 0.02], abs=0.005)


def street(seed: int = 3) -> Image:
    noise = np.random.default_rng(seed).integers(0, 256, (36, 64, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (640, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_one_bad_look_makes_unsure_two_make_an_alarm_and_two_good_ones_end_it() -> None:
    guard, good, bad = ViewGuard(), street(), street(4)
    guard.learn(good)
    first, second, back, again = (guard.look(image) for image in (bad, bad, good, good))
    assert (first.state, first.usable) == (ViewState.GOOD, False)
    assert first.reason.startswith("unsure: ")
    assert (second.state, second.usable) == (ViewState.MOVED, False)
    assert (back.usable, again.usable) == (False, True)


def test_identical_pictures_are_a_frozen_camera_and_noise_is_not() -> None:
    guard, image, rng = ViewGuard(), street(), np.random.default_rng(1)
    for _ in range(20):
        noisy = np.clip(image + rng.normal(0, 1, image.shape), 0, 255).astype(np.uint8)
        assert guard.look(noisy).state is ViewState.GOOD
    states = [guard.look(image).state for _ in range(9)]
    assert states[-1] is ViewState.FROZEN
    assert states[0] is ViewState.GOOD


def test_new_resolution_is_learned_anew() -> None:
    guard = ViewGuard()
    guard.look(street())
    assert guard.look(np.asarray(cv2.resize(street(), (704, 576)), np.uint8)).state is ViewState.GOOD


def test_zones_go_with_a_small_shift() -> None:
    zone = Zone("z", ZoneKind.KEEP_CLEAR, ((0.0, 0.5), (0.5, 0.5), (0.98, 0.9)))
    shifted = moved(replace(View(), zones=(zone,)), (0.04, -0.02)).zone("z").polygon
    assert np.allclose(shifted, [(0.04, 0.48), (0.54, 0.48), (1.0, 0.88)])


def test_an_odd_first_look_is_not_the_reference_for_ever(shared: Path) -> None:
    """This recording begins with a glimpse of another camera."""
    looks = looks_of(shared / "data/clips/lane_night_parked_motorbike_43s.mp4", 2.0)[:8]
    guard = ViewGuard()
    usable = [guard.look(look).usable for look in looks]
    assert usable == [True, False, *[True] * 6]
