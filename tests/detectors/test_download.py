import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vision.core.errors import ModelFileError, NotThereError, StorageError
from vision.detectors.download import Wanted, fetch

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; breaks off after `give` bytes of each answer; `ranges` says whether it goes on in the middle."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.give = len(CONTENT)
        self.ranges = True
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path != "/model.bin":
            self.send_error(404)
            return
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if first > len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(CONTENT) - first))
        self.end_headers()
        self.wfile.write(CONTENT[first : first + self.server.give])
        if self.server.give < len(CONTENT) - first:
            self.connection.close()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    file = tmp_path / "street-n" / "model.bin"
    fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), file, lambda done, total: told.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert [one.name for one in file.parent.iterdir()] == ["model.bin"]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_transfer_goes_on_where_it_broke_off(server: Server, tmp_path: Path) -> None:
    server.give = len(CONTENT) // 2
    fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_server_that_cannot_go_on_starts_anew(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "model.bin.part").write_bytes(CONTENT[:1000])
    fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_server_that_breaks_off_time_and_again_is_told_and_what_came_is_kept(server: Server, tmp_path: Path) -> None:
    server.give = 1000
    with pytest.raises(NotThereError, match=r"broke off at 3000 of 1024000 bytes.*goes on from there"):
        fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    server.give = len(CONTENT)
    fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [1000, len(CONTENT), len(CONTENT) + 1])
def test_the_beginning_of_another_file_is_not_gone_on_with(server: Server, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.bin.part").write_bytes(b"x" * size)
    fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert [one.name for one in tmp_path.iterdir()] == ["model.bin"]


def test_another_file_than_expected_is_refused_and_the_old_one_stays(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"old")
    with pytest.raises(ModelFileError, match="gave another file than expected"):
        fetch(Wanted(f"{server.url}/model.bin", "0" * 64, len(CONTENT)), file)
    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["model.bin"]


def test_a_larger_file_than_expected_is_cut_short(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="larger than the 1000 bytes expected"):
        fetch(Wanted(f"{server.url}/model.bin", DIGEST, 1000), tmp_path / "model.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_file_the_server_does_not_have_is_told(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"/other: the server answers 404"):
        fetch(Wanted(f"{server.url}/other", DIGEST, len(CONTENT)), tmp_path / "other")


def test_a_server_out_of_reach_is_told_without_its_password(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("://", "://me:secret@")
    server.shutdown()
    server.server_close()
    with pytest.raises(NotThereError, match="broke off at 0 of") as caught:
        fetch(Wanted(f"{url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "model.bin")
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be written"):
        fetch(Wanted(f"{server.url}/model.bin", DIGEST, len(CONTENT)), tmp_path / "models" / "model.bin")
