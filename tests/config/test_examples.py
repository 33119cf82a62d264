from pathlib import Path

import pytest

from vision.config.schema import load

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_example_is_without_a_mistake(path: Path) -> None:
    config = load(path)
    for key, camera in config.cameras.items():
        assert camera.to_core(key).safe_url.count("change-me") == 0


def test_a_variable_may_have_a_default(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text("name: ${NO_SUCH_NAME:-Riverside} district")
    assert load(tmp_path / "city.yaml").name == "Riverside district"
