"""One time for all processes of a city: Redis's, since all of them meet there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from vision.core.clock import SteeredClock
from vision.core.errors import StorageError
from vision.storage.board import Board

log = structlog.get_logger()
_EVERY_S = 5.0
_WORTH_TELLING_S = 2.0


@contextmanager
def common_time(board: Board) -> Iterator[SteeredClock]:
    """A clock that follows the server's, asked every few seconds; an unreachable server leaves it running on."""
    clock, stop = SteeredClock(board.time), threading.Event()
    _steer(clock)
    thread = threading.Thread(target=_follow, args=(clock, stop), name="common-time", daemon=True)
    thread.start()
    try:
        yield clock
    finally:
        stop.set()
        thread.join(1)


def _follow(clock: SteeredClock, stop: threading.Event) -> None:
    while not stop.is_set():
        clock.sleep(_EVERY_S, stop)
        _steer(clock)


def _steer(clock: SteeredClock) -> None:
    before_s = clock.off_s()
    try:
        clock.steer()
    except StorageError:  # told by whoever needs the server for more than its time
        return
    off_s = clock.off_s()
    if abs(off_s) > _WORTH_TELLING_S and abs(off_s - before_s) > _WORTH_TELLING_S:
        log.warning("clock_set_right", off_s=round(off_s, 1))
