from pathlib import Path

import numpy as np
import pytest

from benchmarks.twins import main, told
from tests.benchmarks.test_accuracy import measured, painted_set
from tests.detectors.networks import save_colour_network
from vision.core.errors import ConfigError
from vision.core.geometry import Box
from vision.detectors.accuracy import Look
from vision.tracking.twins import BIKES, ONE_BIN

NAMES = ("garbage", "garbage_bin", "overflow", "bicycle")
BIN: Box = (100, 100, 150, 200)
NEARLY: Box = (104, 98, 154, 200)
BESIDE: Box = (160, 100, 210, 200)


def look(labels: list[tuple[str, Box]], boxes: list[tuple[str, Box, float]]) -> Look:
    return Look(
        np.array([box for _, box, _ in boxes], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in boxes], np.float32),
        np.array([NAMES.index(name) for name, _, _ in boxes], np.int32),
        np.array([box for _, box in labels], np.float32).reshape(-1, 4),
        np.array([NAMES.index(name) for name, _ in labels], np.int32),
    )


def test_a_bin_told_as_full_and_as_just_a_bin_is_doubled_until_it_is_taken_once() -> None:
    seen = look([("overflow", BIN)], [("overflow", BIN, 0.8), ("garbage_bin", NEARLY, 0.5), ("garbage", BIN, 0.6)])
    sums = told([seen, seen], NAMES, ONE_BIN)
    assert (sums.labels, sums.doubled, sums.doubled_once, sums.lost) == (2, 2, 0, 0)
    assert (sums.found, sums.found_once) == (2, 2)


def test_two_bins_side_by_side_are_two() -> None:
    seen = look([("overflow", BIN), ("garbage_bin", BESIDE)], [("overflow", BIN, 0.8), ("garbage_bin", BESIDE, 0.5)])
    sums = told([seen], NAMES, ONE_BIN)
    assert (sums.found_once, sums.doubled, sums.lost) == (2, 0, 0)


def test_two_bins_taken_for_one_cost_a_label() -> None:
    seen = look([("overflow", BIN), ("garbage_bin", NEARLY)], [("overflow", BIN, 0.8), ("garbage_bin", NEARLY, 0.5)])
    sums = told([seen], NAMES, ONE_BIN)
    assert (sums.found, sums.found_once, sums.lost) == (2, 1, 1)


def test_what_is_not_there_or_of_another_family_is_not_doubled() -> None:
    seen = look([("bicycle", BIN)], [("overflow", BIN, 0.8), ("garbage_bin", NEARLY, 0.5)])
    assert told([seen], NAMES, ONE_BIN).doubled == 0
    bikes = told([seen], NAMES, BIKES)
    assert (bikes.labels, bikes.found) == (1, 0)


def test_the_command_measures_the_families_that_the_set_labels(tmp_path: Path) -> None:
    model = save_colour_network(tmp_path / "m", classes=("overflow", "grass", "garbage_bin"))
    file = painted_set(tmp_path, ["Garbage bin", "overflow"])
    command = ["--data", str(file), "--split", "test", "--model", str(model)]
    figures = measured(file, model, tmp_path / "accuracy.json")
    assert figures["map50"] == pytest.approx(1.0, abs=0.01)
    assert main([*command, "--json", str(tmp_path / "r.json")]) == 0
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert '"found_bins_tracked"' in text
    assert "bikes" not in text


def test_a_set_without_bins_and_bikes_is_told(tmp_path: Path) -> None:
    file = painted_set(tmp_path, ["blue", "red"])
    with pytest.raises(ConfigError, match=r"data\.yaml: should label one of bicycle, garbage_bin, motorcycle"):
        main(["--data", str(file), "--split", "test", "--model", str(save_colour_network(tmp_path / "m"))])
