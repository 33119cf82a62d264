from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from vision.core.errors import StorageError
from vision.storage.database import Database
from vision.storage.tables import AuditEntry, Base


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path}/hub.db")
    database.migrate()
    return database


def test_migrations_make_every_table(database: Database) -> None:
    from sqlalchemy import inspect

    assert set(Base.metadata.tables) <= set(inspect(database.engine).get_table_names())


def test_times_come_back_aware(database: Database) -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with database.transaction() as session:
        session.add(AuditEntry(at=at, actor="operator:li", action="looked"))
    with database.transaction() as session:
        assert session.scalars(select(AuditEntry)).one().at == at


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with pytest.raises(RuntimeError), database.transaction() as session:
        session.add(AuditEntry(at=at, actor="operator:li", action="looked"))
        raise RuntimeError
    with database.transaction() as session:
        assert session.scalars(select(AuditEntry)).all() == []


def test_a_database_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "hub.db").mkdir()
    with pytest.raises(StorageError, match="unable to open"):
        Database(f"sqlite:///{tmp_path}/hub.db").migrate()


def test_migrations_and_tables_say_the_same(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
