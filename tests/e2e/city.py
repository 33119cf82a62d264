"""A whole city on this machine for the end-to-end tests: real RTSP, real processes, a real platform."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2"


def until(what: str, check: Callable[[], Any], patience_s: float = 60.0) -> Any:
    """The first true answer of `check`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if answer := check():
                return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {patience_s:.0f} s for: {what}")


@dataclass
class City:
    """`vision up` as a child of the test."""

    folder: Path
    config: dict[str, Any]
    process: subprocess.Popen[str] | None = None
    url: str = ""
    output: list[str] = field(default_factory=list)

    def start(self) -> None:
        path = self.folder / "city.yaml"
        path.write_text(yaml.safe_dump(self.config, allow_unicode=True), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vision", "up", "--config", str(path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self.url = until("the hub's address", self._address)
        until("the hub to be ready", lambda: httpx.get(f"{self.url}/readyz").status_code == 200)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)

    def _address(self) -> str:
        assert self.process is not None
        assert self.process.poll() is None, "".join(self.output)
        lines = [line for line in self.output if line.startswith("Streetward: http")]
        return lines[-1].split()[1] if lines else ""

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def camera_state(self, camera_id: str) -> str:
        cameras = {item["id"]: item for item in self.get("cameras")["items"]}
        return str(cameras[camera_id]["state"])

    def worker_pid(self) -> int | None:
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "worker" in child.cmdline():
                    return child.pid
        return None

    def descendants(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """SIGKILL, and wait for the children to notice."""
        assert self.process is not None
        left = self.descendants()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(left, timeout=10)
        self.output.clear()

    def interrupt(self) -> tuple[float, list[psutil.Process]]:
        """Ctrl-C; returns how long it took and which descendants it left."""
        assert self.process is not None
        descendants = self.descendants()
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        took_s = time.monotonic() - began
        return took_s, [process for process in descendants if process.is_running()]


def alerts(url: str, last_id: int | None = None) -> Iterator[dict[str, Any]]:
    """The alert stream of a hub, read as any SSE client does."""
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    with httpx.stream("GET", f"{url}/api/v1/alerts/stream", headers=headers, timeout=120) as answer:
        answer.raise_for_status()
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:") and kind == "alert":
                yield json.loads(line.removeprefix("data:"))
