"""Press to talk: a person's voice, piece by piece, to a loudspeaker within half a second, kept as evidence."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import structlog

from vision.alerts.audio import FRAME_S, Audio, Resampler, Samples, from_pcm16
from vision.alerts.floor import Floor
from vision.alerts.record import AnnouncementRecord
from vision.alerts.speakers.driver import SpeakerDriver
from vision.alerts.voice import WAV
from vision.core.announcements import Announcement, Outcome
from vision.core.clock import Clock
from vision.core.errors import ConfigError, DeliveryError, Rejected, RetryLater, StorageError
from vision.core.findings import Why
from vision.core.ports import BlobStore
from vision.core.registry import Speaker

_log = structlog.get_logger()
_BACKLOG_S = 0.3  # what may wait for the loudspeaker; older sound is dropped, so that delay never builds up
_KEPT_RATE_HZ = 16000
_LOOK_S = 0.05
_NOTHING = Why("", "")


class LiveSound:
    """Sound that is being spoken. `hear` on one thread, `frames` on another."""

    duration_s = None

    def __init__(self, rate_hz: int, clock: Clock, stop: threading.Event, *, volume: float = 1.0) -> None:
        """`rate_hz`: of what is heard."""
        self._rate_hz = rate_hz
        self._clock = clock
        self._stop = stop
        self._volume = np.float32(volume)
        self._waiting: queue.Queue[tuple[float, Samples] | None] = queue.Queue()
        self._waiting_s = 0.0
        self._lock = threading.Lock()
        self._kept: list[Samples] = []
        self.ready = threading.Event()
        self.dropped_s = 0.0
        self.worst_wait_s = 0.0

    def hear(self, samples: Samples) -> None:
        """Take a piece; what waits too long already is dropped, oldest first, and counted."""
        length_s = len(samples) / self._rate_hz
        with self._lock:
            self._kept.append(samples)
            self._waiting_s += length_s
            self._waiting.put((self._clock.monotonic_s(), samples))
            while self._waiting_s > max(_BACKLOG_S, length_s):
                old = self._waiting.get_nowait()
                if old is not None:
                    self._waiting_s -= len(old[1]) / self._rate_hz
                    self.dropped_s += len(old[1]) / self._rate_hz

    def end(self) -> None:
        """Nothing follows."""
        self._waiting.put(None)

    def kept(self) -> Audio:
        """Everything that was said, also what was dropped."""
        with self._lock:
            said = Audio(np.concatenate([*self._kept, np.zeros(0, np.float32)]), self._rate_hz)
        return said.resampled(_KEPT_RATE_HZ)

    def frames(self, rate_hz: int) -> Iterator[Samples]:
        resampler, rest, size = Resampler(self._rate_hz, rate_hz), np.zeros(0, np.float32), round(FRAME_S * rate_hz)
        self.ready.set()
        while not self._stop.is_set():
            try:
                item = self._waiting.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            rest = np.concatenate([rest, self._resampled(resampler, item)])
            while len(rest) >= size:
                yield rest[:size]
                rest = rest[size:]
            if item is None:
                if len(rest):
                    yield np.pad(rest, (0, size - len(rest)))
                return

    def _resampled(self, resampler: Resampler, item: tuple[float, Samples] | None) -> Samples:
        if item is None:
            return resampler.flush() * self._volume
        heard_at_s, samples = item
        with self._lock:
            self._waiting_s -= len(samples) / self._rate_hz
            self.worst_wait_s = max(self.worst_wait_s, self._clock.monotonic_s() - heard_at_s)
        return resampler.push(samples) * self._volume


@dataclass(frozen=True, slots=True)
class Told:
    """How a talk goes on: connecting, speaking, done, failed. `announcement` at its end."""

    state: str
    why: Why = _NOTHING
    announcement: Announcement | None = None


class Talk:
    """One press of the button. `told` is called on the talk's own thread."""

    def __init__(
        self,
        speaker: Speaker,
        driver: SpeakerDriver,
        *,
        actor: str,
        rate_hz: int,
        volume: float,
        longest_s: float,
        floor: Floor,
        record: AnnouncementRecord,
        blobs: BlobStore,
        clock: Clock,
        told: Callable[[Told], None],
        incident_id: str | None = None,
    ) -> None:
        """Raises Rejected for a speaker that takes whole clips only, and for a sample rate nobody uses."""
        if not driver.live:
            raise Rejected(f"loudspeaker {speaker.id} takes whole clips only")
        if not 8000 <= rate_hz <= 96000:
            raise Rejected(f"the sample rate should be 8000 to 96000, got {rate_hz}")
        self._speaker, self._driver, self._actor = speaker, driver, actor
        self._volume, self._longest_s = volume, longest_s
        self._floor, self._record, self._blobs, self._clock = floor, record, blobs, clock
        self._told = told
        self._incident_id = incident_id
        self._rate_hz = rate_hz
        self._heard = 0
        self._done = threading.Event()
        self._sound: LiveSound | None = None
        self._thread = threading.Thread(target=self._run, name=f"talk-{speaker.id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hear(self, pcm: bytes) -> None:
        """16-bit little-endian samples of one channel; ignored before the loudspeaker is ready and after the end."""
        sound = self._sound
        if sound is None or not sound.ready.is_set() or self._done.is_set():
            return
        samples = from_pcm16(np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2"))
        self._heard += len(samples)
        sound.hear(samples)
        if self._heard > self._longest_s * self._rate_hz:
            sound.end()

    def end(self) -> None:
        """The button was released: what was said is played out."""
        if self._sound is not None:
            self._sound.end()
        self._done.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it is over within `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._told(Told("connecting"))
        try:
            told = self._speak()
        except (DeliveryError, ConfigError, StorageError) as error:
            told = Told("failed", Why(f"无法喊话: {error}", str(error)))
        except Exception as error:  # noqa: BLE001 - a thread's top: whoever pressed the button must hear of it
            _log.exception("talk_broken", speaker=self._speaker.id)
            told = Told("failed", Why("喊话中断", f"the talk broke off: {type(error).__name__}"))
        self._done.set()
        self._told(told)

    def _speak(self) -> Told:
        with self._floor.take(self._speaker, self._actor) as turn:
            if turn is None:
                raise RetryLater("somebody is speaking within earshot")
            sound = LiveSound(self._rate_hz, self._clock, turn.stop, volume=self._volume)
            self._sound = sound
            begun = Announcement(
                self._speaker.id, self._actor, self._clock.now(), Outcome.SPEAKING, incident_id=self._incident_id
            )
            begun = replace(begun, id=self._record.add(begun))
            threading.Thread(target=self._tell_ready, args=(sound,), name="talk-ready", daemon=True).start()
            if self._done.is_set():
                sound.end()  # released before it began
            try:
                proof = self._driver.play(sound, turn.stop)
            except DeliveryError as error:
                why = Why(f"音柱 {self._speaker.id} 喊话失败: {error}", str(error))
                failed = replace(begun, outcome=Outcome.FAILED, reason=why, audio_key=self._keep(sound))
                self._record.complete(begun.id, failed)
                return Told("failed", why, failed)
            by = ", ".join(turn.stopped_by)
            stopped = proof.stopped and bool(by)
            waits = {"worst_wait_s": round(sound.worst_wait_s, 3), "dropped_s": round(sound.dropped_s, 3)}
            spoken = replace(
                begun,
                outcome=Outcome.STOPPED if stopped else Outcome.SPOKEN,
                reason=Why(f"被 {by} 停止", f"stopped by {by}") if stopped else begun.reason,
                duration_s=proof.duration_s,
                audio_key=self._keep(sound),
                proof={**proof.to_record(), "talk": True, "volume": round(self._volume, 3), **waits},
            )
            self._record.complete(begun.id, spoken)
            return Told("done", spoken.reason, spoken)

    def _tell_ready(self, sound: LiveSound) -> None:
        while not sound.ready.wait(0.02):
            if self._done.is_set():
                return
        self._told(Told("speaking"))

    def _keep(self, sound: LiveSound) -> str | None:
        said = sound.kept()
        if not len(said.samples):
            return None
        data = said.to_wav()
        key = f"{self._clock.now():%Y/%m/%d}/{self._speaker.id}/{hashlib.sha256(data).hexdigest()}.wav"
        self._blobs.put(key, data, media_type=WAV)
        return key
