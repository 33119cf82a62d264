"""The last seconds of a camera's stream as it came from the network, in bounded memory.

The socket is read straight into the ring's segments: keeping evidence costs no copy. A segment begins at a
packet, so that what is left after the oldest ones went can be read from its beginning.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

SEGMENT_BYTES: Final = 128 * 1024 - 64
"""More than the largest interleaved packet (65,539 bytes) by enough to make each read worth its system call;
a little under a power of two, so that the allocator's own bytes do not cost a page."""


@dataclass(slots=True)
class Segment:
    """A stretch of the stream from a packet's beginning; its buffer is written once, then only read.

    Attributes:
        began_s: monotonic time of its first byte.
        used: bytes filled, whole packets and perhaps the beginning of one that the next segment repeats.
        whole: bytes that are whole packets.
    """

    began_s: float
    buffer: bytearray = field(default_factory=lambda: bytearray(SEGMENT_BYTES))
    used: int = 0
    whole: int = 0


class PacketRing:
    """Segments of the last `seconds`, never more than `most_bytes`; zero seconds keeps only the one being filled."""

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self.seconds = seconds
        self.most_segments = max(1, most_bytes // SEGMENT_BYTES) if seconds > 0 else 1
        self._segments: deque[Segment] = deque()
        self._lock = threading.Lock()

    def turn(self, now_s: float, tail: bytes) -> Segment:
        """A fresh segment that begins with `tail`, the packet cut off at the last one's end; drops what is too old."""
        fresh = Segment(now_s)
        fresh.buffer[: len(tail)] = tail
        fresh.used = len(tail)
        with self._lock:
            while self._segments and (len(self._segments) >= self.most_segments or self._over(now_s)):
                self._segments.popleft()
            self._segments.append(fresh)
        return fresh

    def _over(self, now_s: float) -> bool:
        """Whether the oldest segment's end, which is the next one's beginning, is out of the time kept."""
        return len(self._segments) > 1 and self._segments[1].began_s < now_s - self.seconds

    def held_bytes(self) -> int:
        with self._lock:
            return len(self._segments) * SEGMENT_BYTES

    def segments(self) -> list[tuple[bytearray, int]]:
        """Buffers and how much of each is whole packets, oldest first; safe to read while the camera goes on."""
        with self._lock:
            return [(segment.buffer, segment.whole) for segment in self._segments]
