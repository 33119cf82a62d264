"""A centre is put away and brought back elsewhere, on SQLite and on PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.conftest import absent
from tests.servers import postgresql
from tests.test_cli import vision
from vision.backup.archive import Archive
from vision.backup.run import back_up, restore
from vision.config.schema import CityConfig, load
from vision.core.errors import BackupError, NotThereError
from vision.storage.blobs import ObjectBlobs
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.testing import ManualClock

CITY = "name: Testbach\ndata: {data}\n{more}cameras:\n  gate: {{url: 'rtsp://192.0.2.1/1'}}\n"


def centre(folder: Path, database: str = "", more: str = "") -> Path:
    """A configuration file with its data folder beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    more += f"database: {database}\n" if database else ""
    (folder / "city.yaml").write_text(CITY.format(data=folder / "data", more=more), "utf-8")
    return folder / "city.yaml"


def live_in(city: CityConfig, clock: ManualClock) -> None:
    """What a hub leaves behind: rows, a key, evidence."""
    city.data.mkdir(parents=True, exist_ok=True)
    database = Database(city.database_url)
    database.migrate()
    Registry(database, clock).put("camera", "gate", {"url": "rtsp://192.0.2.1/1"}, by="test")
    database.close()
    (city.data / "links.key").write_text("a" * 64)
    ObjectBlobs(city.evidence_url).put("gate/1.jpg", b"\xff\xd8one", media_type="image/jpeg")
    ObjectBlobs(city.evidence_url).put("gate/2.mp4", b"two", media_type="video/mp4")


def cameras(city: CityConfig, clock: ManualClock) -> set[str]:
    database = Database(city.database_url)
    try:
        return set(Registry(database, clock).documents("camera"))
    finally:
        database.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if not postgresql.available() or shutil.which("pg_dump") is None:
        absent("needs Debian's postgresql and postgresql-client")
    with postgresql.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.server, pytest.mark.slow])])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """Two centres' configuration files, the second with nothing in it."""
    urls = ["", ""]
    if request.param == "postgresql":
        base = make_url(request.getfixturevalue("server"))
        engine = create_engine(base, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for number, name in enumerate(("old_one", "new_one")):
                connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
                connection.execute(text(f"CREATE DATABASE {name}"))
                urls[number] = base.set(database=name).render_as_string(hide_password=False)
        engine.dispose()
    return centre(tmp_path / "old", urls[0]), centre(tmp_path / "new", urls[1])


def test_everything_comes_back_elsewhere(places: tuple[Path, Path], tmp_path: Path, clock: ManualClock) -> None:
    old, new = (load(path) for path in places)
    live_in(old, clock)
    made = back_up(old, places[0], tmp_path / "a.tar", clock, blobs=True)
    assert made.evidence == 2
    archive = Archive(tmp_path / "a.tar")
    done = restore(archive, new, replace=False)
    assert (done.evidence, done.missing) == (2, 0)
    assert cameras(new, clock) == {"gate"}
    assert (new.data / "links.key").read_text() == "a" * 64
    assert ObjectBlobs(new.evidence_url).get("gate/1.jpg") == b"\xff\xd8one"
    with pytest.raises(BackupError, match=r"not empty; --replace"):
        restore(archive, new, replace=False)


def test_replace_puts_the_old_state_back(places: tuple[Path, Path], tmp_path: Path, clock: ManualClock) -> None:
    city = load(places[0])
    live_in(city, clock)
    back_up(city, places[0], tmp_path / "a.tar", clock, blobs=False)
    database = Database(city.database_url)
    Registry(database, clock).put("camera", "later", {"url": "rtsp://192.0.2.2/1"}, by="test")
    with database.transaction() as session:
        session.execute(text("CREATE TABLE of_a_newer_version (id INTEGER)"))
    database.close()
    assert cameras(city, clock) == {"gate", "later"}
    restore(Archive(tmp_path / "a.tar"), city, replace=True)
    assert cameras(city, clock) == {"gate"}


def test_without_the_files_what_the_store_lacks_is_counted(
    places: tuple[Path, Path], tmp_path: Path, clock: ManualClock
) -> None:
    old, new = (load(path) for path in places)
    live_in(old, clock)
    back_up(old, places[0], tmp_path / "a.tar", clock, blobs=False)
    ObjectBlobs(new.evidence_url).put("gate/1.jpg", b"\xff\xd8one", media_type="image/jpeg")
    done = restore(Archive(tmp_path / "a.tar"), new, replace=False)
    assert (done.evidence, done.missing) == (2, 1)


def test_models_of_ones_own_go_along(tmp_path: Path, clock: ManualClock) -> None:
    more = "detection: {{model: {}/best.onnx}}\n"
    old = centre(tmp_path / "old", more=more.format(tmp_path / "old" / "models"))
    new = centre(tmp_path / "new", more=more.format(tmp_path / "new" / "models"))
    (tmp_path / "old" / "models").mkdir()
    (tmp_path / "old" / "models" / "best.onnx").write_bytes(b"weights")
    live_in(load(old), clock)
    back_up(load(old), old, tmp_path / "a.tar", clock, blobs=False)
    restore(Archive(tmp_path / "a.tar"), load(new), replace=False)
    assert (tmp_path / "new" / "models" / "best.onnx").read_bytes() == b"weights"


def test_an_archive_of_another_kind_or_of_a_newer_version_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    old = load(centre(tmp_path / "old"))
    live_in(old, clock)
    back_up(old, tmp_path / "old" / "city.yaml", tmp_path / "a.tar", clock, blobs=False)
    archive = Archive(tmp_path / "a.tar")
    elsewhere = load(centre(tmp_path / "new", "postgresql+psycopg://u:secret@192.0.2.1/x"))
    with pytest.raises(BackupError, match="made of sqlite and cannot go into postgresql"):
        restore(archive, elsewhere, replace=False)
    database = Database(old.database_url)
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    database.close()
    back_up(old, tmp_path / "old" / "city.yaml", tmp_path / "b.tar", clock, blobs=False)
    with pytest.raises(BackupError, match="upgrade first"):
        restore(Archive(tmp_path / "b.tar"), load(centre(tmp_path / "third")), replace=False)


def test_a_centre_that_never_ran_has_nothing_to_put_away(tmp_path: Path, clock: ManualClock) -> None:
    path = centre(tmp_path / "old")
    with pytest.raises(NotThereError, match="there is no database"):
        back_up(load(path), path, tmp_path / "a.tar", clock, blobs=False)
    assert not (tmp_path / "a.tar").exists()


@pytest.mark.slow
def test_by_the_command_line_onto_an_empty_machine(tmp_path: Path, clock: ManualClock) -> None:
    old = centre(tmp_path / "old")
    live_in(load(old), clock)
    made = vision("backup", "-c", str(old), "--out", str(tmp_path / "a.tar"), "--evidence")
    assert (made.returncode, made.stderr) == (0, "")
    shutil.rmtree(tmp_path / "old")
    (tmp_path / "old").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "old", 65534, 65534)
    back = vision("restore", str(tmp_path / "a.tar"), "-c", str(tmp_path / "old" / "city.yaml"))
    assert (back.returncode, back.stderr) == (0, "")
    assert "the store lacks 0" in back.stdout
    assert cameras(load(old), clock) == {"gate"}
    assert {path.stat().st_uid for path in (tmp_path / "old").rglob("*")} == {(tmp_path / "old").stat().st_uid}
    torn = tmp_path / "torn.tar"
    torn.write_bytes((tmp_path / "a.tar").read_bytes()[:-12_000])
    refused = vision("restore", str(torn), "-c", str(old))
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
