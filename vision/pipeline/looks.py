"""The way of a look through a worker: mailbox, detector, analyser, evidence, spool."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Protocol

import structlog

from vision.core.detections import Detections
from vision.core.errors import DetectorError
from vision.core.findings import Finding
from vision.core.frames import Frame
from vision.core.registry import View
from vision.detectors.tiling import Tiling
from vision.pipeline.asked import Asked, Batcher, Tilings, ask

log = structlog.get_logger()
_ANSWER_S = 60.0


class Mailbox(Protocol):
    def take(self, limit: int, wait_s: float) -> list[Frame]: ...


class Analyser(Protocol):
    @property
    def view(self) -> View: ...

    def look(self, frame: Frame, detections: Detections) -> list[Finding]: ...


class Looks:
    """Two threads: one feeds the detector, one judges what comes back, in the order in which it went in.

    At most `depth` pictures (a look and its tiles) are between the two; beyond that the feeder waits and the mailbox
    keeps only the newest look of each view, counting what it drops. So nothing queues without bound and the order of a
    view is kept.
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
        self._changed = threading.Condition()
        self._stopping = False
        self._pause = threading.Event()
        self.share = 1.0  # of its time that the feeder feeds; less when those who take findings in fall behind
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
            self._pause.set()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(wait_s)

    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def _feed(self) -> None:
        while not self._stopping:
            began_s = time.monotonic()
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting() < self._depth)
                widest = max((len(asked.answers) for asked in self._between), default=1)
                room = (self._depth - self._waiting()) // widest
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
            if self.share < 1:
                self._pause.wait(min(2.0, (time.monotonic() - began_s) * (1 - self.share) / self.share))

    def _waiting(self) -> int:
        """Pictures between feeder and judge."""
        return sum(len(asked.answers) for asked in self._between)

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
                self._judge_one(frame, asked.result(_ANSWER_S))
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
            self._done(analyser, frame, analyser.look(frame, detections))
            self.judged += 1
