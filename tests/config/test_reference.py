from pathlib import Path

from vision.config.reference import json_schema, markdown

ROOT = Path(__file__).parents[2]


def test_the_committed_schema_and_reference_are_the_codes_own() -> None:
    assert (ROOT / "configs/schema.json").read_text(encoding="utf-8") == json_schema(), "run make docs"
    assert (ROOT / "docs/configuration.md").read_text(encoding="utf-8") == markdown(), "run make docs"
