from pathlib import Path

import pytest
from obstore.exceptions import GenericError, NotSupportedError

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


class Plain:
    """A store without conditional writes, and away."""

    def put(self, _key: str, _data: bytes, *, mode: str = "", attributes: object = None) -> None:
        if mode == "create":
            raise NotSupportedError("no conditional writes")
        raise GenericError("connection reset")

    def head(self, _key: str) -> None:
        raise FileNotFoundError


def test_a_store_without_conditional_writes_that_is_away_is_a_storage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = ObjectBlobs("memory:///")
    monkeypatch.setattr(blobs, "_store", Plain())
    with pytest.raises(StorageError, match="connection reset"):
        blobs.put("a", b"1", media_type="image/jpeg")
