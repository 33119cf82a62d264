"""What is known of each camera's stream: its state, why, and the figures behind it."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from vision.core.clock import Clock
from vision.core.frames import Frame, TimeSource


class CameraState(StrEnum):
    """connecting → live ⇄ reconnecting; refused when retrying soon is pointless; stopped when told to."""

    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What a source knows of its stream.

    Attributes:
        corrupt: pictures dropped because not all of them came or decoded.
        received_bytes: of the session so far.
        key_interval_s: between the last two keyframes.
        clock_offset_s: the camera's clock minus ours; None when it does not tell.
    """

    codec: str = ""
    corrupt: int = 0
    received_bytes: int = 0
    key_interval_s: float | None = None
    clock_offset_s: float | None = None


@runtime_checkable
class Measured(Protocol):
    """A source that tells its figures."""

    def figures(self) -> SourceFigures: ...


@dataclass(frozen=True, slots=True)
class CameraHealth:
    """One camera's stream as of a moment.

    Attributes:
        reason: why it is not live, in the source's own words, without passwords; empty when live.
        since: when the state began.
        fps: looks per second over the last minute.
        last_look_at: scene time of the newest look.
        last_look_age_s: seconds since it arrived here; None before the first.
        reconnects: sessions opened after the first.
        failures: failed attempts in a row.
        drops: looks overwritten in the mailbox before inference took them.
        missed: looks that the sampling interval (or the key interval, if longer) should have brought and that did
            not come, since the camera was first watched; grows while it is away. Always 0 in a patrol.
        corrupt: pictures of the session dropped because they could not be decoded whole.
        next_try_s: seconds until the next attempt; None when none is waiting.
    """

    camera_id: str
    state: CameraState
    reason: str
    since: datetime
    fps: float = 0.0
    last_look_at: datetime | None = None
    last_look_age_s: float | None = None
    time_source: TimeSource | None = None
    looks: int = 0
    drops: int = 0
    missed: int = 0
    corrupt: int = 0
    reconnects: int = 0
    failures: int = 0
    next_try_s: float | None = None
    codec: str = ""
    bitrate_kbit_s: float = 0.0
    key_interval_s: float | None = None
    clock_offset_s: float | None = None


_WINDOW_S = 60.0


@dataclass(slots=True)
class HealthRecord:
    """The writing side, one a camera; its own thread writes, anyone reads.

    Attributes:
        every_s: the sampling interval; 0 where looks have no fixed pace.
    """

    camera_id: str
    clock: Clock
    every_s: float = 0.0
    state: CameraState = CameraState.CONNECTING
    reason: str = ""
    since: datetime = field(init=False)
    sessions: int = 0
    failures: int = 0
    looks: int = 0
    figures: SourceFigures = field(default_factory=SourceFigures)
    bitrate_kbit_s: float = 0.0
    missed: int = 0
    _begun_s: float = field(init=False)
    _bytes_at: tuple[float, int] = (0.0, 0)
    _last: tuple[datetime, TimeSource, float] | None = None
    _next_try_at_s: float | None = None
    _recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=600))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.since = self.clock.now()
        self._begun_s = self.clock.monotonic_s()

    def turn(self, state: CameraState, reason: str = "", *, next_try_s: float | None = None) -> bool:
        """Enter a state; True when it is a new one."""
        with self._lock:
            changed = state is not self.state
            if changed:
                self.state, self.since = state, self.clock.now()
            self.reason = reason
            self._next_try_at_s = None if next_try_s is None else self.clock.monotonic_s() + next_try_s
            return changed

    def failed(self) -> int:
        """Count an attempt that came to nothing; the number in a row."""
        with self._lock:
            self.failures += 1
            return self.failures

    def opened(self) -> None:
        with self._lock:
            self.sessions += 1

    def looked(self, frame: Frame, figures: SourceFigures) -> None:
        with self._lock:
            now_s = self.clock.monotonic_s()
            since_s, before = self._bytes_at
            if frame.seq and now_s > since_s and figures.received_bytes > before:
                self.bitrate_kbit_s = (figures.received_bytes - before) * 8e-3 / (now_s - since_s)
            self._bytes_at = (now_s, figures.received_bytes)
            self.missed += self._overdue(now_s)
            self.figures = figures
            self.looks += 1
            self.failures = 0
            self._last = (frame.captured_at, frame.time_source, now_s)
            self._recent_s.append(now_s)

    def _overdue(self, now_s: float) -> int:
        """Looks missing between the last one (or the beginning) and one now; keyframes come when they come."""
        expected_s = max(self.every_s, self.figures.key_interval_s or 0.0) if self.every_s else 0.0
        if not expected_s:
            return 0
        since_s = self._begun_s if self._last is None else self._last[2]
        return max(0, round((now_s - since_s) / expected_s) - 1)

    def snapshot(self, *, drops: int = 0) -> CameraHealth:
        with self._lock:
            now_s = self.clock.monotonic_s()
            while self._recent_s and self._recent_s[0] < now_s - _WINDOW_S:
                self._recent_s.popleft()
            captured_at, time_source, arrived_s = self._last or (None, None, 0.0)
            return CameraHealth(
                camera_id=self.camera_id,
                state=self.state,
                reason=self.reason,
                since=self.since,
                fps=len(self._recent_s) / _WINDOW_S,
                last_look_at=captured_at,
                last_look_age_s=None if self._last is None else now_s - arrived_s,
                time_source=time_source,
                looks=self.looks,
                drops=drops,
                missed=self.missed + self._overdue(now_s),
                corrupt=self.figures.corrupt,
                reconnects=max(0, self.sessions - 1),
                failures=self.failures,
                codec=self.figures.codec,
                bitrate_kbit_s=self.bitrate_kbit_s,
                key_interval_s=self.figures.key_interval_s,
                clock_offset_s=self.figures.clock_offset_s,
                next_try_s=None if self._next_try_at_s is None else max(0.0, self._next_try_at_s - now_s),
            )
