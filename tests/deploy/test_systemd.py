"""The units of deploy/systemd are what systemd takes, shut in, and call the product's own commands."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, absent
from tests.deploy.commands import parsed

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
PROGRAM = "/opt/streetward/bin/vision"


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The units, templates with an instance, around a program that is there."""
    if shutil.which("systemd-analyze") is None:
        absent("needs systemd-analyze: apt-get install systemd")
    folder = tmp_path_factory.mktemp("units")
    for path in sorted(FOLDER.iterdir()):
        text = path.read_text("utf-8").replace(PROGRAM, "/bin/true")
        (folder / path.name.replace("@.", "@1.")).write_text(text, "utf-8")
        (folder / path.name).write_text(text, "utf-8")
    return [
        path for path in sorted(folder.iterdir()) if path.suffix in {".service", ".timer"} and "@." not in path.name
    ]


def commands(path: Path) -> list[list[str]]:
    lines = re.findall(r"^Exec\w+=(.+)$", path.read_text("utf-8"), re.MULTILINE)
    found = []
    for line in lines:
        words = shlex.split(line.replace("%H-%i", "host-1").replace("%%", "%").replace("$$", "$"))
        if words[0] == "/bin/sh":
            words = shlex.split(words[-1].removeprefix("exec "))
        assert words[0] == PROGRAM, line
        found.append(words[1:])
    return found


def test_systemd_finds_nothing_wrong(units: list[Path]) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *map(str, units)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "streetward" in line]
    assert (ours, done.returncode) == ([], 0)


def test_services_are_shut_in(units: list[Path]) -> None:
    for unit in units:
        if unit.suffix == ".service":
            done = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=25", str(unit)],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, (unit.name, done.stdout.splitlines()[-1:], done.stderr)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_every_command_is_the_products_own(path: Path) -> None:
    lines = commands(path)
    assert lines
    for words in lines:
        assert str(parsed(words)["config"]) == "/etc/streetward/city.yaml"


def test_workers_of_one_machine_and_of_several_have_names_of_their_own() -> None:
    text = (FOLDER / "streetward-worker@.service").read_text("utf-8")
    assert "--name %H-%i" in text
    assert {parsed(words).get("name") for words in commands(FOLDER / "streetward-worker@.service")} == {"host-1"}


def test_a_wrong_configuration_is_not_started_again_and_again() -> None:
    for path in SERVICES:
        text = path.read_text("utf-8")
        if "Type=oneshot" not in text:
            assert "Restart=always" in text
            assert "RestartPreventExitStatus=2" in text
