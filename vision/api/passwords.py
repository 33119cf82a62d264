"""Passwords: hashed with Argon2id, judged by length, and guessed at only slowly."""

import threading
from collections import deque

from pwdlib import PasswordHash

from vision.core.clock import Clock

_HASHES = PasswordHash.recommended()
_NOBODY = _HASHES.hash("nobody's password")
SHORTEST = 10
LONGEST = 200
_WINDOW_S = 600.0


def hash_password(password: str) -> str:
    return _HASHES.hash(password)


def verify(password: str, hashed: str | None) -> bool:
    """Takes as long for a name that does not exist as for one that does."""
    good = _HASHES.verify(password, hashed or _NOBODY)
    return good and hashed is not None


def weakness(password: str, name: str) -> str | None:
    """What is wrong with a new password (NIST SP 800-63B: length, no composition rules); None when nothing is."""
    if len(password) < SHORTEST:
        return f"a password should have at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"a password should have at most {LONGEST} characters"
    if name.lower() in password.lower() or len(set(password)) < 4:
        return "a password should not contain the name, nor repeat a few characters"
    return None


class Attempts:
    """Failed sign-ins of the last ten minutes, by name and by address."""

    def __init__(self, clock: Clock, allowed: int) -> None:
        self._clock, self._allowed = clock, allowed
        self._failed: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, *keys: str) -> float:
        """Seconds until any of the keys may try again; 0 when all may now."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            return max((self._wait_s(key, now_s) for key in keys), default=0.0)

    def failed(self, *keys: str) -> None:
        now_s = self._clock.monotonic_s()
        with self._lock:
            for key in keys:
                self._failed.setdefault(key, deque(maxlen=self._allowed)).append(now_s)
            if len(self._failed) > 10_000:
                self._failed = {key: times for key, times in self._failed.items() if now_s - times[-1] < _WINDOW_S}

    def succeeded(self, *keys: str) -> None:
        with self._lock:
            for key in keys:
                self._failed.pop(key, None)

    def _wait_s(self, key: str, now_s: float) -> float:
        times = self._failed.get(key)
        if times is None or len(times) < self._allowed:
            return 0.0
        return max(0.0, times[0] + _WINDOW_S - now_s)
