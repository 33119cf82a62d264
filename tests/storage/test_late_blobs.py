import threading
import time
from collections.abc import Iterator

import pytest

from vision.core.clock import SystemClock
from vision.core.errors import StorageError
from vision.storage.late_blobs import LateBlobs
from vision.testing import MemoryBlobs


class Away(MemoryBlobs):
    away = False
    asked = 0

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        self.asked += 1
        if self.away:
            raise StorageError("away")
        super().put(key, data, media_type=media_type)


@pytest.fixture
def store() -> Away:
    return Away()


@pytest.fixture
def late(store: Away) -> Iterator[LateBlobs]:
    late = LateBlobs(store, SystemClock(), most_bytes=10)
    yield late
    late.close(0)


def test_a_store_that_answers_is_written_at_once(store: Away, late: LateBlobs) -> None:
    late.put("a", b"1", media_type="image/jpeg")
    assert store.blobs == {"a": b"1"}
    assert late.waiting() == 0


def test_what_a_store_that_is_away_did_not_take_is_written_when_it_is_back(store: Away, late: LateBlobs) -> None:
    store.away = True
    late.put("a", b"12345", media_type="image/jpeg")
    late.put("b", b"123", media_type="image/jpeg")
    late.put("b", b"123", media_type="image/jpeg")
    assert late.get("a") == b"12345"
    assert late.exists("b")
    assert late.waiting() == 2
    with pytest.raises(StorageError, match="wait for it already"):
        late.put("c", b"123456", media_type="image/jpeg")
    store.away = False
    until = time.monotonic() + 20
    while late.waiting() and time.monotonic() < until:
        time.sleep(0.05)
    assert store.blobs == {"a": b"12345", "b": b"123"}


def test_only_the_first_of_an_outage_waits_for_the_store(store: Away, late: LateBlobs) -> None:
    store.away = True
    late.put("a", b"1", media_type="image/jpeg")
    asked = store.asked
    for n in range(5):
        late.put(f"b{n}", b"1", media_type="image/jpeg")
    assert store.asked <= asked + 1, "the others did not ask; the writing thread may have"


class Slow(MemoryBlobs):
    """Takes a file only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        self.let.wait(20)
        super().put(key, data, media_type=media_type)


def test_a_slow_store_is_waited_for_once_and_gets_every_file_in_the_end() -> None:
    store = Slow()
    late = LateBlobs(store, SystemClock(), patience_s=0.05)
    for n in range(50):
        late.put(f"b{n}", b"1", media_type="image/jpeg")
    assert late.waiting() == 50
    assert store.blobs == {}
    store.let.set()
    until = time.monotonic() + 20
    while late.waiting() and time.monotonic() < until:
        time.sleep(0.01)
    assert len(store.blobs) == 50
    late.put("after", b"1", media_type="image/jpeg")
    assert "after" in store.blobs, "written through again"
    late.close(0)


class Odd(MemoryBlobs):
    """Fails at one key as no store should."""

    mended = False

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        if key == "odd" and not self.mended:
            raise ValueError(key)
        super().put(key, data, media_type=media_type)


def test_a_fault_of_one_file_stops_no_other_and_loses_none() -> None:
    store = Odd()
    late = LateBlobs(store, SystemClock())
    for key in ("odd", "b", "c"):
        late.put(key, b"1", media_type="image/jpeg")
    until = time.monotonic() + 20
    while late.waiting() > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert set(store.blobs) == {"b", "c"}
    assert late.faults >= 1
    assert late.get("odd") == b"1"
    store.mended = True
    late.close()
    assert set(store.blobs) == {"odd", "b", "c"}


def test_a_store_that_answers_takes_what_is_larger_than_may_wait(store: Away, late: LateBlobs) -> None:
    late.put("clip", bytes(11), media_type="video/mp4")
    assert store.blobs == {"clip": bytes(11)}
