"""The quality gate (vision/detectors/quality.py) on good and spoilt pictures."""

import json
from datetime import datetime, timedelta

import cv2
import numpy as np
import pytest

from tests.detectors.test_change import HEIGHT, WIDTH, noisy
from vision.core.frames import Image
from vision.detectors.quality import QualityGate
from vision.testing import EPOCH


def detailed() -> Image:
    random = np.random.default_rng(3)
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    for _ in range(500):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(0, HEIGHT))
        shade = int(random.integers(30, 220))
        cv2.rectangle(picture, (x, y), (x + 9, y + 6), (shade, shade, shade), -1)
    return picture


GOOD = detailed()


def at(look: int) -> datetime:
    return EPOCH + timedelta(seconds=10 * look)


@pytest.fixture
def gate() -> QualityGate:
    gate = QualityGate()
    assert all(gate.judge(at(i), noisy(GOOD, i)).usable for i in range(8))
    return gate


def blurred(picture: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def rained_on(picture: Image) -> Image:
    drops = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    random = np.random.default_rng(0)
    for _ in range(16):
        centre = int(random.integers(0, WIDTH)), int(random.integers(0, HEIGHT))
        cv2.circle(drops, centre, 48, 1, -1)
    return np.asarray(np.where(drops > 0, blurred(picture, 9), picture), np.uint8)


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ((GOOD * 0.1).astype(np.uint8), "too dark"),
        (np.maximum(GOOD, 250), "washed out"),
        (np.full_like(GOOD, 128), "no contrast"),
        (blurred(GOOD, 6), "blurred"),
        ((GOOD * 0.25 + 150).astype(np.uint8), "blurred"),  # fog
        (rained_on(GOOD), "rain or dirt"),
    ],
)
def test_a_spoilt_picture_is_refused_in_words(gate: QualityGate, picture: Image, says: str) -> None:
    quality = gate.judge(at(9), picture)
    assert not quality.usable
    assert quality.why is not None
    assert says in quality.why.en
    assert quality.why.zh
    assert gate.judge(at(10), noisy(GOOD, 10)).usable


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.3])
def test_light_alone_spoils_nothing(gate: QualityGate, gain: float) -> None:
    assert gate.judge(at(9), (GOOD * gain).clip(0, 255).astype(np.uint8)).usable


def test_a_lorry_before_half_of_the_view_spoils_nothing(gate: QualityGate) -> None:
    lorry = GOOD.copy()
    lorry[:, : WIDTH // 2] = 90
    assert not gate.judge(at(9), lorry).usable
    assert gate.judge(at(10), lorry, ((0.0, 0.0, 0.5, 1.0),)).usable


def test_plain_asphalt_is_not_blurred() -> None:
    gate, asphalt = QualityGate(), np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    asphalt[:, 40:60] = 220
    assert all(gate.judge(at(i), noisy(asphalt, i, 1.0)).usable for i in range(12))


def test_a_night_is_compared_with_nights(gate: QualityGate) -> None:
    night = (blurred(GOOD, 3) * 0.35).astype(np.uint8)
    assert all(gate.judge(at(10 + i), night).usable for i in range(10))
    assert not gate.judge(at(30), blurred(GOOD, 6)).usable


def test_its_memory_survives_a_restart(gate: QualityGate) -> None:
    again = QualityGate()
    again.restore(json.loads(json.dumps(gate.to_record())))
    assert not again.judge(at(9), blurred(GOOD, 6)).usable
    with pytest.raises(ValueError, match="should be 6 × 8"):
        again.restore({"day": [[1.0], 3, EPOCH.isoformat()]})
