"""A worker: its cameras kept open, its looks judged, its findings sent; told what to watch by the board."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

import structlog

from vision.config.registry import CameraConfig
from vision.core.errors import StorageError
from vision.core.findings import Finding, Why
from vision.core.frames import Frame, Image
from vision.core.registry import Camera
from vision.pipeline.clips import ClipKeeper
from vision.pipeline.draw import jpeg, shrunk
from vision.pipeline.evidence import EvidenceRecorder
from vision.pipeline.holding import Holding
from vision.pipeline.looks import Looks
from vision.pipeline.pace import Pace
from vision.pipeline.parts import Analyser, Parts
from vision.pipeline.spent import Stage

log = structlog.get_logger()

_TICK_S = 1.0
_MEMORY_S = 30.0
_STILL_DOWN_S = 60.0
_STOP_WITHIN_S = 5.0
_REFERENCE_PX = 480
_HELD = Why("值班员正在转动摄像机", "an operator is turning the camera")


@dataclass(slots=True)
class _Watched:
    """One of our cameras."""

    camera: Camera
    analysers: dict[str, Analyser]
    blind_at_s: float | None = None  # when it was last reported blind


@dataclass(slots=True)
class Worker:
    """Owns the threads of one worker process; `tick` once a second keeps it in step with the board."""

    name: str
    parts: Parts
    _cameras: dict[str, _Watched] = field(default_factory=dict)
    _version: int | None = None
    _wanted: dict[str, Camera] = field(default_factory=dict)
    _asked_for: frozenset[str] = frozenset()
    _held: frozenset[str] = frozenset()
    _boosted: frozenset[str] = frozenset()
    _memory_at_s: float = 0.0
    _away: bool = False
    _holding: Holding = field(init=False)
    _looks: Looks = field(init=False)
    _pace: Pace = field(init=False)
    _evidence: EvidenceRecorder = field(init=False)
    _clips: ClipKeeper = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)  # `_cameras`; nobody who holds it waits for Redis
    _making: threading.Lock = field(default_factory=threading.Lock)  # analysers

    def __post_init__(self) -> None:
        self._evidence = EvidenceRecorder(self.parts.blobs)
        self._clips = ClipKeeper(self.parts.watch.clip, self.parts.blobs)
        parts = self.parts
        self._holding = Holding(self.name, parts.clock, parts.leases, parts.board)
        self._looks = Looks(parts.mailbox, parts.batcher, self._analyser, self._judged)
        self._pace = Pace(self.name, parts.clock, parts.spool, parts.mailbox, self._looks.spent)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        self.start()
        self._holding.step()
        holder = threading.Thread(target=self._holding.run, args=(stop,), name="leases", daemon=True)
        holder.start()
        try:
            while not stop.is_set():
                self.tick()
                self.parts.clock.sleep(_TICK_S, stop)
        finally:
            stop.set()
            holder.join(_STOP_WITHIN_S)
            self.stop()

    def start(self) -> None:
        self.parts.spool.start()
        self._looks.start()
        if self.parts.previews is not None:
            self.parts.previews.start()

    def stop(self) -> None:
        """Cameras first, then the looks on their way, then what waits for the bus."""
        if self.parts.previews is not None:
            self.parts.previews.stop()
        self.parts.watch.stop()
        self.parts.mailbox.close()
        self._looks.stop()
        self._remember(force=True)
        self.parts.spool.stop()
        self._holding.leave(list(self._cameras))
        log.info("worker_stopped", worker=self.name)

    def tick(self) -> None:
        """Take over a changed registry, post health, answer who is watched and which cameras are wanted."""
        self._pace.follow()
        try:
            self._follow_registry()
            now_s = self.parts.clock.now().timestamp()
            self._leave(frozenset(self.parts.board.held(now_s=now_s)) & self._cameras.keys())
            self._post_health()
            self._asked_for = frozenset(self.parts.board.watched(now_s=now_s))
            for camera_id in self.parts.board.take_wanted(self._cameras, now_s=now_s):
                self.parts.watch.visit_soon(camera_id)
            self._hurry(self.parts.board.boosted() & self._cameras.keys())
            for key in self.parts.board.take_accepted(self._cameras):
                self._accept(*key.split("/", 1))
            self._remember()
        except StorageError as error:
            if not self._away:
                log.warning("board_lost", worker=self.name, reason=str(error))
            self._away = True
        else:
            if self._away:
                log.info("board_regained", worker=self.name)
            self._away = False
        self._holding.step()

    def _follow_registry(self) -> None:
        """Look at the registry's cameras that are in our share and that nobody else holds."""
        version = self.parts.board.registry_version()
        if version is not None and version != self._version:
            document = self.parts.board.registry() or {}
            cameras = [
                CameraConfig.model_validate(doc).to_core(key) for key, doc in document.get("cameras", {}).items()
            ]
            self._wanted = {camera.id: camera for camera in cameras if camera.enabled}
            self._version = version
            log.info("registry_followed", worker=self.name, version=version, cameras=len(self._wanted))
        share = self.parts.board.share(self.name)
        mine = [key for key in self._wanted if share is None or key in share]
        held = self._holding.take(mine)
        self._adopt([self._wanted[key] for key in mine if key in held])

    def _adopt(self, cameras: list[Camera]) -> None:
        """Only cameras that were added, changed or removed are touched."""
        wanted = {camera.id: camera for camera in cameras}
        with self._making:
            known = dict(self._cameras)
            changed = [c for c in cameras if c.id not in known or known[c.id].camera != c]
            made = {c.id: _Watched(c, self._analysers(c, known.get(c.id))) for c in changed}
            with self._lock:
                gone = [key for key in self._cameras if key not in wanted]
                for key in gone:
                    del self._cameras[key]
                    self._evidence.forget(key)
                    self._clips.forget(key)
                self._cameras.update(made)
        if gone or changed:
            self.parts.mailbox.rank({camera.id: camera.priority for camera in cameras})
            self.parts.watch.apply(cameras)
            if self.parts.previews is not None:
                self.parts.previews.follow(cameras)
        if gone:
            self._holding.release(gone)
            self.parts.board.forget_health(gone)

    def _analysers(self, camera: Camera, known: _Watched | None) -> dict[str, Analyser]:
        """New ones that remember what the old ones, or a worker before us, saw standing."""
        made = {}
        for view in camera.views:
            analyser = self.parts.make_analyser(camera, view)
            before = known.analysers.get(view.id) if known is not None else None
            key = f"{camera.id}/{view.id}"
            record = before.to_record() if before is not None else self.parts.board.memory(key)
            if record is not None:
                try:
                    analyser.restore(record)
                except (ValueError, KeyError, TypeError) as error:
                    log.warning("memory_not_restored", camera=camera.id, view=view.id, reason=str(error))
            made[view.id] = analyser
            self._holding.step()
        return made

    def renew(self) -> None:
        """New analysers, after the detector was exchanged; they remember what the old ones saw standing."""
        with self._making:
            for watched in list(self._cameras.values()):
                watched.analysers = self._analysers(watched.camera, watched)

    def _hurry(self, boosted: frozenset[str]) -> None:
        """Cameras with incidents under way are visited more often, and their looks thinned least."""
        if boosted != self._boosted:
            self._boosted = boosted
            self.parts.mailbox.boost(boosted)
            self.parts.watch.boost(boosted)

    def _accept(self, camera_id: str, view_id: str) -> None:
        """A person says that the camera's new view is the right one."""
        analyser = self._analyser(camera_id, view_id)
        if analyser is not None:
            analyser.accept()
            self.parts.watch.visit_soon(camera_id)
            log.info("view_accepted", camera=camera_id, view=view_id)

    def _leave(self, held: frozenset[str]) -> None:
        """Cameras that a person is turning show none of their views: they are not judged until they are let go."""
        if held != self._held:
            self._held = held
            self.parts.watch.hold(held)

    def _analyser(self, camera_id: str, view_id: str) -> Analyser | None:
        if camera_id in self._held or camera_id not in self._holding.fences:
            return None
        with self._lock:
            watched = self._cameras.get(camera_id)
        return None if watched is None else watched.analysers.get(view_id)

    def _judged(self, analyser: Any, frame: Frame, findings: list[Finding]) -> None:
        with self._looks.spent.on(Stage.EVIDENCE):
            kept = self._clips.keep(self._evidence.keep(analyser.view, frame, findings))
        self.parts.spool.put(self._signed(frame.camera_id, kept))
        reference = analyser.take_reference()
        if reference is not None:
            self._show_reference(f"{frame.camera_id}/{frame.view_id}", reference)
        shown = self.parts.previews is not None and self.parts.previews.shows(frame.camera_id)
        if frame.camera_id in self._asked_for and not shown:
            try:
                with self._looks.spent.on(Stage.REDIS):
                    self.parts.board.post_look(frame.camera_id, jpeg(frame.image, quality=75))
            except StorageError as error:
                log.warning("look_not_shown", camera=frame.camera_id, reason=str(error))

    def _show_reference(self, key: str, image: Image) -> None:
        try:
            with self._looks.spent.on(Stage.REDIS):
                self.parts.board.post_reference(key, jpeg(shrunk(image, _REFERENCE_PX), quality=75))
        except StorageError as error:
            log.warning("reference_not_shown", view=key, reason=str(error))

    def _signed(self, camera_id: str, findings: list[Finding]) -> list[Finding]:
        """With our lease's token, by which the hub knows that we still speak for the camera."""
        watched = self._cameras.get(camera_id)
        if watched is None:
            return findings
        fence, area = self._holding.fences.get(camera_id, 0), watched.camera.area
        return [replace(finding, fence=fence, area=area) for finding in findings]

    def _post_health(self) -> None:
        health = self.parts.watch.health()
        now = self.parts.clock.now()
        self._report_blind(health, now)
        rows = {
            key: {**plain(asdict(value)), **self._view_trouble(key), **self._bays(key)} for key, value in health.items()
        }
        rounds = self.parts.watch.rounds()
        patrol = None if rounds is None else plain(asdict(rounds))
        self.parts.board.post_health(self.name, rows, at=now.isoformat(), patrol=patrol, load=self._load())

    def _load(self) -> dict[str, Any]:
        """How much this worker looks, and what waits behind it."""
        with self._lock:
            views = Counter[int]()
            for watched in self._cameras.values():
                views[watched.camera.priority] += len(watched.analysers)
        evidence = {"evidence_waiting": self.parts.evidence_waiting(), "evidence_lost": self._evidence.failures}
        return {**self._pace.report(views), **evidence}

    def _view_trouble(self, camera_id: str) -> dict[str, str]:
        """A camera that sends pictures of no use says why where a dead one says why it is dead."""
        if camera_id in self._held:
            return {"view": "held", "reason": f"{_HELD.zh} / {_HELD.en}"}
        watched = self._cameras.get(camera_id)
        for view_id, analyser in watched.analysers.items() if watched is not None else ():
            if analyser.trouble is not None:
                return {"view": "unusable", "reason": f"{view_id}: {analyser.trouble.zh} / {analyser.trouble.en}"}
        return {"view": "good"}

    def _bays(self, camera_id: str) -> dict[str, Any]:
        """How full the camera's bike bays are; nothing for a camera that watches none."""
        watched = self._cameras.get(camera_id)
        counted = {
            f"{view_id}/{zone_id}": {"bikes": bikes, "at": at.isoformat()}
            for view_id, analyser in (watched.analysers.items() if watched is not None else ())
            for zone_id, (bikes, at) in analyser.parked.items()
        }
        return {"bays": counted} if counted else {}

    def _report_blind(self, health: Mapping[str, Any], now: datetime) -> None:
        """A camera that is down, or being turned, says unknown for its zones, at once and then every minute."""
        now_s = self.parts.clock.monotonic_s()
        with self._lock:
            cameras = list(self._cameras.values())
        for watched in cameras:
            row = health.get(watched.camera.id)
            held = watched.camera.id in self._held
            if not held and (row is None or row.state.value in {"live", "connecting"}):
                watched.blind_at_s = None
            elif watched.blind_at_s is None or now_s - watched.blind_at_s >= _STILL_DOWN_S:
                watched.blind_at_s = now_s
                why = _HELD if held or row is None else Why("摄像机离线", f"the camera is {row.state.value}")
                for analyser in watched.analysers.values():
                    self.parts.spool.put(self._signed(watched.camera.id, analyser.blind(now, why)))

    def _remember(self, *, force: bool = False) -> None:
        now_s = self.parts.clock.monotonic_s()
        if not force and now_s - self._memory_at_s < _MEMORY_S:
            return
        self._memory_at_s = now_s
        with self._lock:
            records = {
                f"{key}/{view_id}": analyser.to_record()
                for key, watched in self._cameras.items()
                for view_id, analyser in watched.analysers.items()
            }
        try:
            self.parts.board.post_memory(records)
        except StorageError as error:
            log.warning("memory_not_kept", worker=self.name, reason=str(error))


def plain(value: Any) -> Any:
    """The same in JSON's own types."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
