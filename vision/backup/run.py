"""`vision backup` and `vision restore`: what goes into the archive and where it comes back to."""

import mimetypes
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from sqlalchemy import make_url

from vision import __version__
from vision.backup.archive import Archive, Manifest, Writer, writing
from vision.backup.databases import dump, is_empty, load, revision
from vision.config.schema import CityConfig
from vision.core.clock import Clock
from vision.core.errors import BackupError
from vision.core.registry import redact_url
from vision.storage.blobs import ObjectBlobs
from vision.storage.database import Database

CONFIG_MEMBER = "config/city.yaml"
_DATABASE, _KEY, _INDEX = "database/dump", "data/links.key", "evidence/index.jsonl"
_MODELS, _BLOBS = "models/", "evidence/blobs/"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was put into an archive or brought back.

    Attributes:
        evidence: evidence files in the index.
        missing: of them, how many the store does not have after a restore.
    """

    manifest: Manifest
    evidence: int
    missing: int = 0


def back_up(city: CityConfig, config_file: Path, to: Path, clock: Clock, *, blobs: bool) -> Outcome:
    """Write an archive of a running or a stopped centre.

    The database comes first and evidence is never changed once written, so every file that the copied rows speak of is
    in the index.

    Raises:
        NotThereError: `to` is there already, the database is not, or pg_dump is not installed.
        StorageError: database, evidence store or disk.
    """
    database = Database(city.database_url)
    store = ObjectBlobs(city.evidence_url)
    try:
        with writing(to) as archive, tempfile.TemporaryDirectory(dir=to.parent, prefix=".backup-") as scratch:
            copy = Path(scratch) / "dump"
            dump(database, copy)
            archive.add(_DATABASE, copy)
            archive.add(CONFIG_MEMBER, config_file)
            if (key := city.data / "links.key").exists():
                archive.add(_KEY, key)
            for name, file in _own_models(city):
                archive.add(_MODELS + name, file)
            count = _evidence(store, archive, Path(scratch), blobs=blobs)
            manifest = Manifest(
                product=__version__,
                made_at=clock.now().isoformat(),
                city=city.name,
                database=database.url.get_backend_name(),
                revision=revision(database),
                evidence=redact_url(city.evidence_url),
                blobs=blobs,
                members=archive.members,
            )
            archive.finish(manifest)
    finally:
        database.close()
    return Outcome(manifest, count)


def _evidence(store: ObjectBlobs, archive: Writer, scratch: Path, *, blobs: bool) -> int:
    index, count = scratch / "index.jsonl", 0
    with index.open("wb") as lines:
        for key, size in store.listed():
            lines.write(orjson.dumps({"key": key, "bytes": size}) + b"\n")
            count += 1
            if blobs:
                archive.add_bytes(_BLOBS + key, store.get(key))
    archive.add(_INDEX, index)
    return count


def restore(archive: Archive, city: CityConfig, *, replace: bool) -> Outcome:
    """Bring database, key, models of one's own and, where they are in it, evidence back; the hub must not run.

    Raises:
        BackupError: something is there and `replace` was not said; made of another kind of database, or by a newer
            version.
        NotThereError, StorageError: servers, disk, programs.
    """
    manifest = archive.manifest
    database = Database(city.database_url)
    store = ObjectBlobs(city.evidence_url)
    try:
        if manifest.database != (kind := database.url.get_backend_name()):
            raise BackupError(f"{archive.path}: it was made of {manifest.database} and cannot go into {kind}")
        _require_known(archive, database)
        if not replace:
            _require_empty(city, archive, database, store)
        with tempfile.TemporaryDirectory(prefix="streetward-restore-") as scratch:
            copy = Path(scratch) / "dump"
            archive.extract(_DATABASE, copy)
            load(database, copy, replace=replace)
        database.migrate()
        _key(city, archive)
        _models(city, archive)
        for key, data in archive.each(_BLOBS):
            store.put(key, data, media_type=mimetypes.guess_type(key)[0] or "application/octet-stream")
        count, missing = _compared(archive, store)
    finally:
        database.close()
    return Outcome(manifest, count, missing)


def restored_folders(city: CityConfig) -> list[Path]:
    """The folders that `restore` writes into; they need not be there."""
    folders = [city.data]
    if (database := make_url(city.database_url)).get_backend_name() == "sqlite":
        folders.append(Path(str(database.database)).parent)
    if city.evidence_url.startswith("file://"):
        folders.append(Path(city.evidence_url.removeprefix("file://")))
    models = _models_folder(city)
    return folders if models is None else [*folders, models]


def _require_known(archive: Archive, database: Database) -> None:
    if archive.manifest.revision not in database.revisions():
        raise BackupError(
            f"{archive.path}: its database is of {archive.manifest.product} (revision {archive.manifest.revision}), "
            f"newer than this version {__version__}; upgrade first"
        )


def _require_empty(city: CityConfig, archive: Archive, database: Database, store: ObjectBlobs) -> None:
    if not is_empty(database):
        raise BackupError(
            f"database {redact_url(city.database_url)} is not empty; --replace puts the archive's in its place"
        )
    if archive.names(_KEY) and (city.data / "links.key").exists():
        raise BackupError(f"{city.data / 'links.key'} is there; --replace puts the archive's in its place")
    if archive.manifest.blobs and next(store.listed(), None) is not None:
        raise BackupError(f"evidence store {redact_url(city.evidence_url)} is not empty; --replace adds to it")


def _key(city: CityConfig, archive: Archive) -> None:
    if archive.names(_KEY):
        city.data.mkdir(parents=True, exist_ok=True)
        made = city.data / "links.key.new"
        made.unlink(missing_ok=True)
        archive.extract(_KEY, made)
        made.rename(city.data / "links.key")


def _models(city: CityConfig, archive: Archive) -> None:
    """Only models of one's own are in it; a file that is there stays."""
    folder = _models_folder(city)
    for name in archive.names(_MODELS) if folder is not None else ():
        assert folder is not None
        target = folder / name.removeprefix(_MODELS)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            archive.extract(name, target)


def _compared(archive: Archive, store: ObjectBlobs) -> tuple[int, int]:
    """Evidence files in the archive's index, and how many of them the store lacks."""
    there = {key for key, _size in store.listed()}
    wanted = [orjson.loads(line)["key"] for _name, text in archive.each(_INDEX) for line in text.splitlines()]
    return len(wanted), sum(key not in there for key in wanted)


def _models_folder(city: CityConfig) -> Path | None:
    """Where models of one's own lie; None with a shipped one, which comes with the product."""
    if city.detection.catalogue is not None:
        return Path(city.detection.catalogue).parent
    model = Path(city.detection.model)
    return model.parent if len(model.parts) > 1 or model.suffix else None


def _own_models(city: CityConfig) -> Iterator[tuple[str, Path]]:
    folder = _models_folder(city)
    if folder is None:
        return
    if city.detection.catalogue is not None:
        from vision.detectors.catalogue import read_catalogue

        catalogue = Path(city.detection.catalogue)
        files = [
            catalogue,
            *(folder / name for entry in read_catalogue(catalogue).models.values() for name in entry.files),
        ]
    else:
        model = Path(city.detection.model)
        files = sorted(model.rglob("*")) if model.is_dir() else [model, *_weights(model)]
    for file in files:
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file


def _weights(model: Path) -> list[Path]:
    """OpenVINO keeps a model's weights beside its graph."""
    return [model.with_suffix(".bin")] if model.suffix == ".xml" else []
