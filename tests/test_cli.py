import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def vision(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vision", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_a_missing_file_is_one_sentence_and_exit_code_3() -> None:
    done = vision("check", "--config", "no-such-city.yaml")
    assert (done.returncode, done.stderr) == (3, "vision: configuration no-such-city.yaml: No such file or directory\n")


def test_a_wrong_file_is_a_line_for_each_mistake_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text("nmae: x\nlanguage: fr\n")
    done = vision("check", "-c", str(tmp_path / "city.yaml"))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "city.yaml:1: nmae: is not a setting",
        "city.yaml:2: language: should be 'zh' or 'en' (got fr)",
    ]


@pytest.mark.slow
def test_wrong_usage_is_exit_code_2() -> None:
    assert vision("chekc").returncode == 2
    assert vision("bench", "nothing").returncode == 2


def test_the_version_is_printed() -> None:
    assert vision("--version").stdout.startswith("streetward ")
