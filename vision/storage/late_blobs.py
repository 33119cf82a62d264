"""Evidence on its way to a store that is away: kept in memory, within bounds, until the store is back."""

import threading
from collections import OrderedDict

import structlog

from vision.core.clock import Clock
from vision.core.errors import StorageError
from vision.core.ports import BlobStore

log = structlog.get_logger()
_MOST_BYTES = 128 * 2**20
_RETRY_S = 1.0
_PATIENCE_S = 1.0


class LateBlobs:
    """A blob store that waits for another one.

    While that one answers, `put` returns when the file is written, so that whatever speaks of it can rely on it. When
    it refuses, or takes longer than `patience_s`, files are kept and written by the thread as soon as may be: the
    thread that judges looks waits neither for an outage nor for a slow store, but once.
    """

    def __init__(
        self, blobs: BlobStore, clock: Clock, *, most_bytes: int = _MOST_BYTES, patience_s: float = _PATIENCE_S
    ) -> None:
        self._blobs, self._clock, self._most, self._patience_s = blobs, clock, most_bytes, patience_s
        self._waiting: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._bytes = 0
        self._late = False
        self.faults = 0  # how often writing failed in a way that no store should
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="late-evidence", daemon=True)
        self._thread.start()

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Raises StorageError when the store is away and as much as may wait is waiting."""
        with self._changed:
            if key not in self._waiting:
                if self._late and self._bytes + len(data) > self._most:
                    raise StorageError(f"evidence store is away and {self._bytes / 2**20:.0f} MiB wait for it already")
                self._waiting[key] = (data, media_type)
                self._bytes += len(data)
                self._changed.notify_all()
            if self._late:
                return
            self._changed.wait_for(lambda: key not in self._waiting or self._late, self._patience_s)
            if key in self._waiting and not self._late:
                self._late = True
                log.warning("evidence_waits", reason=f"the store took longer than {self._patience_s:g} s")

    def get(self, key: str) -> bytes:
        with self._changed:
            waiting = self._waiting.get(key)
        return self._blobs.get(key) if waiting is None else waiting[0]

    def exists(self, key: str) -> bool:
        with self._changed:
            waits = key in self._waiting
        return waits or self._blobs.exists(key)

    def delete(self, key: str) -> None:
        with self._changed:
            data, _media_type = self._waiting.pop(key, (b"", ""))
            self._bytes -= len(data)
        self._blobs.delete(key)

    def waiting(self) -> int:
        """Files that wait for the store; of one that answers, those being written now."""
        with self._changed:
            return len(self._waiting)

    def close(self, wait_s: float = 3.0) -> None:
        """Try once more for what waits; what is left then is lost, and told."""
        until_s = self._clock.monotonic_s() + wait_s
        for _ in range(self.waiting()):
            if self._clock.monotonic_s() >= until_s or not self._write_first():
                break
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self.waiting():
            log.error("evidence_left_unwritten", files=self.waiting())

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._stopping.is_set())
            faults = self.faults
            if not self._write_first() or self.faults > faults:
                self._clock.sleep(_RETRY_S, self._stopping)

    def _write_first(self) -> bool:
        """Try to write the file that waited longest; False when the store refused it."""
        with self._changed:
            if not self._waiting:
                return True
            key, (data, media_type) = next(iter(self._waiting.items()))
        try:
            self._blobs.put(key, data, media_type=media_type)
        except StorageError as error:
            self._turn_late(str(error))
            return False
        except Exception as error:  # the thread's top: the file is kept, and the others are tried before it again
            log.exception("evidence_writing_crashed", key=key)
            with self._changed:
                self.faults += 1
                if key in self._waiting:
                    self._waiting.move_to_end(key)
            self._turn_late(f"{type(error).__name__}: {error}")
            return True
        with self._changed:
            if self._waiting.pop(key, None) is not None:
                self._bytes -= len(data)
            if not self._waiting and self._late:
                self._late = False
                log.info("evidence_written", last=key)
            self._changed.notify_all()
        return True

    def _turn_late(self, reason: str) -> None:
        with self._changed:
            if not self._late:
                log.warning("evidence_waits", reason=reason)
            self._late = True
            self._changed.notify_all()
