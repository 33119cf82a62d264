"""`vision doctor`: what each machine is asked, and what it says of the evidence store."""

import socket
from pathlib import Path

import pytest

from vision.config.schema import CityConfig
from vision.doctor import Check, Part, Verdict, examine


@pytest.fixture
def city(tmp_path: Path) -> CityConfig:
    """A city whose servers are not there: nothing listens on the port taken and given back."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return CityConfig.model_validate(
        {
            "data": str(tmp_path),
            "database": f"postgresql+psycopg://streetward:secret@127.0.0.1:{port}/streetward",
            "redis": f"redis://:secret@127.0.0.1:{port}/0",
            "evidence": "memory:///",
            "server": {"port": port},
            "detection": {"model": "not-there"},
            "cameras": {"gate": {"url": f"rtsp://viewer:secret@127.0.0.1:{port}/1"}},
        }
    )


def told(city: CityConfig, part: Part) -> dict[str, Check]:
    return {check.what: check for check in examine(city, part)}


def test_a_hub_is_not_asked_for_cameras_nor_for_what_sees(city: CityConfig) -> None:
    checks = told(city, Part.HUB)
    assert {"port", "disk", "redis", "database", "evidence"} <= set(checks)
    assert not {"model", "gpu", "codecs", "camera gate"} & set(checks)


def test_a_worker_is_not_asked_for_the_hubs_port_and_database(city: CityConfig) -> None:
    checks = told(city, Part.WORKER)
    assert {"model", "codecs", "redis", "evidence", "camera gate"} <= set(checks)
    assert not {"port", "disk", "database"} & set(checks)
    assert {checks[what].verdict for what in ("model", "camera gate")} == {Verdict.FAILS}


@pytest.mark.parametrize("part", [Part.HUB, Part.WORKER])
def test_a_part_of_its_own_needs_a_redis_and_everything_together_none(city: CityConfig, part: Part) -> None:
    without = city.model_copy(update={"redis": None, "cameras": {}})
    assert told(without, part)["redis"].verdict is Verdict.FAILS
    assert "`redis:`" in told(without, part)["redis"].sentence
    assert told(without, Part.ALL)["redis"].verdict is Verdict.WORKS


def test_what_is_away_is_one_line_without_its_password(city: CityConfig) -> None:
    checks = told(city, Part.HUB)
    for what in ("redis", "database"):
        assert checks[what].verdict is Verdict.FAILS
        assert "\n" not in checks[what].sentence
        assert "secret" not in checks[what].sentence


def test_the_evidence_store_is_written_and_read(city: CityConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(city, Part.HUB)["evidence"].verdict is Verdict.WORKS
    for name, value in {"ENDPOINT": f"http://127.0.0.1:{city.server.port}", "ALLOW_HTTP": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    away = city.model_copy(update={"evidence": "s3://evidence"})
    assert told(away, Part.HUB)["evidence"].verdict is Verdict.FAILS


def test_a_folder_of_evidence_is_left_alone(city: CityConfig, tmp_path: Path) -> None:
    here = city.model_copy(update={"evidence": None, "data": tmp_path / "not-yet"})
    assert told(here, Part.HUB)["evidence"].verdict is Verdict.WORKS
    assert not (tmp_path / "not-yet").exists(), "made by whoever runs doctor, the service could not write into it"
