"""Independent devices to speak to, started for a test and stopped after it."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.conftest import absent
from tests.servers.ports import free_port, wait_for_udp
from vision.alerts.audio import Audio

HERE = Path(__file__).parent
SYSTEM_PYTHON = "/usr/bin/python3"


@contextmanager
def gst_camera(folder: Path, *arguments: str) -> Iterator[str]:
    """GStreamer's ONVIF camera; yields its host:port. `arguments`: codec, user, password."""
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


_BARESIP = """\
sip_listen 127.0.0.1:{port}
audio_player aubridge,loop
audio_source aubridge,loop
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
snd_path {folder}
"""


@contextmanager
def baresip(folder: Path, codec: str) -> Iterator[str]:
    """A SIP horn that picks up by itself and writes what it hears to FOLDER/dump-*-dec.wav; yields its host:port."""
    command, port = needs("baresip", "baresip-core"), free_port()
    (folder / "config").write_text(_BARESIP.format(port=port, folder=folder))
    (folder / "accounts").write_text(f"<sip:101@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs={codec}\n")
    (folder / "contacts").write_text("")
    with subprocess.Popen([command, "-f", str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "baresip is ready" in line:
                    break
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def sipp(folder: Path, *steps: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """SIPp as the called party, following a scenario; yields host:port and the process, which ends with status 0 when
    everything went by the scenario.
    """
    command = needs("sipp", "sip-tester")
    scenario = folder / "scenario.xml"
    scenario.write_text('<?xml version="1.0"?>\n<scenario name="horn">\n' + "\n".join(steps) + "\n</scenario>\n")
    for _attempt in range(5):
        port, media = free_port(), free_port(room=4)
        arguments = ["-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-m", "1", "-nostdin"]
        arguments += ["-timeout", "120s", "-timeout_error", "-mp", str(media)]
        with subprocess.Popen([command, *arguments], cwd=folder, stdout=subprocess.DEVNULL) as process:
            try:
                if not wait_for_udp(port, media, within_s=20) or process.poll() is not None:
                    continue  # another program was quicker at one of its ports
                yield f"127.0.0.1:{port}", process
                return
            finally:
                process.kill()
    raise AssertionError("SIPp found no free ports five times over")
