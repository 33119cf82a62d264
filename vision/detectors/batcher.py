"""One inference thread a device, fed by every camera: pictures wait a moment, go together, and answers come back."""

import threading
from collections import Counter, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import structlog

from vision.core.clock import Clock, SystemClock
from vision.core.detections import Detections
from vision.core.errors import DetectorError
from vision.core.frames import Image
from vision.core.ports import Detector
from vision.detectors.letterbox import check_image

log = structlog.get_logger()


class Done(Protocol):
    def __call__(self, answer: Detections | DetectorError, /) -> None: ...


@runtime_checkable
class StreamingDetector(Protocol):
    """A detector that takes the next picture while earlier ones are computed, and so needs no batches."""

    def start(self, image: Image, done: Done) -> None: ...


@dataclass(slots=True)
class BatcherCounts:
    """What went through, read by health and metrics; only ever grows.

    Attributes:
        dropped: by camera, pictures that newer ones pushed out of the full queue.
    """

    done: int = 0
    failed: int = 0
    batches: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Ask:
    image: Image
    camera_id: str
    answer: "Future[Detections]"


class Batcher:
    """Shares one detector among cameras.

    Pictures queue up to `capacity`; when it is full the oldest waiting one is dropped, its future cancelled and the
    drop counted for its camera. A batch goes off when it has `max_batch` pictures or the first has waited `wait_s`.
    A StreamingDetector gets each picture at once instead: it keeps its own device full.
    """

    def __init__(
        self,
        detector: Detector,
        max_batch: int = 16,
        wait_s: float = 0.035,
        *,
        capacity: int = 256,
        clock: Clock | None = None,
    ) -> None:
        self.counts = BatcherCounts()
        self._detector = detector
        self._max_batch = max_batch
        self._wait_s = wait_s
        self._capacity = capacity
        self._clock = clock or SystemClock()
        self._waiting: deque[_Ask] = deque()
        self._changed = threading.Condition()
        self._closing = False
        work = self._stream if isinstance(detector, StreamingDetector) else self._batch
        self._thread = threading.Thread(target=work, name="inference", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Pictures in the queue now."""
        return len(self._waiting)

    def submit(self, image: Image, camera_id: str = "") -> "Future[Detections]":
        """Ask for one picture's boxes; never blocks.

        The future raises DetectorError when inference failed or the picture is not an 8-bit colour one, and
        CancelledError when newer pictures pushed this one out.

        Raises:
            DetectorError: the batcher is closed.
        """
        answer: Future[Detections] = Future()
        try:
            check_image(image)
        except DetectorError as error:
            answer.set_exception(error)
            return answer
        pushed_out: _Ask | None = None
        with self._changed:
            if self._closing:
                raise DetectorError("the batcher is closed and takes no more pictures")
            if len(self._waiting) >= self._capacity:
                pushed_out = self._waiting.popleft()
                self.counts.dropped[pushed_out.camera_id] += 1
            self._waiting.append(_Ask(image, camera_id, answer))
            self._changed.notify()
        if pushed_out is not None:
            pushed_out.answer.cancel()
        return answer

    def close(self, timeout_s: float = 30.0) -> None:
        """Answer what waits, stop the thread and close the detector."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        self._detector.close()

    def _stream(self) -> None:
        detector = self._detector
        assert isinstance(detector, StreamingDetector)
        while (ask := self._next()) is not None:
            if not ask.answer.set_running_or_notify_cancel():
                continue
            try:
                detector.start(ask.image, lambda answer, ask=ask: self._answer(ask, answer))
            except Exception as error:  # noqa: BLE001 - thread top: one picture's failure is its own
                self._answer(ask, _as_detector_error(error))

    def _batch(self) -> None:
        while (first := self._next()) is not None:
            asks = [ask for ask in [first, *self._companions()] if ask.answer.set_running_or_notify_cancel()]
            if not asks:
                continue
            answers: list[Detections | DetectorError]
            try:
                answers = list(self._detector.detect([ask.image for ask in asks]))
            except Exception as error:  # noqa: BLE001 - thread top: the cameras of this batch hear of it
                answers = [_as_detector_error(error)] * len(asks)
            self.counts.batches += 1
            for ask, answer in zip(asks, answers, strict=True):
                self._answer(ask, answer)

    def _next(self) -> _Ask | None:
        """The oldest waiting picture; None once closed and empty."""
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return None
                self._changed.wait()
            return self._waiting.popleft()

    def _companions(self) -> list[_Ask]:
        """What comes within `wait_s` to go along with a first picture, up to the batch's size."""
        until = self._clock.monotonic_s() + self._wait_s
        taken: list[_Ask] = []
        with self._changed:
            while len(taken) < self._max_batch - 1:
                if self._waiting:
                    taken.append(self._waiting.popleft())
                    continue
                left_s = until - self._clock.monotonic_s()
                if self._closing or left_s <= 0:
                    break
                self._changed.wait(left_s)
        return taken

    def _answer(self, ask: _Ask, answer: Detections | DetectorError) -> None:
        if isinstance(answer, DetectorError):
            self.counts.failed += 1
            log.warning("inference_failed", camera_id=ask.camera_id, error=str(answer))
            ask.answer.set_exception(answer)
        else:
            self.counts.done += 1
            ask.answer.set_result(answer)


def _as_detector_error(error: Exception) -> DetectorError:
    return error if isinstance(error, DetectorError) else DetectorError(f"inference failed: {error}")
