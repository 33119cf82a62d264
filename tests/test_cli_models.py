import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from tests.detectors.networks import save_colour_checkpoint, save_colour_onnx
from tests.detectors.test_catalogue import catalogue_of
from tests.detectors.test_download import CONTENT, DIGEST, Server
from vision.cli_models import app
from vision.core.errors import ConfigError, ModelFileError, NotThereError
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


@pytest.fixture
def shelf() -> Iterator[Server]:
    """A server that has one file, at /model.bin."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def wanted_from(folder: Path, url: str, digest: str = DIGEST) -> Path:
    """A models.yaml whose one model is one file, to be had at `url`."""
    entry = {
        "version": "1",
        "licence": "our own",
        "input_px": [64, 64],
        "backends": {"onnx": "ours/ours.onnx"},
        "files": {"ours/ours.onnx": {"sha256": digest, "bytes": len(CONTENT), "url": url}},
    }
    file = folder / "models.yaml"
    file.write_text(yaml.safe_dump({"default": "ours", "models": {"ours": entry}}), encoding="utf-8")
    return file


def test_a_pull_that_breaks_off_goes_on_from_there(tmp_path: Path, shelf: Server) -> None:
    file = wanted_from(tmp_path, f"{shelf.url}/model.bin")
    shelf.give = 1000
    with pytest.raises(NotThereError, match=r"broke off at 3000 of 1024000 bytes.*pull again and it goes on"):
        vision_models("pull", "--catalogue", file)
    assert not (tmp_path / "ours" / "ours.onnx").exists()
    shelf.give = len(CONTENT)
    assert "1 files fetched" in vision_models("pull", "--catalogue", file)
    assert shelf.asked[-1] == "bytes=3000-"
    assert (tmp_path / "ours" / "ours.onnx").read_bytes() == CONTENT


def test_a_pull_of_another_file_than_meant_leaves_what_was_there(tmp_path: Path, shelf: Server) -> None:
    file = wanted_from(tmp_path, f"{shelf.url}/model.bin", digest="0" * 64)
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ours.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelFileError, match=r"/model\.bin: gave another file than expected, its sha256 is"):
        vision_models("pull", "--catalogue", file)
    assert {one.name: one.read_bytes() for one in (tmp_path / "ours").iterdir()} == {"ours.onnx": b"damaged"}


def test_a_pull_of_what_the_server_does_not_have_is_told(tmp_path: Path, shelf: Server) -> None:
    with pytest.raises(NotThereError, match=r"/moved: the server answers 404"):
        vision_models("pull", "--catalogue", wanted_from(tmp_path, f"{shelf.url}/moved"))


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(save_colour_onnx, id="onnx"),
        pytest.param(save_colour_checkpoint, marks=pytest.mark.slow, id="pt"),
    ],
)
def test_a_model_of_ones_own_is_used_by_its_name_with_its_classes_mapped(
    tmp_path: Path, save: Callable[[Path], Path]
) -> None:
    made = save(tmp_path / "ours")
    kind = "onnx" if made.suffix == ".onnx" else "ultralytics"
    entry = {
        "version": "3",
        "licence": "our own",
        "input_px": [64, 64],
        "backends": {kind: f"ours/{made.name}"},
        "classes": {"red": "garbage", "blue": "garbage", "green": "bicycle"},
        "decoding": {"score": 0.1},
    }
    file = tmp_path / "models.yaml"
    file.write_text(yaml.safe_dump({"default": "ours", "models": {"ours": entry}}), encoding="utf-8")
    assert "ours 3 (default)" in vision_models("list", "--catalogue", file)
    detector = open_detector("ours", device="cpu", catalogue_file=file)
    pictures = [np.full((64, 64, 3), colour, np.uint8) for colour in ((0, 0, 200), (200, 0, 0), (0, 200, 0))]
    seen = [[one.class_name(row) for row in range(len(one))] for one in detector.detect(pictures)]
    detector.close()
    assert (detector.names, seen) == (("garbage", "bicycle"), [["garbage"], ["garbage"], ["bicycle"]])
    wrong = {**entry, "classes": {"purple": "garbage"}}
    file.write_text(yaml.safe_dump({"default": "ours", "models": {"ours": wrong}}), encoding="utf-8")
    with pytest.raises(ModelFileError, match=rf"{made.name}: the class map names purple, but the model has blue"):
        open_detector("ours", device="cpu", catalogue_file=file)


def test_an_unknown_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model 'nothing'"):
        vision_models("verify", "nothing", "--catalogue", catalogue_of(tmp_path))


@pytest.mark.slow
def test_a_size_that_no_network_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="multiples of 32"):
        vision_models("export", save_colour_checkpoint(tmp_path), tmp_path / "out", "--size", "640x500")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["openvino", "onnx"])
def test_an_exported_model_opens(tmp_path: Path, to: str) -> None:
    printed = vision_models("export", save_colour_checkpoint(tmp_path), tmp_path / "out", "--to", to, "--size", "64x64")
    detector = open_detector(printed.splitlines()[-1], device="cpu")
    assert detector.names == ("red", "green", "blue")
    detector.close()
