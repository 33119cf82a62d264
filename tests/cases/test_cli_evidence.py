from pathlib import Path

from typer.testing import CliRunner

from tests.cases.conftest import Outbox
from tests.databases import new_database
from vision.cli_evidence import app
from vision.testing import ManualClock


def city(tmp_path: Path) -> Path:
    path = tmp_path / "city.yaml"
    path.write_text(f"data: {tmp_path / 'data'}\n", encoding="utf-8")
    database = new_database(tmp_path / "data" / "hub.db")
    Outbox(database, ManualClock()).incident("inc-1")
    database.close()
    return path


def test_export_then_verify(tmp_path: Path) -> None:
    config, out = city(tmp_path), tmp_path / "out"
    made = CliRunner().invoke(app, ["export", "inc-1", "--config", str(config), "--out", str(out)])
    assert made.exit_code == 0, made.output
    (package,) = out.glob("*.zip")
    checked = CliRunner().invoke(app, ["verify", str(package), "--config", str(config)])
    assert checked.exit_code == 0, checked.output
    assert "2 manifests, 0 files: nothing missing, nothing altered" in checked.output


def test_a_broken_package_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(b"no")
    checked = CliRunner().invoke(app, ["verify", str(tmp_path / "p.zip"), "--json"])
    assert checked.exit_code == 1
    assert '"problems": ["p.zip: cannot be read' in checked.output


def test_the_printed_page_alone(tmp_path: Path) -> None:
    config = city(tmp_path)
    made = CliRunner().invoke(app, ["export", "inc-1", "-c", str(config), "-o", str(tmp_path), "--pdf"])
    assert made.exit_code == 0, made.output
    assert (tmp_path / "inc-1.pdf").read_bytes().startswith(b"%PDF")
