"""Databases out of and into one file: SQLite by its online backup, PostgreSQL by pg_dump and pg_restore."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, inspect, text
from sqlalchemy.exc import DBAPIError

from vision.core.errors import NotThereError, StorageError
from vision.core.registry import redact_url
from vision.storage.database import Database

_LIBPQ = {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "target_session_attrs"}


def dump(database: Database, to: Path) -> None:
    """A consistent copy while the hub goes on writing.

    Raises:
        NotThereError: pg_dump is not installed.
        StorageError: the database is away, or the disk full.
    """
    if database.is_sqlite:
        _copy(Path(str(database.url.database)), to)
    else:
        _postgres(database.url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={to}")


def load(database: Database, file: Path, *, replace: bool) -> None:
    """Put a dump in the place of what is there; the caller has made sure that nothing is, or that it may go.

    Raises:
        NotThereError: pg_restore is not installed.
        StorageError: the dump is damaged, or the database cannot be written.
    """
    if database.is_sqlite:
        _check(file)
        database.close()
        target = Path(str(database.url.database))
        target.parent.mkdir(parents=True, exist_ok=True)
        for name in ("-wal", "-shm"):
            target.with_name(target.name + name).unlink(missing_ok=True)
        _copy(file, target)
        return
    if replace:
        _drop_tables(database)
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _postgres(database.url, "pg_restore", *options, f"--dbname={database.url.database}", str(file))


def is_empty(database: Database) -> bool:
    """Whether it has no table; raises StorageError when it cannot be reached."""
    if database.is_sqlite and not Path(str(database.url.database)).exists():
        return True
    with database.reading() as session:
        return not inspect(session.connection()).get_table_names()


def revision(database: Database) -> str:
    """Alembic's revision of the schema; raises StorageError when there is none: not a database of ours."""
    try:
        with database.reading() as session:
            return str(session.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    except DBAPIError as error:
        raise StorageError(f"database {redact_url(str(database.url))}: it was never used by a hub") from error


def _drop_tables(database: Database) -> None:
    """All of them, whichever version made them: what the archive does not have must not stay."""
    with database.transaction() as session:
        connection = session.connection()
        quote = connection.dialect.identifier_preparer.quote
        for table in inspect(connection).get_table_names():
            session.execute(text(f"DROP TABLE IF EXISTS {quote(table)} CASCADE"))


def _copy(source: Path, to: Path) -> None:
    if not source.exists():
        raise NotThereError(f"there is no database {source}")
    try:
        with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(to)) as writer:
            reader.backup(writer)  # in one step: in WAL mode it keeps no writer waiting, and no write begins it again
    except sqlite3.Error as error:
        raise StorageError(f"database {source}: {error}") from error


def _check(file: Path) -> None:
    try:
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        raise StorageError(f"the archive's database: {error}") from error
    if found != "ok":
        raise StorageError(f"the archive's database: {found}")


def _postgres(url: URL, program: str, *arguments: str) -> None:
    """The password travels in the environment: a command line is there for all to see."""
    values = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port or url.query.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        **{f"PG{key.upper()}": value for key, value in url.query.items() if key in _LIBPQ},
    }
    environment = {**os.environ, **{key: str(value) for key, value in values.items() if value}}  # noqa: TID251 - handed on
    try:
        done = subprocess.run(
            [program, "--no-password", *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise NotThereError(f"{program} is not installed: apt-get install postgresql-client") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise StorageError(f"database {redact_url(str(url))}: {last}")
