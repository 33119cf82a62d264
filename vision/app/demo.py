"""`vision demo`: simulated street cameras, the whole product, a sandbox city platform and a virtual loudspeaker."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from vision.api.records import RecordedAlerts
from vision.app.hub import RunningHub
from vision.app.up import everything, stop_on_signals
from vision.config.schema import load
from vision.core.clock import Clock, SystemClock
from vision.core.errors import NotThereError
from vision.processes import Child
from vision.sandbox.camera_footage import demo_clip, street_clip
from vision.sandbox.cameras import clips_in, free_port

_UP_LIMIT_S = 30.0
_WHOLE_VIEW = [[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98]]


def run_demo(folder: Path, *, footage: Path | None, port: int, model: str, keep: bool, for_s: float | None) -> None:
    """Run until Ctrl-C (or for `for_s` seconds) and tell in plain words what happens.

    Raises:
        NotThereError: the port is taken, `footage` holds no clip, a package or model is not there.
    """
    stop = stop_on_signals()
    clock = SystemClock()
    if not keep:
        shutil.rmtree(folder / "city", ignore_errors=True)
    with ExitStack() as stack:
        port = port or free_port()
        sandbox = stack.enter_context(_sandbox(folder, footage, port, clock))
        path = _write_city(folder, sandbox, port, model)
        _say("3/4 starting the hub, the worker and an embedded Valkey")
        running = stack.enter_context(everything(load(path), path, log_level="warning"))
        _wait_for(f"{running.url}/readyz", clock)
        _say(f"4/4 up. Open {running.url} in a browser")
        _say(f"    the city platform's desk is at {sandbox['platform']}/, the loudspeaker at {sandbox['speaker']}")
        _say("    callers on this machine need no login in the demo; every other configuration asks for one")
        _say("    Ctrl-C ends everything")
        story = _Story(running, clock)
        until_s = None if for_s is None else clock.monotonic_s() + for_s
        while not stop.is_set() and (until_s is None or clock.monotonic_s() < until_s):
            story.tell()
            clock.sleep(0.3, stop)
        _say("ending")


@contextmanager
def _sandbox(folder: Path, footage: Path | None, port: int, clock: Clock) -> Iterator[dict[str, Any]]:
    """The street, the city platform and the loudspeaker, each a process of its own."""
    clips = footage or _demo_footage(folder)
    names = [clip.name for clip in clips_in(clips)]
    rtsp, platform, speaker = free_port(), free_port(), free_port()
    logs = folder / "city"
    callback = f"http://127.0.0.1:{port}/callbacks/sandbox"
    _say("2/4 starting simulated cameras (RTSP), the sandbox city platform and the virtual loudspeaker")
    children = [
        Child("cameras", ["vision.sandbox.cameras", "--footage", str(clips), "--port", str(rtsp)], clock),
        Child("platform", [*_PLATFORM, "--port", str(platform), "--callback", callback], clock),
        Child("speaker", ["vision.sandbox.speaker", "--port", str(speaker), "--folder", str(logs / "spoken")], clock),
    ]
    for child in children:
        child.start()
    try:
        _wait_for(f"http://127.0.0.1:{platform}/healthz", clock)
        yield {
            "clips": names,
            "rtsp": f"rtsp://127.0.0.1:{rtsp}",
            "platform": f"http://127.0.0.1:{platform}",
            "speaker": f"http://127.0.0.1:{speaker}",
            "own_footage": footage is not None,
        }
    finally:
        for child in children:
            child.ask()
        for child in children:
            child.stop()


_SECRET = secrets.token_hex(16)
_PLATFORM = ["vision.sandbox.platform", "--secret", _SECRET]


def _demo_footage(folder: Path) -> Path:
    clips = folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    _say("1/4 preparing footage: a real street with a bicycle left on the pavement, and a generated quiet one")
    demo_clip(clips)
    street_clip(clips, width=960, height=540, kbit_s=1200)
    return clips


def _write_city(folder: Path, sandbox: dict[str, Any], port: int, model: str) -> Path:
    """The demo's configuration, as a file to read and to copy from."""
    path = folder / "city.yaml"
    city = {
        "name": "Streetward 演示",
        "data": "city",
        "server": {"port": port},
        "access": {"loopback_without_login": True},
        "detection": {"model": model},
        "cameras": {_id(name, sandbox): _camera(name, sandbox) for name in sandbox["clips"]},
        "cases": {
            "platforms": {"sandbox": {"kind": "webhook", "url": f"{sandbox['platform']}/webhook", "secret": _SECRET}}
        },
        "speakers": {"horn": {"kind": "http", "url": f"{sandbox['speaker']}/play", "quiet": [], "cooldown_s": 30}},
        "loudspeakers": {"default_mode": "automatic", "area_cooldown_s": 0},
        "incidents": {"bike_misparked": {"steps": [{"do": "speak", "grace_s": 20}, {"do": "file"}], "review": "never"}},
    }
    path.write_text(
        "# Written by `vision demo`; every key is explained in docs/configuration.md.\n"
        + yaml.safe_dump(city, allow_unicode=True, sort_keys=False),
        encoding="utf-8",
    )
    return path


