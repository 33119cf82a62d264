"""The registry in the database: read whole, changed one thing at a time, every change with a version and a name."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from vision.config.registry import CameraConfig, SpeakerConfig
from vision.core.clock import Clock
from vision.core.errors import NotThereError
from vision.core.registry import Camera, Speaker
from vision.storage.database import Database
from vision.storage.tables import RegistryRow

Document = dict[str, Any]
_ONE_CHANGE = 5_318_009  # advisory lock (PostgreSQL)


class Registry:
    """Cameras and speakers as checked models; shops, grids and the rest as documents by kind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def cameras(self) -> dict[str, Camera]:
        return {key: CameraConfig.model_validate(doc).to_core(key) for key, doc in self.documents("camera").items()}

    def camera(self, camera_id: str) -> Camera:
        """Raises NotThereError."""
        return CameraConfig.model_validate(self.document("camera", camera_id)).to_core(camera_id)

    def speakers(self) -> dict[str, Speaker]:
        return {key: SpeakerConfig.model_validate(doc).to_core(key) for key, doc in self.documents("speaker").items()}

    def documents(self, kind: str) -> dict[str, Document]:
        with self._database.reading() as session:
            rows = session.scalars(
                select(RegistryRow).where(RegistryRow.kind == kind, ~RegistryRow.deleted).order_by(RegistryRow.id)
            )
            return {row.id: row.document for row in rows}

    def document(self, kind: str, key: str) -> Document:
        """Raises NotThereError."""
        with self._database.reading() as session:
            row = session.get(RegistryRow, (kind, key))
            if row is None or row.deleted:
                raise NotThereError(f"there is no {kind} {key}")
            return row.document

    def put(self, kind: str, key: str, document: Document, *, by: str) -> bool:
        """Add or change one thing; False when it was the same already."""
        with self._database.transaction() as session:
            return self._put(session, kind, key, document, by)

    def remove(self, kind: str, key: str, *, by: str) -> None:
        """Take it out; its row stays, so that old incidents still know its name. Raises NotThereError."""
        with self._database.transaction() as session:
            row = session.get(RegistryRow, (kind, key))
            if row is None or row.deleted:
                raise NotThereError(f"there is no {kind} {key}")
            row.deleted, row.version = True, self._next_version(session)
            row.updated_at, row.updated_by = self._clock.now(), by

    def adopt(self, kind: str, documents: Mapping[str, Document]) -> int:
        """Bring in a configuration file: what it names is added or changed, and what came from a file before and is
        no longer named goes; what people made in the console stays. Returns how many things changed.

        A thing that an operator changed in the console keeps that change until the file itself changes.
        """
        changed = 0
        with self._database.transaction() as session:
            # A city's thousands are read at once and numbered here: asking for each would take minutes.
            version = self._next_version(session)
            origins, known = (_rows(session, name) for name in ("file:" + kind, kind))
            for key, document in documents.items():
                origin = origins.get(key)
                if origin is not None and not origin.deleted and origin.document == document:
                    continue
                self._write(session, origins, ("file:" + kind, key), document, version)
                row = known.get(key)
                if row is None or row.deleted or row.document != document:
                    self._write(session, known, (kind, key), document, version + 1)
                    changed += 1
                version += 2
            session.flush()
            for origin in origins.values():
                if not origin.deleted and origin.id not in documents:
                    changed += self._drop(session, kind, origin)
        return changed

    def _write(
        self, session: Session, rows: dict[str, RegistryRow], key: tuple[str, str], document: Document, version: int
    ) -> None:
        row = rows.get(key[1])
        if row is None:
            row = rows[key[1]] = RegistryRow(kind=key[0], id=key[1])
            session.add(row)
        row.document, row.deleted, row.version = document, False, version
        row.updated_at, row.updated_by = self._clock.now(), "config"

    def version(self) -> int:
        """Grows with every change of anything."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(RegistryRow.version))) or 0

    def _put(self, session: Session, kind: str, key: str, document: Document, by: str) -> bool:
        row = session.get(RegistryRow, (kind, key))
        if row is not None and not row.deleted and row.document == document:
            return False
        version = self._next_version(session)
        session.merge(
            RegistryRow(
                kind=kind,
                id=key,
                document=document,
                deleted=False,
                version=version,
                updated_at=self._clock.now(),
                updated_by=by,
            )
        )
        session.flush()
        return True

    def _drop(self, session: Session, kind: str, origin: RegistryRow) -> int:
        origin.deleted = True
        row = session.get(RegistryRow, (kind, origin.id))
        if row is None or row.deleted:
            return 0
        row.deleted, row.version = True, self._next_version(session)
        row.updated_at, row.updated_by = self._clock.now(), "config"
        session.flush()
        return 1

    @staticmethod
    def _next_version(session: Session) -> int:
        if session.get_bind().dialect.name == "postgresql":  # two hubs must not give two changes one number
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_CHANGE})
        return (session.scalar(select(func.max(RegistryRow.version))) or 0) + 1


def _rows(session: Session, kind: str) -> dict[str, RegistryRow]:
    """All of a kind, those taken out included."""
    return {row.id: row for row in session.scalars(select(RegistryRow).where(RegistryRow.kind == kind))}
