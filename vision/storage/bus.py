"""Findings from workers to the hubs, over Redis streams with a consumer group: one stream for each part of the city."""

import json
import threading
import zlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
import structlog

from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.core.findings import Finding
from vision.core.registry import redact_url

log = structlog.get_logger()
STREAM = "streetward:findings"
GROUP = "hub"
PARTITIONS = 16  # many times the hubs that a city needs, so that they share evenly
_MOST_KEPT = 2_000_000  # entries; beyond it the oldest go: about an hour of a city with the hub down
_PATIENCE_S = 5.0


def partition_of(finding: Finding) -> int:
    """Looks of one part of the city go the same way, so that their order is kept and twins meet in one hub."""
    return zlib.crc32((finding.area or finding.camera_id).encode()) % PARTITIONS


def partition_in(delivery_id: str) -> int:
    return int(delivery_id.partition("/")[0])


class RedisBus:
    """At least once: what was read and not acknowledged is read again after a restart, oldest first.

    A partition has one reader at a time (hub.ownership sees to that), and every reader goes by the same name in the
    consumer group: so whoever takes a partition over first gets what its last reader left unfinished.
    """

    def __init__(self, url: str, *, consumer: str = "hub", stream: str = STREAM) -> None:
        self._url = url
        self._client = redis.Redis.from_url(url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)
        self._consumer = consumer
        # The first keeps the name that the only stream had, so that an upgrade leaves nothing behind.
        self._streams = [stream if n == 0 else f"{stream}:{n}" for n in range(PARTITIONS)]
        self._grouped: set[int] = set()
        self._after: dict[int, str | None] = dict.fromkeys(range(PARTITIONS), "0")  # None: all unfinished read again

    def publish(self, findings: Sequence[Finding]) -> None:
        if not findings:
            return
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            for finding in findings:
                body = json.dumps(finding.to_record(), ensure_ascii=False, separators=(",", ":"))
                stream = self._streams[partition_of(finding)]
                pipe.xadd(stream, {"f": body}, maxlen=_MOST_KEPT // PARTITIONS, approximate=True)
            pipe.execute()

    def own(self, partitions: Collection[int]) -> None:
        """Read these from now on; of those newly owned first what their last reader left unfinished."""
        self._after = {n: self._after.get(n, "0") for n in sorted(partitions)}

    def again(self) -> None:
        """Read everything that was read and not acknowledged once more."""
        self._after = dict.fromkeys(self._after, "0")

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        with self._telling():
            if not self._after:
                return []
            self._ensure_groups()
            unfinished = {n: after for n, after in self._after.items() if after is not None}
            if unfinished:
                found = self._entries(unfinished, limit, None)
                for n in unfinished:
                    self._after[n] = found[n][-1][0] if found.get(n) else None
                if delivered := self._decode(found):
                    return delivered
            fresh = {n: ">" for n, after in self._after.items() if after is None}
            return self._decode(self._entries(fresh, limit, max(1, int(wait_s * 1000)))) if fresh else []

    def acknowledge(self, delivery_ids: Iterable[str]) -> None:
        by_stream: dict[str, list[str]] = {}
        for delivery_id in delivery_ids:
            partition, _, key = delivery_id.partition("/")
            by_stream.setdefault(self._streams[int(partition)], []).append(key)
        if by_stream:
            with self._telling():
                pipe = self._client.pipeline(transaction=False)
                for stream, ids in by_stream.items():
                    pipe.xack(stream, GROUP, *ids)
                    pipe.xdel(stream, *ids)
                pipe.execute()

    def waiting(self) -> int:
        """How many findings the hubs have not finished yet."""
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            for stream in self._streams:
                pipe.xlen(stream)
            return sum(int(length) for length in pipe.execute())

    def oldest_s(self) -> float:
        """By the server's clock, which an entry's id begins with."""
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            for stream in self._streams:
                pipe.xrange(stream, count=1)
            pipe.time()
            *heads, (seconds, microseconds) = pipe.execute()
            since_ms = [int(head[0][0].partition(b"-")[0]) for head in heads if head]
            return max(0.0, seconds + microseconds / 1e6 - min(since_ms) / 1000) if since_ms else 0.0

    def close(self) -> None:
        self._client.close()

    def _entries(
        self, after: dict[int, str], limit: int, block_ms: int | None
    ) -> dict[int, list[tuple[str, dict[bytes, bytes]]]]:
        """New entries by partition."""
        numbers = {self._streams[n].encode(): n for n in after}
        count = max(1, limit // len(after))
        wanted: Any = {self._streams[n]: key for n, key in after.items()}
        answer: Any = self._client.xreadgroup(GROUP, self._consumer, wanted, count=count, block=block_ms)
        found = {}
        for name, rows in answer.items() if isinstance(answer, dict) else answer or []:
            flat = rows[0] if rows and isinstance(rows[0], list) else rows  # RESP3 nests once more
            found[numbers[name]] = [(key.decode(), fields) for key, fields in flat]
        return found

    def _decode(self, found: dict[int, list[tuple[str, dict[bytes, bytes]]]]) -> list[tuple[str, Finding]]:
        good, bad = [], []
        for n, entries in found.items():
            for entry, fields in entries:
                key = f"{n}/{entry}"
                try:
                    good.append((key, Finding.from_record(json.loads(fields[b"f"]))))
                except (ValueError, KeyError, TypeError) as error:
                    bad.append(key)
                    log.warning("finding_refused", delivery=key, reason=str(error))
        self.acknowledge(bad)
        return good

    def _ensure_groups(self) -> None:
        missing = sorted(self._after.keys() - self._grouped)
        if not missing:
            return
        pipe = self._client.pipeline(transaction=False)
        for n in missing:
            pipe.xgroup_create(self._streams[n], GROUP, id="0", mkstream=True)
        for answer in pipe.execute(raise_on_error=False):
            if isinstance(answer, redis.RedisError) and "BUSYGROUP" not in str(answer):
                raise answer
        self._grouped |= set(missing)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            self._grouped = set()  # a server that came back empty has no groups
            raise StorageError(f"finding bus {redact_url(self._url)}: {error}") from error


class MemoryBus:
    """The same in one process, for tests and trials."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, Finding]] = deque()
        self._since_s: dict[str, float] = {}
        self._unfinished: dict[str, Finding] = {}
        self._arrived = threading.Condition()
        self._count = 0

    def publish(self, findings: Sequence[Finding]) -> None:
        with self._arrived:
            for finding in findings:
                self._count += 1
                self._waiting.append((str(self._count), finding))
                self._since_s[str(self._count)] = SystemClock().monotonic_s()
            self._arrived.notify_all()

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        with self._arrived:
            if not self._waiting and wait_s > 0:
                self._arrived.wait(wait_s)
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._unfinished.update(taken)
            return taken

    def own(self, partitions: Collection[int]) -> None:
        """There is one reader."""

    def again(self) -> None:
        with self._arrived:
            self._waiting.extendleft(reversed(self._unfinished.items()))
            self._unfinished.clear()

    def acknowledge(self, delivery_ids: Iterable[str]) -> None:
        with self._arrived:
            for key in delivery_ids:
                self._unfinished.pop(key, None)
                self._since_s.pop(key, None)

    def waiting(self) -> int:
        with self._arrived:
            return len(self._waiting) + len(self._unfinished)

    def oldest_s(self) -> float:
        with self._arrived:
            return SystemClock().monotonic_s() - min(self._since_s.values()) if self._since_s else 0.0

    def close(self) -> None:
        """Nothing to release."""
