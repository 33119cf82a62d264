"""A worker is not started with a model that cannot see what its zones are for."""

from pathlib import Path

import pytest

from vision.app.worker import require_zones_classes
from vision.config.schema import load
from vision.core.detections import Detections
from vision.core.errors import ConfigError
from vision.detectors.catalogue import CATALOGUE_FILE
from vision.testing import ScriptedDetector

CITY = """
name: Demo
cameras:
  gate:
    url: rtsp://10.0.0.5/1
    zones:
      walk: {kind: pavement, polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]}
"""


def test_a_class_that_the_model_lacks_is_told_with_zone_and_model(tmp_path: Path) -> None:
    file = tmp_path / "city.yaml"
    file.write_text(CITY, encoding="utf-8")
    city = load(file)
    people_only = ScriptedDetector(("person",), [Detections.empty(("person",))], version="ours 3 (12ab34cd)")
    with pytest.raises(ConfigError) as caught:
        require_zones_classes(city, people_only)
    (problem,) = caught.value.problems
    assert problem == (
        f"zone gate/main/walk (pavement) wants garbage, which ours 3 (12ab34cd) of {CATALOGUE_FILE} does not detect"
    )
    with pytest.raises(ConfigError, match=r"of mine/people\.onnx does not detect"):
        require_zones_classes(city, people_only, "mine/people.onnx")
    enough = ("person", "garbage")
    require_zones_classes(city, ScriptedDetector(enough, [Detections.empty(enough)]))
