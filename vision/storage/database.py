"""The database: one engine, its pragmas, migrations and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from vision.core.errors import StorageError
from vision.core.registry import redact_url

_MIGRATIONS = Path(__file__).parent / "migrations"
_CUT_OFF = {
    # A server behind a cut cable is given up after seconds, not after the quarter of an hour that TCP would wait; and
    # it gives up a hub behind one, whose row locks would otherwise stand in everybody's way.
    "connect_timeout": 4,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 6000,
    "options": "-c tcp_user_timeout=6000 -c idle_in_transaction_session_timeout=15000",
}
_ONE_MIGRATION = 5_318_010  # advisory lock
_OUTAGES = (
    "08",  # connection
    "25P03",  # given up by the server while it waited for us
    "40001",  # could not serialize
    "40P01",  # deadlock: the other one went first
    "53",  # disk full, out of memory, too many connections
    "57P",  # shutting down, crashed, starting up
    "58",  # the server's own files
)
"""SQLSTATE classes that pass: the same again later may do (PostgreSQL, appendix A)."""


class Database:
    """SQLite in WAL mode by default, PostgreSQL by URL."""

    def __init__(self, url: str) -> None:
        """`url`: SQLAlchemy form, e.g. `sqlite:////var/lib/streetward/hub.db` or `postgresql+psycopg://…`."""
        self.url = make_url(url)
        if self.url.get_backend_name() == "sqlite" and self.url.database not in {None, "", ":memory:"}:
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)
        arguments = {} if self.is_sqlite else dict(_CUT_OFF)
        self.engine: Engine = create_engine(self.url, pool_pre_ping=True, connect_args=arguments)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _pragmas)
            event.listen(self.engine, "begin", _begin)
        self._writers = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(self.engine.execution_options(reads=True), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """All or nothing.

        Raises:
            StorageError: the database is away, locked for too long, or its disk is full.
        """
        with self._telling_outages(), self._writers.begin() as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent look that never waits for a writer; raises StorageError as `transaction` does."""
        with self._telling_outages(), self._readers() as session:
            yield session

    @contextmanager
    def _telling_outages(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if not error.connection_invalidated and not _is_outage(error):
                raise
            raise StorageError(f"database {redact_url(str(self.url))}: {error.orig}") from error

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to `revision`.

        Raises:
            StorageError: the database cannot be opened or written.
        """
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        try:
            with self.engine.begin() as connection:
                if not self.is_sqlite:  # hubs that start together take turns
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_MIGRATION})")
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
        except DBAPIError as error:
            raise StorageError(f"database {redact_url(str(self.url))}: {error.orig}") from error

    @staticmethod
    def revisions() -> set[str]:
        """Every revision of the schema that this version can bring up to date."""
        return {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}

    def close(self) -> None:
        self.engine.dispose()


def _pragmas(connection: Any, _record: Any) -> None:
    # The driver must not open transactions on its own: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    # A writer takes the write lock up front: one that reads first and writes later would fail with "database is
    # locked" when another got in between, however long its busy_timeout.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _is_outage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_OUTAGES)
    text = str(error.orig).lower()
    return any(word in text for word in ("disk is full", "disk i/o", "locked", "unable to open", "readonly", "connect"))
