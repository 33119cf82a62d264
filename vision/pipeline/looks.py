"""The way of a look through a worker: mailbox, detector, analyser, evidence, spool."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Protocol

import structlog

from vision.core.clock import SystemClock
from vision.core.detections import Detections
from vision.core.errors import DetectorError
from vision.core.findings import Finding
from vision.core.frames import Frame
from vision.core.registry import View
from vision.detectors.tiling import Tiling
from vision.pipeline.asked import Asked, Batcher, Tilings, ask
from vision.pipeline.spent import Spent, Stage

log = structlog.get_logger()
_ANSWER_S = 60.0
_FRESH_S = 2.0  # of the detector's work that may wait before it: more would only make looks old, and rank for nothing
_LEAST_DEPTH = 8


class Mailbox(Protocol):
    def take(self, limit: int, wait_s: float) -> list[Frame]: ...


class Analyser(Protocol):
    @property
    def view(self) -> View: ...

    def look(self, frame: Frame, detections: Detections) -> list[Finding]: ...


class Looks:
    """Two threads: one feeds the detector, one judges what comes back, in the order in which it went in.

    At most `depth` pictures (a look and its tiles) are between the two, and no more than the detector answers in two
    seconds; beyond that the feeder waits and the mailbox keeps only the newest look of each view, counting what it
    drops. So nothing queues without bound, a slow detector gets fresh looks, and the order of a view is kept.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        batcher: Batcher,
        analyser_of: Callable[[str, str], Analyser | None],
        done: Callable[[Analyser, Frame, list[Finding]], None],
        *,
        depth: int = 32,
    ) -> None:
        """`analyser_of(camera_id, view_id)`: None for a camera that is no longer ours."""
        self._mailbox, self._batcher = mailbox, batcher
        self._analyser_of, self._done = analyser_of, done
        self._depth = depth
        self._tilings = Tilings()
        self._between: deque[Asked] = deque()
        self._answered: deque[tuple[float, int]] = deque()  # when, and how many pictures
        self._clock = SystemClock()
        self._changed = threading.Condition()
        self._stopping = False
        self.spent = Spent()
        self.judged = 0
        self.failed = 0
        self._threads = [
            threading.Thread(target=self._feed, name="looks-feed", daemon=True),
            threading.Thread(target=self._judge, name="looks-judge", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, wait_s: float = 3.0) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(wait_s)

    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def _feed(self) -> None:
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting() < self._allowed())
                widest = max((len(asked.answers) for asked in self._between), default=1)
                room = (self._allowed() - self._waiting()) // widest
            for frame in self._mailbox.take(max(1, min(room, 8)), 0.2):
                try:
                    asked = ask(self._batcher, frame, self._tiling(frame))
                except DetectorError as error:  # an empty picture, or closing down
                    self.failed += 1
                    log.warning("look_not_taken", camera=frame.camera_id, reason=str(error))
                    continue
                with self._changed:
                    self._between.append(asked)
                    self._changed.notify_all()

    def _waiting(self) -> int:
        """Pictures between feeder and judge."""
        return sum(len(asked.answers) for asked in self._between)

    def _allowed(self) -> int:
        """Pictures that may be between feeder and judge now."""
        now_s = self._clock.monotonic_s()
        while self._answered and now_s - self._answered[0][0] > _FRESH_S:
            self._answered.popleft()
        return min(self._depth, max(_LEAST_DEPTH, sum(count for _at, count in self._answered)))

    def _tiling(self, frame: Frame) -> Tiling | None:
        analyser = self._analyser_of(frame.camera_id, frame.view_id)
        return None if analyser is None else self._tilings.of(frame, analyser.view)

    def _judge(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or bool(self._between))
                if not self._between:
                    return
                asked = self._between.popleft()
                self._changed.notify_all()
            frame = asked.frame
            try:
                with self.spent.on(Stage.DETECTOR):
                    detections = asked.result(_ANSWER_S)
                with self._changed:
                    self._answered.append((self._clock.monotonic_s(), len(asked.answers)))
                    self._changed.notify_all()
                self._judge_one(frame, detections)
            except CancelledError:
                self.failed += 1  # pushed out by newer looks; the batcher has counted it for its camera
            except (DetectorError, TimeoutError) as error:
                self.failed += 1
                log.warning("look_failed", camera=frame.camera_id, reason=str(error) or "the detector did not answer")
            except Exception:  # a look's fault must not end all cameras'
                self.failed += 1
                log.exception("look_crashed", camera=frame.camera_id)

    def _judge_one(self, frame: Frame, detections: Detections) -> None:
        analyser = self._analyser_of(frame.camera_id, frame.view_id)
        if analyser is not None:
            with self.spent.on(Stage.RULES):
                findings = analyser.look(frame, detections)
            self._done(analyser, frame, findings)
            self.judged += 1
