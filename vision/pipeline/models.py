"""Exchanging a worker's model under its looks: the wanted one is loaded beside the present one, then takes over."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from vision.core.clock import Clock
from vision.core.detections import Detections
from vision.core.errors import DetectorError, StorageError, StreetwardError
from vision.core.frames import Image

log = structlog.get_logger()
_FOLLOW_S = 1.0


class Batcher(Protocol):
    def submit(self, image: Image, camera_id: str) -> "Future[Detections]": ...

    def close(self) -> None:
        """Answers what waits, then lets the detector go."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. `name`: as the catalogue or the configuration calls it; `version`: as findings record it."""

    name: str
    names: tuple[str, ...]
    version: str
    batcher: Batcher


@dataclass(frozen=True, slots=True)
class Wish:
    """The model that the hub wants. `number` differs from wish to wish: the same model can be wished for again."""

    name: str
    number: int


class Board(Protocol):
    """What the exchange asks of storage.board.Board."""

    def wanted_model(self) -> Mapping[str, Any] | None: ...

    def post_model(self, worker: str, record: Mapping[str, Any]) -> None: ...


class Exchange:
    """The model that looks now. A look that is on its way is answered by the model it went to."""

    def __init__(self, load: Callable[[str], Model], first: str) -> None:
        """`load` raises StreetwardError when a model cannot be used.

        Raises:
            StreetwardError: the first one cannot.
        """
        self._load = load
        self._present = load(first)
        self._taken: int | None = None  # number of the last wish that was dealt with
        self.state = "ready"
        self.reason = ""
        self.wanted = first
        self.switched: Callable[[], None] = lambda: None
        """Called after a model took over: whoever named classes or versions does so anew."""

    @property
    def names(self) -> tuple[str, ...]:
        return self._present.names

    @property
    def model(self) -> str:
        """Its name in the catalogue or its path, as it was asked for."""
        return self._present.name

    @property
    def version(self) -> str:
        return self._present.version

    def submit(self, image: Image, camera_id: str = "") -> "Future[Detections]":
        """Raises DetectorError when it is closed."""
        while True:
            present = self._present
            try:
                return present.batcher.submit(image, camera_id)
            except DetectorError:
                if present is self._present:
                    raise

    def take(self, wish: Wish, telling: Callable[[], None] = lambda: None) -> None:
        """Load what is wanted and let it take over; when it cannot be loaded the present one stays.

        `telling` is called when loading begins, which may take a while.
        """
        if wish.number == self._taken:
            return
        self._taken, self.wanted = wish.number, wish.name
        if wish.name == self._present.name:
            self.state, self.reason = "ready", ""
            return
        self.state, self.reason = "loading", ""
        telling()
        try:
            made = self._load(wish.name)
        except StreetwardError as error:
            self.fail(str(error))
            return
        before, self._present = self._present, made
        self.switched()
        before.batcher.close()
        self.state = "ready"
        log.info("model_switched", model=made.version, before=before.version)

    def fail(self, reason: str) -> None:
        """The wanted model cannot take over; the present one goes on."""
        self.state, self.reason = "failed", reason
        log.warning("model_not_loaded", model=self.wanted, kept=self._present.version, reason=reason)

    def record(self) -> dict[str, Any]:
        """What the hub is told of it."""
        present = self._present
        return {
            "model": present.name,
            "version": present.version,
            "wanted": self.wanted,
            "state": self.state,
            "reason": self.reason,
        }

    def close(self) -> None:
        self._present.batcher.close()


class ModelFollower:
    """Takes the hub's wish from the board once a second and posts what looks now, in a thread of its own."""

    def __init__(
        self,
        worker: str,
        exchange: Exchange,
        board: Board,
        clock: Clock,
        shadow: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        """`shadow`: what shadow.Shadow has to tell, posted along."""
        self._worker, self._exchange, self._board, self._clock = worker, exchange, board, clock
        self._shadow = shadow
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        self._stop.set()
        self._thread.join(wait_s)

    def once(self) -> None:
        """Raises StorageError."""
        wish = self._board.wanted_model()
        if wish is not None and wish.get("name"):
            self._exchange.take(Wish(str(wish["name"]), int(wish["number"])), self._post)
        self._post()

    def _post(self) -> None:
        record = {**self._exchange.record(), "at": self._clock.now().isoformat()}
        if self._shadow is not None:
            record["shadow"] = self._shadow()
        self._board.post_model(self._worker, record)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.once()
            except StorageError as error:
                log.warning("model_not_followed", worker=self._worker, reason=str(error))
            except Exception as error:  # the thread's top: a runtime's own fault must not end the looking
                log.exception("model_exchange_crashed", worker=self._worker)
                self._exchange.fail(f"{type(error).__name__}: {error}")
            self._clock.sleep(_FOLLOW_S, self._stop)
