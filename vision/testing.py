"""Fakes that ship with the package: a clock to turn by hand, sources and detectors that follow a script."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from vision.cases.platform import CaseChange, CaseDraft, CaseReport, Promise
from vision.core.detections import Detections
from vision.core.errors import NotThereError, Rejected, RetryLater, SourceError
from vision.core.frames import Frame, Image
from vision.core.incidents import CaseStatus

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

    def jump(self, by: timedelta) -> None:
        """Somebody sets the wall clock; the monotonic one goes on."""
        self._start += by

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


class Trouble(StrEnum):
    """What a FlakyCasePlatform does at one call."""

    REFUSE_NOW = "refuse_now"  # not taken, try again
    REFUSE = "refuse"  # not taken, for good
    LOSE_ANSWER = "lose_answer"  # taken, but nobody hears of it
    CRASH = "crash"  # taken, and then the caller dies


class Crashed(BaseException):
    """Stands for SIGKILL: nothing catches it but the test."""


@dataclass
class FlakyCasePlatform:
    """A case platform in memory that follows a script of troubles, then behaves.

    Attributes:
        cases: every case that it made: (case id, reference), in order.
        lost: cases that it no longer knows of.
    """

    promise: Promise = Promise.IDEMPOTENT
    troubles: list[Trouble] = field(default_factory=list)
    cases: list[tuple[str, str]] = field(default_factory=list)
    changes: list[tuple[str, CaseChange]] = field(default_factory=list)
    statuses: dict[str, CaseStatus] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    drafts: list[CaseDraft] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    def check(self) -> list[str]:
        return []

    def file(self, draft: CaseDraft) -> CaseReport:
        self.calls.append("file")
        self.drafts.append(draft)
        trouble = self.troubles.pop(0) if self.troubles else None
        self._refuse(trouble)
        known = [case_id for case_id, reference in self.cases if reference == draft.reference]
        if not known or self.promise is not Promise.IDEMPOTENT:
            self.cases.append((f"case-{len(self.cases) + 1}", draft.reference))
        case_id = known[0] if known and self.promise is Promise.IDEMPOTENT else self.cases[-1][0]
        self._lose(trouble)
        return CaseReport(case_id, self.statuses.setdefault(case_id, CaseStatus.FILED), "accepted")

    def find(self, draft: CaseDraft) -> CaseReport | None:
        self.calls.append("find")
        found = [case_id for case_id, reference in self.cases if reference == draft.reference]
        return CaseReport(found[0], CaseStatus.FILED, "found") if found else None

    def change(self, case_id: str, change: CaseChange) -> CaseReport | None:
        self.calls.append("change")
        trouble = self.troubles.pop(0) if self.troubles else None
        self._refuse(trouble)
        if change.reference not in {known.reference for _case, known in self.changes}:
            self.changes.append((case_id, change))
        self._lose(trouble)
        status = CaseStatus.CLOSED if change.closes else self.statuses.get(case_id, CaseStatus.FILED)
        self.statuses[case_id] = status
        return CaseReport(case_id, status, "noted")

    def report(self, case_id: str) -> CaseReport:
        self.calls.append("report")
        if case_id in self.lost:
            raise Rejected(f"no case {case_id}")
        return CaseReport(case_id, self.statuses[case_id], self.statuses[case_id].value)

    def close(self) -> None:
        """Nothing to release."""

    @staticmethod
    def _refuse(trouble: Trouble | None) -> None:
        if trouble is Trouble.REFUSE_NOW:
            raise RetryLater("busy")
        if trouble is Trouble.REFUSE:
            raise Rejected("we do not take this")

    @staticmethod
    def _lose(trouble: Trouble | None) -> None:
        if trouble is Trouble.LOSE_ANSWER:
            raise RetryLater("no answer", outcome_unknown=True)
        if trouble is Trouble.CRASH:
            raise Crashed
