import tarfile
from pathlib import Path

import pytest

from vision.backup.archive import Archive, Manifest, writing
from vision.core.errors import BackupError, NotThereError


def make(path: Path, *, blobs: bool = False) -> Path:
    with writing(path) as archive:
        archive.add_bytes("config/city.yaml", b"name: x\n")
        archive.add_bytes("evidence/blobs/a/b.jpg", b"\xff\xd8" * 700)
        archive.finish(
            Manifest("0.1", "2026-01-01T00:00:00+00:00", "x", "sqlite", "0001", "file:///e", blobs, archive.members)
        )
    return path


def again(path: Path, to: Path, *, change: str = "", add: str = "") -> Path:
    """The same archive with one member's first byte turned, or one member more: a well-formed tar still."""
    with tarfile.open(path) as old, tarfile.open(to, "w") as new:
        for info in old:
            stream = old.extractfile(info)
            assert stream is not None
            data = bytearray(stream.read())
            if info.name == change:
                data[0] ^= 1
            import io

            new.addfile(info, io.BytesIO(bytes(data)))
        if add:
            new.addfile(tarfile.TarInfo(add), None)
    return to


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    archive = Archive(make(tmp_path / "a.tar"))
    assert archive.manifest.city == "x"
    assert archive.names("evidence/") == ["evidence/blobs/a/b.jpg"]
    assert list(archive.each("evidence/blobs/")) == [("a/b.jpg", b"\xff\xd8" * 700)]
    archive.extract("config/city.yaml", tmp_path / "city.yaml")
    assert (tmp_path / "city.yaml").read_bytes() == b"name: x\n"
    assert (tmp_path / "a.tar").stat().st_mode & 0o777 == 0o600  # it holds a signing key


def test_an_archive_cut_off_anywhere_is_refused_in_one_sentence(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.tar").read_bytes()
    end = whole.rindex(b'"members"')  # within the manifest
    for cut in [0, 100, 512, 513, 1500, 2000, 3000, end]:
        torn = tmp_path / f"{cut}.tar"
        torn.write_bytes(whole[:cut])
        with pytest.raises(BackupError) as told:
            Archive(torn)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["config/city.yaml", "evidence/blobs/a/b.jpg"])
def test_an_altered_member_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match=f"{name} was altered"):
        Archive(again(make(tmp_path / "a.tar"), tmp_path / "b.tar", change=name))


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/passwd", "data/extra"])
def test_a_member_too_many_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match=r"no business|not in the manifest"):
        Archive(again(make(tmp_path / "a.tar"), tmp_path / "b.tar", add=name))


def test_a_link_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        link = tarfile.TarInfo("data/links.key")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        tar.addfile(link)
    with pytest.raises(BackupError, match="no business"):
        Archive(tmp_path / "a.tar")


def test_nothing_is_written_over_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    make(tmp_path / "a.tar")
    with pytest.raises(NotThereError, match="never written over"):
        make(tmp_path / "a.tar")
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "b.tar") as archive:
        archive.add_bytes("x", b"y")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_two_backups_at_once_do_not_share_a_file(tmp_path: Path) -> None:
    with writing(tmp_path / "a.tar") as first:
        with pytest.raises(NotThereError, match="another backup"):
            make(tmp_path / "a.tar")
        first.add_bytes("x", b"y")
    assert (tmp_path / "a.tar").exists()
