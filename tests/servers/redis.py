"""A private Redis on a port of its own, that can be killed and started again on what it had written."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.ports import free_port

_UP_LIMIT_S = 60.0


def available() -> bool:
    """Whether Debian's redis-server is installed."""
    return shutil.which("redis-server") is not None


class RedisServer:
    """One server; the same port over restarts."""

    def __init__(self, folder: Path, *, aof: bool = True, hosts: Sequence[str] = ("127.0.0.1",)) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._aof, self._hosts = folder, aof, tuple(hosts)
        self.port = free_port(self._hosts[0])
        self.url = f"redis://{self._hosts[0]}:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Raises RuntimeError when it does not come up."""
        options = ["--bind", *self._hosts, "--protected-mode", "no", "--port", str(self.port), "--save", ""]
        options += ["--dir", str(self._folder), "--appendonly", "yes" if self._aof else "no"]
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(["redis-server", *options], stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + _UP_LIMIT_S
        while time.monotonic() < until:
            try:
                with socket.create_connection((self._hosts[0], self.port), timeout=1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"redis-server did not come up: {(self._folder / 'log').read_text()[-300:]}")

    def kill(self) -> None:
        """As a power cut would end the process."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
