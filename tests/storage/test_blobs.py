from pathlib import Path

import pytest

from vision.core.errors import NotThereError, StorageError
from vision.storage.blobs import ObjectBlobs


def test_a_key_once_written_never_changes(tmp_path: Path) -> None:
    blobs = ObjectBlobs(f"file://{tmp_path}/evidence")
    blobs.put("2026/07/01/gate/a.jpg", b"first", media_type="image/jpeg")
    blobs.put("2026/07/01/gate/a.jpg", b"second", media_type="image/jpeg")
    assert blobs.get("2026/07/01/gate/a.jpg") == b"first"


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    blobs = ObjectBlobs(f"file://{tmp_path}/evidence")
    assert not blobs.exists("a")
    with pytest.raises(NotThereError, match="evidence a is not there"):
        blobs.get("a")
    blobs.delete("a")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        ObjectBlobs(f"file://{tmp_path}/file/evidence")
