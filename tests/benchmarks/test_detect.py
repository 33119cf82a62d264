import json
from pathlib import Path

import pytest

from benchmarks import detect, tiling
from tests.detectors.networks import save_colour_network
from vision.core.errors import NotThereError


def test_the_batcher_is_compared_with_the_runtime(tmp_path: Path) -> None:
    model, result = save_colour_network(tmp_path), tmp_path / "detect.json"
    assert detect.main(["--quick", "--no-backends", "--model", str(model), "--json", str(result)]) == 0
    figures = {one["name"]: one["value"] for one in json.loads(result.read_text(encoding="utf-8"))["results"]}
    assert {"raw_images_per_cpu_s", "pipeline_images_per_cpu_s", "pipeline_share_of_raw"} <= set(figures)
    assert all(value > 0 for value in figures.values())


def test_a_clip_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"nowhere\.mp4"):
        detect.main(["--quick", "--clip", str(tmp_path / "nowhere.mp4")])


def test_clips_that_are_not_there_are_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="frame 150 cannot be read"):
        tiling.main(["--clips", str(tmp_path)])
