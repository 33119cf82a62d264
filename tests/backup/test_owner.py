"""Who may read what root restored."""

import os
from pathlib import Path

import pytest

from tests.backup.test_backup import centre, live_in
from vision.backup.archive import Archive
from vision.backup.owner import give_to_folders_owner, made_for_the_service
from vision.backup.run import back_up, restore, restored_folders
from vision.config.schema import load
from vision.testing import ManualClock

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
_NOBODY = 65534


def owner(path: Path) -> tuple[int, int]:
    told = path.lstat()
    return told.st_uid, told.st_gid


def test_what_root_restores_is_the_services_own(tmp_path: Path) -> None:
    os.chown(tmp_path, _NOBODY, _NOBODY)
    key = tmp_path / "links.key"
    key.write_bytes(b"secret")
    give_to_folders_owner(key)
    assert owner(key) == (_NOBODY, _NOBODY)


@pytest.mark.parametrize("data_is_there", [False, True])
def test_all_that_a_restore_makes_is_the_services_own(
    tmp_path: Path, clock: ManualClock, *, data_is_there: bool
) -> None:
    more = "detection: {{model: {}/models/best.onnx}}\n"
    old = centre(tmp_path / "old", more=more.format(tmp_path / "old"))
    new = centre(tmp_path / "new", more=more.format(tmp_path / "new"))
    (tmp_path / "old" / "models").mkdir()
    (tmp_path / "old" / "models" / "best.onnx").write_bytes(b"weights")
    live_in(load(old), clock)
    back_up(load(old), old, tmp_path / "a.tar", clock, blobs=True)
    city = load(new)
    if data_is_there:
        city.data.mkdir()
        os.chown(city.data, _NOBODY, _NOBODY)
    os.chown(tmp_path / "new", _NOBODY, _NOBODY)
    (tmp_path / "new" / "roots.txt").write_text("not restored")
    for replace in (False, True):
        with made_for_the_service(restored_folders(city)):
            restore(Archive(tmp_path / "a.tar"), city, replace=replace)
        made = [*city.data.rglob("*"), *(tmp_path / "new" / "models").rglob("*")]
        assert {"hub.db", "links.key", "evidence", "1.jpg", "best.onnx"} <= {path.name for path in made}
        folders = [city.data, tmp_path / "new" / "models"]
        assert {path for path in made + folders if owner(path) != (_NOBODY, _NOBODY)} == set()
        os.chown(city.data / "hub.db", 0, 0)  # as an earlier version left it: --replace puts that right too
    assert {owner(tmp_path / "new" / name) for name in ("roots.txt", "city.yaml")} == {(0, 0)}
    assert owner(tmp_path)[0] == 0
