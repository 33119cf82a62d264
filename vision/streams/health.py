"""What is known of each camera's stream: its state, why, and the figures behind it."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

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
        corrupt: pictures dropped because they could not be decoded whole.
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
    corrupt: int = 0
    reconnects: int = 0
    failures: int = 0
    next_try_s: float | None = None


_WINDOW_S = 60.0


@dataclass(slots=True)
class HealthRecord:
    """The writing side, one a camera; its own thread writes, anyone reads."""

    camera_id: str
    clock: Clock
    state: CameraState = CameraState.CONNECTING
    reason: str = ""
    since: datetime = field(init=False)
    sessions: int = 0
    failures: int = 0
    looks: int = 0
    corrupt: int = 0
    _last: tuple[datetime, TimeSource, float] | None = None
    _next_try_at_s: float | None = None
    _recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=600))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.since = self.clock.now()

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

    def looked(self, frame: Frame, *, corrupt: int) -> None:
        with self._lock:
            now_s = self.clock.monotonic_s()
            self.looks += 1
            self.failures = 0
            self.corrupt = corrupt
            self._last = (frame.captured_at, frame.time_source, now_s)
            self._recent_s.append(now_s)

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
                corrupt=self.corrupt,
                reconnects=max(0, self.sessions - 1),
                failures=self.failures,
                next_try_s=None if self._next_try_at_s is None else max(0.0, self._next_try_at_s - now_s),
            )
