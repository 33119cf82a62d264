"""Independent devices to speak to, started for a test and stopped after it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.conftest import absent
from vision.alerts.audio import Audio

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"


@contextmanager
def gst_camera(folder: Path, *arguments: str) -> Iterator[str]:
    """GStreamer's ONVIF camera; yields its host:port."""
    probe = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run([SYSTEM_PYTHON, "-c", probe], check=False).returncode:
        absent("needs GStreamer's RTSP server (apt install python3-gi gir1.2-gst-rtsp-server-1.0)")
    command = [SYSTEM_PYTHON, str(HERE / "gst_backchannel.py"), str(folder), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def heard_by(folder: Path) -> Audio:
    """What came out of GStreamer's camera."""
    return Audio((np.fromfile(folder / "heard.s16", "<i2") / 32768).astype(np.float32), 8000)


def needs(command: str, package: str) -> str:
    """The path of a command of Debian's."""
    path = shutil.which(command)
    if path is None:
        absent(f"needs {command} (apt install {package})")
    return str(path)
