"""The archive: a tar of plain files and, as its last member, a manifest with the SHA-256 of each.

The manifest comes last, so an archive that was cut off anywhere has none and is refused.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from vision.core.errors import BackupError, NotThereError, StorageError, StreetwardError

FORMAT = 1
_MANIFEST = "manifest.json"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: its size and lower-case hexadecimal SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    Attributes:
        made_at: ISO 8601, UTC.
        database: `sqlite` or `postgresql`.
        revision: the schema's Alembic revision.
        evidence: the evidence store it was made of, without credentials.
        blobs: whether the evidence itself is in it, or only its index.
    """

    product: str
    made_at: str
    city: str
    database: str
    revision: str
    evidence: str
    blobs: bool
    members: Mapping[str, Member] = field(default_factory=dict)


class Writer:
    """Adds files one after the other."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, Member] = {}

    def add(self, name: str, file: Path) -> None:
        """Raises StorageError when the file cannot be read whole."""
        size, digest = file.stat().st_size, hashlib.sha256()
        with file.open("rb") as stream:
            self._tar.addfile(_info(name, size), _Hashing(stream, digest))
        self.members[name] = Member(size, digest.hexdigest())

    def add_bytes(self, name: str, data: bytes) -> None:
        self._tar.addfile(_info(name, len(data)), io.BytesIO(data))
        self.members[name] = Member(len(data), hashlib.sha256(data).hexdigest())

    def finish(self, manifest: Manifest) -> None:
        text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1, ensure_ascii=False).encode()
        self._tar.addfile(_info(_MANIFEST, len(text)), io.BytesIO(text))


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """An archive at `path`, there only once it is whole and on the disk; readable by its owner alone.

    Raises:
        NotThereError: something is at `path` already, or its folder is not there.
        StorageError: the disk is full.
    """
    if path.exists():
        raise NotThereError(f"{path} is there already, and a backup is never written over")
    partial = path.with_name(path.name + ".partial")
    try:
        with _private(partial) as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield Writer(tar)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except FileExistsError:
        raise NotThereError(f"{partial} is there: another backup is being made, or was cut off; delete it") from None
    except FileNotFoundError as error:
        raise NotThereError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise error if isinstance(error, StreetwardError) else StorageError(f"{path}: {error.strerror}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class Archive:
    """An archive that was read through once and found whole."""

    def __init__(self, path: Path) -> None:
        """Reads every byte.

        Raises:
            NotThereError: there is no such file.
            BackupError: cut off, altered, or not one of ours.
        """
        self.path = path
        seen: dict[str, Member] = {}
        text = b""
        try:
            for info, stream in self._walk():
                if info.name == _MANIFEST:
                    text = stream.read()
                else:
                    seen[info.name] = _measured(stream)
        except (tarfile.TarError, EOFError) as error:
            raise BackupError(f"{path}: not a whole archive: {error}") from error
        except OSError as error:
            raise NotThereError(f"{path}: {error.strerror}") from error
        if not text:
            raise BackupError(f"{path}: it has no manifest: it was cut off, or vision backup did not make it")
        self.manifest = _manifest(path, text)
        _compare(path, self.manifest.members, seen)

    def names(self, folder: str) -> list[str]:
        """Members below `folder`, which ends with a slash."""
        return sorted(name for name in self.manifest.members if name.startswith(folder))

    def each(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """Members below `folder` in the archive's order, without the folder's name."""
        for info, stream in self._walk():
            if info.name.startswith(folder):
                yield info.name.removeprefix(folder), stream.read()

    def extract(self, name: str, to: Path) -> None:
        """Write one member to `to`, which must not be there; readable by its owner alone."""
        for info, stream in self._walk():
            if info.name == name:
                with _private(to) as file:
                    while piece := stream.read(_PIECE):
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                return
        raise BackupError(f"{self.path}: it has no {name}")

    def _walk(self) -> Iterator[tuple[tarfile.TarInfo, Any]]:
        with tarfile.open(self.path, mode="r|") as tar:
            for info in tar:
                stream = tar.extractfile(info) if info.isfile() else None
                if stream is None or _escapes(info.name):
                    raise BackupError(f"{self.path}: {info.name} has no business in a backup")
                yield info, stream


class _Hashing:
    """Feeds what tarfile reads to a digest as well."""

    def __init__(self, stream: Any, digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._stream.read(size)
        self._digest.update(piece)
        return piece


def _private(path: Path) -> IO[bytes]:
    """A new file that only its owner can read: the archive holds a signing key."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _measured(stream: Any) -> Member:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return Member(size, digest.hexdigest())


def _escapes(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        values = json.loads(text)
        if values.pop("format") != FORMAT:
            raise BackupError(f"{path}: made by a newer version; upgrade before you restore it")
        members = {name: Member(**member) for name, member in values.pop("members").items()}
        return Manifest(**values, members=members)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError(f"{path}: its manifest cannot be read: {error}") from error


def _compare(path: Path, wanted: Mapping[str, Member], seen: Mapping[str, Member]) -> None:
    for name, member in wanted.items():
        if name not in seen:
            raise BackupError(f"{path}: {name} is missing")
        if seen[name] != member:
            raise BackupError(f"{path}: {name} was altered: its SHA-256 is not the manifest's")
    if extra := seen.keys() - wanted.keys():
        raise BackupError(f"{path}: {min(extra)} is not in the manifest")
