"""What a worker is made of, and what it asks of each part."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vision.core.clock import Clock
from vision.core.detections import Detections
from vision.core.findings import Finding, Why
from vision.core.frames import Frame, Image
from vision.core.ports import BlobStore
from vision.core.registry import Camera, View
from vision.pipeline.asked import Batcher
from vision.pipeline.holding import Leases, SignOfLife
from vision.pipeline.pace import Tally
from vision.pipeline.previews import Previews
from vision.pipeline.spool import Spool


class Analyser(Protocol):
    """What a worker asks of pipeline.guarded.GuardedAnalyser."""

    @property
    def view(self) -> View: ...

    @property
    def trouble(self) -> Why | None: ...

    @property
    def parked(self) -> Mapping[str, tuple[int, datetime]]: ...

    def look(self, frame: Frame, detections: Detections) -> list[Finding]: ...

    def take_reference(self) -> Image | None: ...

    def accept(self) -> None: ...

    def blind(self, at: datetime, why: Why) -> list[Finding]:
        """Unknown findings for every zone, while nothing can be seen."""
        ...

    def to_record(self) -> dict[str, Any]: ...

    def restore(self, record: dict[str, Any]) -> None: ...


class Watch(Protocol):
    """What a worker asks of streams.watch.Watch."""

    def apply(self, cameras: list[Camera]) -> None: ...

    def visit_soon(self, camera_id: str) -> None: ...

    def hold(self, camera_ids: frozenset[str]) -> None: ...

    def boost(self, camera_ids: frozenset[str]) -> None: ...

    def rounds(self) -> Any: ...

    def clip(self, camera_id: str, begin: datetime, end: datetime) -> bytes: ...

    def health(self) -> Mapping[str, Any]: ...

    def stop(self) -> None: ...


class Mailbox(Protocol):
    def take(self, limit: int, wait_s: float) -> list[Frame]: ...

    def rank(self, priorities: Mapping[str, int]) -> None: ...

    def boost(self, camera_ids: frozenset[str]) -> None: ...

    def thin(self, share: float) -> None: ...

    def tallies(self) -> Mapping[int, Tally]: ...

    def close(self) -> None: ...


class Board(SignOfLife, Protocol):
    """What a worker asks of storage.board.Board."""

    def share(self, worker: str) -> frozenset[str] | None: ...

    def registry_version(self) -> int | None: ...

    def registry(self) -> dict[str, Any] | None: ...

    def post_health(
        self,
        worker: str,
        cameras: Mapping[str, Mapping[str, Any]],
        *,
        at: str,
        patrol: Mapping[str, Any] | None,
        load: Mapping[str, Any],
    ) -> None: ...

    def forget_health(self, camera_ids: list[str]) -> None: ...

    def watched(self, *, now_s: float) -> set[str]: ...

    def held(self, *, now_s: float) -> Mapping[str, float]: ...

    def boosted(self) -> frozenset[str]: ...

    def post_look(self, camera_id: str, jpeg: bytes) -> None: ...

    def take_wanted(self, camera_ids: Iterable[str], *, now_s: float) -> set[str]: ...

    def post_reference(self, key: str, jpeg: bytes) -> None: ...

    def take_accepted(self, camera_ids: Iterable[str]) -> set[str]: ...

    def post_memory(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def memory(self, key: str) -> dict[str, Any] | None: ...


@dataclass(slots=True)
class Parts:
    """What a worker is made of; app.py says which. Without `previews` watchers get the looks as they are taken.

    `evidence_waiting`: files that the evidence store has not taken yet.
    """

    clock: Clock
    board: Board
    leases: Leases
    blobs: BlobStore
    spool: Spool
    mailbox: Mailbox
    watch: Watch
    batcher: Batcher
    make_analyser: Callable[[Camera, View], Analyser]
    previews: Previews | None = None
    evidence_waiting: Callable[[], int] = lambda: 0
