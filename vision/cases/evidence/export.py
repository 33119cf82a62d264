"""Exports an incident's evidence as a ZIP: originals as they are, manifest, chain, printed page, blurred copies."""

import json
import zipfile
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from vision.cases.evidence.blur import Regions, blurred
from vision.cases.evidence.manifest import Sealed
from vision.cases.evidence.pdf import printed
from vision.cases.evidence.sealing import Sealer, chain
from vision.cases.evidence.verify import CHAIN, MANIFEST
from vision.core.errors import NotThereError
from vision.core.ports import BlobStore
from vision.storage.database import Database

_PICTURES = frozenset({"image/jpeg", "image/png"})


@dataclass(frozen=True, slots=True)
class Exported:
    """A package, and what is missing from it (files removed after their retention)."""

    name: str
    data: bytes
    sealed: Sealed
    missing: tuple[str, ...]


class Exporter:
    """Makes packages. `regions` finds what has to be blurred; without it, published pictures are blurred whole."""

    def __init__(self, database: Database, blobs: BlobStore, sealer: Sealer, regions: Regions | None = None) -> None:
        self._database = database
        self._blobs = blobs
        self._sealer = sealer
        self._regions = regions

    def export(self, incident_id: str, *, publish: bool = False) -> Exported:
        """Seal and pack an incident. With `publish`, blurred copies only: no original leaves.

        Raises:
            NotThereError: there is no such incident.
            StorageError: the record or the evidence store cannot be used.
        """
        sealed = self._sealer.seal(incident_id)
        files, missing = self._files(sealed)
        pictures = {
            name: blurred(data, self._regions) if publish else data
            for name, data in files.items()
            if _entry(sealed, name)["media_type"] in _PICTURES
        }
        packed: dict[str, bytes] = {"made/case.pdf": printed(sealed, pictures, published=publish)}
        if publish:
            packed |= {f"made/blurred/{PurePosixPath(name).name}": data for name, data in pictures.items()}
        else:
            with self._database.reading() as session:
                links = [[one.seq, one.previous, one.sha256] for one in chain(session, until=sealed.seq)]
            packed |= files
            packed[MANIFEST] = sealed.body.encode()
            packed[CHAIN] = json.dumps(links).encode()
        at = datetime.fromisoformat(sealed.document["sealed_at"])
        kind = "public" if publish else "evidence"
        return Exported(f"{kind}-{sealed.seq:06d}-{incident_id}.zip", _zip(packed, at), sealed, tuple(missing))

    def pdf(self, incident_id: str) -> bytes:
        """The printed page alone; raises as `export` does."""
        sealed = self._sealer.seal(incident_id)
        files, _missing = self._files(sealed)
        return printed(sealed, {n: d for n, d in files.items() if _entry(sealed, n)["media_type"] in _PICTURES})

    def _files(self, sealed: Sealed) -> tuple[dict[str, bytes], list[str]]:
        files: dict[str, bytes] = {}
        missing = []
        for entry in sealed.document["files"]:
            try:
                files[entry["name"]] = self._blobs.get(entry["key"])
            except NotThereError:
                missing.append(entry["name"])
        return files, missing


def _entry(sealed: Sealed, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in sealed.document["files"] if entry["name"] == name)
    return found


def _zip(contents: dict[str, bytes], at: datetime) -> bytes:
    """The same contents make the same bytes: times are the sealing's."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
            info.external_attr = 0o644 << 16
            archive.writestr(info, contents[name])
    return buffer.getvalue()
