"""Migrated SQLite databases: the migrations run once a process, every test gets a copy of what they made."""

import tempfile
from functools import cache
from pathlib import Path

from vision.storage.database import Database


def new_database(file: Path) -> Database:
    """The newest schema, empty, in a new file; `storage/test_migrations.py` tests the way there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_migrated())
    return Database(f"sqlite:///{file}")


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hub.db"
        database = Database(f"sqlite:///{file}")
        database.migrate()
        database.close()  # the last connection takes the log into the file
        return file.read_bytes()
