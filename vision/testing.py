"""Fakes that ship with the package: a clock to turn by hand, sources and detectors that follow a script."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vision.core.detections import Detections
from vision.core.errors import NotThereError, SourceError
from vision.core.frames import Frame, Image

EPOCH = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


class ManualClock:
    """A clock that moves only when told to; `sleep` moves it."""

    def __init__(self, start: datetime = EPOCH) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        if wake is None or not wake.is_set():
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed_s += seconds


@dataclass
class ScriptedSource:
    """Hands out the given frames; an exception in the list is raised at its turn."""

    script: Sequence[Frame | SourceError]
    opened: int = 0
    closed: int = 0
    _at: int = 0

    def open(self) -> None:
        self.opened += 1

    def frames(self) -> Iterator[Frame]:
        while self._at < len(self.script):
            item = self.script[self._at]
            self._at += 1
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        self.closed += 1


@dataclass
class ScriptedDetector:
    """Answers with the given detections in turn, the last one for ever."""

    names: tuple[str, ...]
    script: list[Detections]
    version: str = "scripted-1"
    seen: list[Image] = field(default_factory=list)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        answers = []
        for image in images:
            self.seen.append(image)
            answers.append(self.script.pop(0) if len(self.script) > 1 else self.script[0])
        return answers

    def close(self) -> None:
        """Nothing to release."""


class MemoryBlobs:
    """A blob store in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, *, media_type: str) -> None:  # noqa: ARG002 - the seam's signature
        self.blobs.setdefault(key, data)

    def get(self, key: str) -> bytes:
        try:
            return self.blobs[key]
        except KeyError:
            raise NotThereError(f"evidence {key} is not there") from None

    def exists(self, key: str) -> bool:
        return key in self.blobs

    def delete(self, key: str) -> None:
        self.blobs.pop(key, None)
