"""Child processes that a command owns: started with it, restarted when they die, gone when it goes."""

import fcntl
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import structlog

from vision.core.clock import Clock
from vision.core.errors import NotThereError
from vision.storage.valkey import die_with_parent

log = structlog.get_logger()

_KIND_S = 3.0  # between the request to end and SIGKILL: Ctrl-C has to be done within 5 s
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0  # a child that ran this long starts over with the shortest pause


class Child:
    """`python -m vision …` as a child that is restarted with growing pauses for as long as it is wanted."""

    def __init__(
        self, name: str, arguments: Sequence[str], clock: Clock, *, environment: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self.restarts = 0
        self._command = [sys.executable, "-m", *arguments]
        self._environment = environment
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._guard = threading.Thread(target=self._keep, name=f"keep-{name}", daemon=True)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._launch()
        self._guard.start()

    def ask(self) -> None:
        """Ask it to end, without waiting: several can then end side by side."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask kindly, then insist."""
        self.ask()
        process = self._process
        if process is not None:
            try:
                process.wait(_KIND_S)
            except subprocess.TimeoutExpired:
                log.warning("child_killed", child=self.name)
                process.kill()
                process.wait()

    def _launch(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us first, and we end the children in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
        )

    def _keep(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            assert self._process is not None
            began_s = self._clock.monotonic_s()
            code = self._process.wait()
            if self._stopping.is_set():
                return
            pause_s = _FIRST_PAUSE_S if self._clock.monotonic_s() - began_s > _STEADY_S else pause_s
            log.warning("child_died", child=self.name, code=code, next_start_s=pause_s)
            self._clock.sleep(pause_s, self._stopping)
            if self._stopping.is_set():
                return
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
            self.restarts += 1
            self._launch()


class DataLock:
    """One hub per data folder: a second one would file everything twice."""

    def __init__(self, data: Path) -> None:
        self._path = data / "lock"
        self._file: IO[Any] | None = None

    def take(self) -> None:
        """Raises NotThereError when another process holds it, or the folder cannot be made."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotThereError(f"data folder {self._path.parent} is in use by another running hub") from None
        except OSError as error:
            raise NotThereError(f"data folder {self._path.parent}: {error.strerror}") from error

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def require_port(host: str, port: int) -> None:
    """Raises NotThereError when nothing can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NotThereError(
                f"port {port} on {host} cannot be listened on: {error.strerror}; set server.port to another"
            ) from error
