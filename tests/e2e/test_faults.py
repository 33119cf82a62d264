"""Wrong configuration, taken ports, missing models and full disks: one clear sentence, the right code, nothing lost."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, absent
from tests.pipeline.streets import finding
from vision.core.errors import StorageError
from vision.core.findings import FindingState
from vision.core.registry import Camera
from vision.hub.incidents import IncidentService
from vision.hub.surroundings import CitySurroundings
from vision.processes import DataLock
from vision.storage.database import Database
from vision.testing import ManualClock


def up(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "city.yaml").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "vision", "up", "--config", str(tmp_path / "city.yaml")],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.mark.slow
def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up(tmp_path, f"server: {{port: {port}}}\n")
    assert done.returncode == 3
    assert done.stderr == (
        f"vision: port {port} on 127.0.0.1 cannot be listened on: Address already in use; set server.port to another\n"
    )


@pytest.mark.slow
def test_a_missing_model_is_one_sentence(tmp_path: Path) -> None:
    done = up(tmp_path, "server: {port: 0}\ndetection: {model: models/none.xml}\n")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "none.xml" in done.stderr


@pytest.mark.slow
def test_a_data_folder_has_one_hub(tmp_path: Path) -> None:
    lock = DataLock(tmp_path / "data")
    lock.take()
    done = up(tmp_path, "server: {port: 0}\ndata: data\n")
    lock.release()
    assert done.returncode == 3
    assert done.stderr == f"vision: data folder {tmp_path / 'data'} is in use by another running hub\n"


@pytest.mark.slow
def test_a_redis_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    done = up(tmp_path, "server: {port: 0}\nredis: redis://:hunter2@127.0.0.1:1/0\ndata: data\n")
    assert done.returncode == 3
    assert "hunter2" not in done.stderr + done.stdout
    assert done.stderr.splitlines()[-1].startswith("vision: Redis redis://***@127.0.0.1:1/0: ")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if done.returncode != 0:
        absent(f"cannot mount a small file system: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_no_finding(small_disk: Path, clock: ManualClock) -> None:
    database = Database(f"sqlite:///{small_disk}/hub.db")
    database.migrate()
    around = CitySurroundings(list[Camera])
    around.refresh()
    service = IncidentService(database, clock, around)
    ballast = small_disk / "ballast"
    sink = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(sink, b"\0" * 4096)
    os.close(sink)
    looks = [finding(FindingState.PRESENT, at_s, count=40) for at_s in range(10, 60, 10)]
    with pytest.raises(StorageError, match="full"):
        for look in looks * 40:
            service.take([look])
    ballast.unlink()
    service.take(looks)
    assert service.watched() == 1
    database.close()
