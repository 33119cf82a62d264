"""Findings from workers to the hub, over a Redis stream with a consumer group."""

import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
import structlog

from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.registry import redact_url

log = structlog.get_logger()
STREAM = "streetward:findings"
GROUP = "hub"
_MOST_KEPT = 2_000_000  # entries; beyond it the oldest go: about an hour of a city with the hub down


class RedisBus:
    """At least once: what was read and not acknowledged is read again after a restart, oldest first."""

    def __init__(self, url: str, *, consumer: str = "hub", stream: str = STREAM) -> None:
        self._url = url
        self._client = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._stream, self._consumer = stream, consumer
        self._grouped = False
        self._unfinished_after: str | None = "0"  # None once all that a dead predecessor left is read again

    def publish(self, findings: Sequence[Finding]) -> None:
        if not findings:
            return
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            for finding in findings:
                body = json.dumps(finding.to_record(), ensure_ascii=False, separators=(",", ":"))
                pipe.xadd(self._stream, {"f": body}, maxlen=_MOST_KEPT, approximate=True)
            pipe.execute()

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        with self._telling():
            self._ensure_group()
            if self._unfinished_after is not None:
                entries = self._entries(self._unfinished_after, limit, None)
                if entries:
                    self._unfinished_after = entries[-1][0]
                    return self._decode(entries)
                self._unfinished_after = None
            return self._decode(self._entries(">", limit, max(1, int(wait_s * 1000))))

    def acknowledge(self, delivery_ids: Iterable[str]) -> None:
        ids = list(delivery_ids)
        if ids:
            with self._telling():
                pipe = self._client.pipeline(transaction=False)
                pipe.xack(self._stream, GROUP, *ids)
                pipe.xdel(self._stream, *ids)
                pipe.execute()

    def waiting(self) -> int:
        """How many findings the hub has not finished yet."""
        with self._telling():
            return int(self._client.xlen(self._stream))

    def close(self) -> None:
        self._client.close()

    def _entries(self, after: str, limit: int, block_ms: int | None) -> list[tuple[str, dict[bytes, bytes]]]:
        answer: Any = self._client.xreadgroup(GROUP, self._consumer, {self._stream: after}, count=limit, block=block_ms)
        if not answer:
            return []
        streams = answer.values() if isinstance(answer, dict) else [rows for _name, rows in answer]
        rows = next(iter(streams))
        if rows and isinstance(rows[0], list):  # RESP3 nests once more
            rows = rows[0]
        return [(key.decode(), fields) for key, fields in rows]

    def _decode(self, entries: list[tuple[str, dict[bytes, bytes]]]) -> list[tuple[str, Finding]]:
        good, bad = [], []
        for key, fields in entries:
            try:
                good.append((key, Finding.from_record(json.loads(fields[b"f"]))))
            except (ValueError, KeyError, TypeError) as error:
                bad.append(key)
                log.warning("finding_refused", delivery=key, reason=str(error))
        self.acknowledge(bad)
        return good

    def _ensure_group(self) -> None:
        if self._grouped:
            return
        try:
            self._client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._grouped = True

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            self._grouped = False  # a server that came back empty has no group
            raise StorageError(f"finding bus {redact_url(self._url)}: {error}") from error


class MemoryBus:
    """The same in one process, for tests and trials."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Finding]] = deque()
        self._unfinished: dict[str, Finding] = {}
        self._arrived = threading.Condition()
        self._count = 0

    def publish(self, findings: Sequence[Finding]) -> None:
        with self._arrived:
            for finding in findings:
                self._count += 1
                self._waiting.append((str(self._count), finding))
            self._arrived.notify_all()

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        with self._arrived:
            if not self._waiting and wait_s > 0:
                self._arrived.wait(wait_s)
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._unfinished.update(taken)
            return taken

    def acknowledge(self, delivery_ids: Iterable[str]) -> None:
        with self._arrived:
            for key in delivery_ids:
                self._unfinished.pop(key, None)

    def waiting(self) -> int:
        with self._arrived:
            return len(self._waiting) + len(self._unfinished)

    def close(self) -> None:
        """Nothing to release."""
