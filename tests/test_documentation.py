"""Documentation says what the program has: every command and every metric."""

import re
from pathlib import Path
from typing import Any

import typer.main

from vision.cli import app

ROOT = Path(__file__).parents[1]
DOCS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))


def commands(command: Any, name: str) -> list[str]:
    children = getattr(command, "commands", None)
    if not children:
        return [name]
    return [full for key, child in children.items() for full in commands(child, f"{name} {key}")]


def test_every_command_is_documented() -> None:
    missing = [name for name in commands(typer.main.get_command(app), "vision") if f"`{name}" not in DOCS]
    assert missing == []


def test_every_metric_is_documented() -> None:
    named = {
        name
        for path in (ROOT / "vision").rglob("*.py")
        for name in re.findall(
            r'(?:Gauge|Counter|Histogram|Summary)(?:MetricFamily)?\(\s*"(streetward_\w+)"', path.read_text("utf-8")
        )
    }
    assert named
    assert [name for name in sorted(named) if f"`{name}" not in DOCS] == []


def test_every_benchmark_that_exists_is_run_by_name() -> None:
    from vision.benchmarks import NAMES

    runnable = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if re.search(r"^def main\(|^    (?:sys\.exit|raise SystemExit)\(main\(", path.read_text("utf-8"), re.MULTILINE)
    } - {"harness", "ingest_client"}  # the client is a process that the ingest benchmark starts
    assert runnable <= set(NAMES)
