"""Fixtures every test may use."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from vision.testing import ManualClock

ROOT = Path(__file__).resolve().parent.parent


# Hypothesis fails an example that takes 200 ms; how long it takes here says how busy the machine is, and nothing else.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
_LEFT_OUT = re.compile(r"not \w+")
_WHOLLY = re.compile(r"^pytestmark = .*pytest\.mark\.(slow|browser|server)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Modules (and folders of them) whose every test is left out are not imported either: torch alone takes seconds."""
    terms = config.option.markexpr.split(" and ")  # nothing is concluded from an expression of another form
    left_out = {term.removeprefix("not ") for term in terms} if all(map(_LEFT_OUT.fullmatch, terms)) else set()
    if not left_out:
        return None
    inside = collection_path.is_dir()
    files = list(collection_path.rglob("test_*.py")) if inside else [collection_path]
    marks = [set(_WHOLLY.findall(file.read_text(encoding="utf-8"))) for file in files if file.suffix == ".py"]
    return True if marks and all(found & left_out for found in marks) else None


def absent(reason: str) -> None:
    """Fail in CI, where everything must be there; skip with the reason elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photographs, clips and weights that lies beside the checkout."""
    path = Path(os.environ.get("STREETWARD_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        absent(f"needs the shared data folder, looked for {path}")
    return path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real redis-server from Debian, for this session alone, on a Unix socket."""
    server = shutil.which("redis-server")
    if server is None:
        absent("needs Debian's redis-server: apt-get install redis-server")
    assert server is not None
    folder = tmp_path_factory.mktemp("redis")
    path = Path(tempfile.mkdtemp(prefix="sw-")) / "redis.sock"
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--appendonly", "yes", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    until_s = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until_s, "redis-server did not come up"
        time.sleep(0.02)
    yield f"unix://{path}"
    process.terminate()
    process.wait(60)
    shutil.rmtree(path.parent)
