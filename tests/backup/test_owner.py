"""Who may read what root restored."""

import os
from pathlib import Path

import pytest

from vision.backup.run import give_to_folders_owner

_NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_is_the_services_own(tmp_path: Path) -> None:
    os.chown(tmp_path, _NOBODY, _NOBODY)
    key = tmp_path / "links.key"
    key.write_bytes(b"secret")
    give_to_folders_owner(key)
    assert (key.stat().st_uid, key.stat().st_gid) == (_NOBODY, _NOBODY)
