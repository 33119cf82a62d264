from pathlib import Path
from typing import Any

import pytest

from vision.config.schema import CityConfig, load
from vision.core.errors import ConfigError, NotThereError
from vision.core.registry import ZoneKind

GOOD = """
name: Demo
cameras:
  gate:
    url: rtsp://admin:${GATE_PASSWORD}@10.0.0.5/Streaming/Channels/101
    sample_s: 5
    zones:
      walk:
        kind: bike_no_parking
        polygon: [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
        permitted: [{from: 18:00, to: 06:00, weekdays: [sat, sun]}]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "city.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_becomes_cameras_with_zones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_PASSWORD", "s3cret")
    config = load(write(tmp_path, GOOD))
    camera = config.cameras["gate"].to_core("gate")
    assert camera.safe_url == "rtsp://***@10.0.0.5/Streaming/Channels/101"
    assert camera.views[0].zones[0].kind is ZoneKind.BIKE_NO_PARKING
    assert camera.views[0].zones[0].permitted[0].weekdays == {6, 7}
    assert config.data == tmp_path / "var/streetward"


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("sample_s: 5", "sample_s: -5").replace("name: Demo", "nmae: Demo")
    text = text.replace("bike_no_parking", "bikes").replace("${GATE_PASSWORD}", "hunter2")
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert caught.value.problems[0] == "city.yaml:2: nmae: is not a setting"
    assert caught.value.problems[1] == "city.yaml:6: cameras.gate.sample_s: should be greater than 0 (got -5)"
    assert caught.value.problems[2].startswith("city.yaml:9: cameras.gate.zones.walk.kind: should be 'keep_clear'")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cameras: [1", "city.yaml:1: not valid YAML"),
        ("name: a\nname: b", "city.yaml:2: name: stands here a second time"),
        ("name: ${NO_SUCH_VARIABLE}", "city.yaml:1: name: environment variable NO_SUCH_VARIABLE is not set"),
        ("- 1", "city.yaml:1: should be a mapping"),
        ("timezone: Mars/Olympus", "city.yaml:1: timezone: should be an IANA time zone"),
        ("cameras: {g: {url: 'http://u:hunter2@h'}}", "should begin with rtsp:// or rtsps://"),
        ("cameras: {g: {url: 'rtsp://h', zones: {z: {kind: pavement, polygon: [[0,0],[2,0],[1,1]]}}}}", "0–1"),
        (
            "cameras: {g: {url: 'rtsp://h', zones: {z: {kind: road, blocks: door, polygon: [[0,0],[1,0],[1,1]]}}}}",
            "blocks belongs to zones of kind bike_no_parking, not road",
        ),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="No such file"):
        load(tmp_path / "none.yaml")


def test_an_empty_file_is_a_city_without_cameras(tmp_path: Path) -> None:
    assert load(write(tmp_path, "")).cameras == {}


def test_every_key_says_what_it_is() -> None:
    schema = CityConfig.model_json_schema()

    def described(value: dict[str, Any]) -> bool:
        # A section's own sentence stands in for its key's: pydantic leaves out what would say the same twice.
        section = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
        return bool(value.get("description") or section.get("description"))

    def silent(part: dict[str, Any], at: str) -> list[str]:
        return [f"{at}.{key}" for key, value in part.get("properties", {}).items() if not described(value)]

    missing = silent(schema, "")
    for name, definition in schema["$defs"].items():
        missing += silent(definition, name)
    assert missing == []


def test_a_ladder_names_notifiers_that_exist(tmp_path: Path) -> None:
    path = tmp_path / "city.yaml"
    steps = "steps: [{do: notify, to: sms, fallback: duty}]"
    path.write_text(f"incidents: {{out_of_store: {{{steps}}}, zones: {{gate/kerb: {{{steps}}}}}}}\n")
    with pytest.raises(ConfigError) as told:
        load(path)
    words = str(told.value)
    assert words.count("unknown notifier sms") == 2
    assert "incidents gate/kerb: a notify step names unknown notifier duty" in words
    path.write_text(
        path.read_text()
        + "notifiers: {sms: {kind: webhook, url: http://sms.example}, duty: {kind: webhook, url: http://d.example, to: x}}\n"
    )
    assert set(load(path).notifiers) == {"sms", "duty"}
