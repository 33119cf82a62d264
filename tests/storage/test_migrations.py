"""Every way to the newest schema: from nothing and from the first release with data in it, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Column, MetaData, Table, func, inspect, select

from tests.conftest import absent
from tests.servers import postgresql
from vision.storage.database import Database
from vision.storage.tables import Base

_AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not postgresql.available():
        absent("needs Debian's postgresql")
    with postgresql.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/hub.db")
    else:
        database = Database(request.getfixturevalue("server"))
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    yield database
    database.close()


def value(column: Column[Any], *, sqlite: bool) -> Any:
    """Something that the column takes."""
    if isinstance(column.type, JSON):
        return {}
    kind = column.type.python_type
    if kind is str:
        return "x"
    if kind is datetime:
        return _AT.replace(tzinfo=None) if sqlite else _AT
    return {int: 1, float: 1.0, bool: True, bytes: b"x"}[kind]


def fill(database: Database) -> dict[str, int]:
    """One row in every table; how many each has."""
    found = MetaData()
    with database.engine.begin() as connection:
        found.reflect(connection)
        for table in found.sorted_tables:
            if table.name != "alembic_version":
                row = {column.name: value(column, sqlite=database.is_sqlite) for column in table.columns}
                connection.execute(table.insert().values(row))
    return counts(database, found.sorted_tables)


def counts(database: Database, tables: list[Table]) -> dict[str, int]:
    with database.engine.connect() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_from_nothing_the_schema_is_the_tables(empty: Database) -> None:
    empty.migrate()
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []


def test_from_the_first_release_every_row_comes_along(empty: Database) -> None:
    empty.migrate("0001")
    before = fill(empty)
    assert len(before) > 15
    empty.migrate()
    names = set(inspect(empty.engine).get_table_names())
    assert set(Base.metadata.tables) <= names
    old = MetaData()
    old.reflect(empty.engine, only=[name for name in before if name in names])
    assert counts(empty, old.sorted_tables) == before
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
