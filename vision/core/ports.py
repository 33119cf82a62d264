"""The seams: what each stage expects of the next, so that every back end can be swapped and faked."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from vision.core.detections import Detections
from vision.core.findings import Finding
from vision.core.frames import Frame, Image


class FrameSource(Protocol):
    """One camera's looks. A source never retries: it raises SourceError and the supervisor reopens it."""

    def open(self) -> None:
        """Connect.

        Raises:
            SourceError: refused, timed out, or not a stream.
        """
        ...

    def frames(self) -> Iterator[Frame]:
        """Looks, oldest first, until the stream ends (files) or fails (SourceError)."""
        ...

    def close(self) -> None:
        """Release the connection and its thread; safe to call twice and from another thread."""
        ...


class Detector(Protocol):
    """Boxes on pictures. One instance belongs to one inference thread."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""
        ...

    @property
    def version(self) -> str:
        """Name and version, as findings and evidence record it."""
        ...

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One Detections per picture, in that picture's own pixels; pictures may differ in size.

        Raises:
            DetectorError: inference failed.
        """
        ...

    def close(self) -> None: ...


class FindingBus(Protocol):
    """Findings from workers to the hub, at least once, in order per worker."""

    def publish(self, findings: Sequence[Finding]) -> None:
        """Raises StorageError when the bus cannot take them; the caller keeps them and tries again."""
        ...

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        """Up to `limit` findings not yet acknowledged, each with its delivery id; empty after `wait_s`."""
        ...

    def acknowledge(self, delivery_ids: Iterable[str]) -> None: ...

    def waiting(self) -> int:
        """Findings published and not yet finished; raises StorageError."""
        ...

    def oldest_s(self) -> float:
        """How long the oldest of them has been waiting; 0 when there is none. Raises StorageError."""
        ...

    def own(self, partitions: Collection[int]) -> None:
        """Read these parts of the city's findings and no others; of new ones what was left unfinished comes first."""
        ...

    def again(self) -> None:
        """Deliver everything that was read and not acknowledged once more."""
        ...


class BlobStore(Protocol):
    """Evidence files by key; a key once written never changes."""

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Raises StorageError (disk full, store away)."""
        ...

    def get(self, key: str) -> bytes:
        """Raises NotThereError when there is none."""
        ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None: ...