def _camera(name: str, sandbox: dict[str, Any]) -> dict[str, Any]:
    bike = name.startswith("bike") or sandbox["own_footage"]
    zone = {
        "kind": "bike_no_parking",
        "name": "人行道 Pavement",
        "dwell_s": 20,
        "polygon": _WHOLE_VIEW,
        "speakers": ["horn"],
    }
    return {
        "url": f"{sandbox['rtsp']}/{name}/play_count_0",
        "name": "地铁口 Metro exit" if bike else "安静街道 Quiet street",
        "place": "滨江路 12 号 12 Riverside Road" if bike else "海棠街 3 号 3 Begonia Street",
        "district": "demo",
        "position": [120.2103, 30.2084] if bike else [120.2150, 30.2101],
        "sample_s": 4,
        "zones": {"pavement": zone},
    }


def _id(name: str, sandbox: dict[str, Any]) -> str:
    if sandbox["own_footage"]:
        return re.sub(r"[^A-Za-z0-9_.-]", "-", Path(name).stem).strip("-_.") or "camera"
    return "metro-exit" if name.startswith("bike") else "quiet-street"


def _wait_for(url: str, clock: Clock) -> None:
    deadline_s = clock.monotonic_s() + _UP_LIMIT_S
    while True:
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        if clock.monotonic_s() > deadline_s:
            raise NotThereError(f"{url} did not come up within {_UP_LIMIT_S:.0f} s")
        clock.sleep(0.1)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the demo speaks to a person


class _Story:
    """Follows the alerts and the cameras, and says each change once."""

    def __init__(self, running: RunningHub, clock: Clock) -> None:
        self._running, self._clock = running, clock
        self._alerts = RecordedAlerts(running.database, clock.now)
        self._cursor = 0
        self._began_s = clock.monotonic_s()
        self._states: dict[str, str] = {}

    def tell(self) -> None:
        for camera_id, row in self._running.board.health().items():
            if self._states.get(camera_id) != row["state"]:
                self._states[camera_id] = row["state"]
                self._line(f"camera {camera_id}: {row['state']} {row['reason']}".rstrip())
        for alert in self._alerts.after(self._cursor, 100):
            self._cursor = alert.id
            incident = alert.body["incident"]
            case = incident.get("case")
            filed = f", case {case['id']} at the city platform" if case and case.get("id") else ""
            self._line(f"incident {incident['id']}: {alert.kind}{filed} — {incident['why']['en']}")

    def _line(self, text: str) -> None:
        _say(f"  [{self._clock.monotonic_s() - self._began_s:5.1f} s] {text}")
