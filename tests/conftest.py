"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest

from vision.testing import ManualClock

ROOT = Path(__file__).resolve().parent.parent


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
