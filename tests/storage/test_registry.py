from pathlib import Path

import pytest

from tests.databases import new_database
from vision.core.errors import NotThereError
from vision.storage.registry import Registry
from vision.testing import ManualClock

GATE = {"url": "rtsp://h/1", "name": "Gate"}


@pytest.fixture
def registry(tmp_path: Path, clock: ManualClock) -> Registry:
    database = new_database(tmp_path / "hub.db")
    return Registry(database, clock)


def test_the_file_adds_changes_and_removes_only_its_own(registry: Registry) -> None:
    registry.put("camera", "made-in-console", {"url": "rtsp://h/9"}, by="engineer")
    assert registry.adopt("camera", {"gate": GATE, "yard": {"url": "rtsp://h/2"}}) == 2
    assert registry.adopt("camera", {"gate": GATE}) == 1
    assert set(registry.cameras()) == {"gate", "made-in-console"}


def test_a_change_in_the_console_outlives_a_restart_with_the_same_file(registry: Registry) -> None:
    registry.adopt("camera", {"gate": GATE})
    registry.put("camera", "gate", {**GATE, "name": "West gate"}, by="engineer")
    assert registry.adopt("camera", {"gate": GATE}) == 0
    assert registry.camera("gate").name == "West gate"


def test_the_version_grows_only_with_a_change(registry: Registry) -> None:
    registry.put("camera", "gate", GATE, by="engineer")
    before = registry.version()
    assert registry.put("camera", "gate", GATE, by="engineer") is False
    assert registry.version() == before
    registry.remove("camera", "gate", by="engineer")
    assert registry.version() == before + 1


def test_what_is_not_there_is_said(registry: Registry) -> None:
    with pytest.raises(NotThereError, match="no camera gate"):
        registry.camera("gate")
    with pytest.raises(NotThereError):
        registry.remove("camera", "gate", by="x")
