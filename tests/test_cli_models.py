import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.detectors.networks import save_colour_checkpoint
from tests.detectors.test_catalogue import catalogue_of
from vision.cli_models import app
from vision.core.errors import ConfigError, ModelFileError
from vision.detectors.catalogue import open_detector


def vision_models(*args: str | Path) -> str:
    """What the command prints; its error is raised as the command line's top would get it."""
    result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_tells_what_is_here(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path, summary="sees colours", accuracy={"paintings/test": {"map50": 0.5}})
    printed = vision_models("list", "--catalogue", file)
    assert "colours 2.1 (default): sees colours" in printed
    assert "openvino; 64×64 px; AGPL-3.0; here" in printed
    assert "paintings/test: map50 0.500" in printed
    (tmp_path / "colours" / "colours.bin").unlink()
    assert "1 of 3 files missing" in vision_models("list", "--catalogue", file)


def test_verify_tells_every_damaged_file(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path)
    assert "every file is whole" in vision_models("verify", "--catalogue", file)
    (tmp_path / "colours" / "colours.bin").write_bytes(b"tampered")
    (tmp_path / "colours" / "colours.xml").unlink()
    with pytest.raises(ModelFileError) as caught:
        vision_models("verify", "--catalogue", file)
    assert len(str(caught.value).splitlines()) == 2


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def folder_server() -> Iterator[Callable[[Path], str]]:
    """Serves a folder over HTTP and tells its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(folder: Path) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_pull_fetches_what_is_missing_and_the_model_opens(tmp_path: Path, folder_server: Callable[[Path], str]) -> None:
    origin = catalogue_of(tmp_path / "origin")
    here = tmp_path / "here"
    here.mkdir()
    address = folder_server(origin.parent)
    document = yaml.safe_load(origin.read_text(encoding="utf-8"))
    for path, entry in document["models"]["colours"]["files"].items():
        entry["url"] = f"{address}/{path}"
    (here / "models.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    printed = vision_models("pull", "--catalogue", here / "models.yaml")
    assert "3 files fetched" in printed
    open_detector("colours", device="cpu", catalogue_file=here / "models.yaml").close()
    assert "0 files fetched" in vision_models("pull", "colours", "--catalogue", here / "models.yaml")


def test_pull_without_an_address_tells_what_is_wrong_with_the_file(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path)
    (tmp_path / "colours" / "colours.xml").unlink()
    with pytest.raises(ModelFileError, match=r"colours\.xml: this model file is not there"):
        vision_models("pull", "--catalogue", file)


def test_unknown_models_and_sizes_are_told(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path)
    with pytest.raises(ConfigError, match="no model 'nothing'"):
        vision_models("verify", "nothing", "--catalogue", file)
    with pytest.raises(ConfigError, match="multiples of 32"):
        vision_models("export", save_colour_checkpoint(tmp_path), tmp_path / "out", "--size", "640x500")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["openvino", "onnx"])
def test_an_exported_model_opens(tmp_path: Path, to: str) -> None:
    printed = vision_models("export", save_colour_checkpoint(tmp_path), tmp_path / "out", "--to", to, "--size", "64x64")
    detector = open_detector(printed.splitlines()[-1], device="cpu")
    assert detector.names == ("red", "green", "blue")
    detector.close()
