"""Waiting for threads without asserting how long they take."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

from vision.core.frames import Frame
from vision.core.ports import FrameSource


def eventually(condition: Callable[[], bool], within_s: float = 60.0) -> bool:
    """Whether the condition came true in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True


def looks(source: FrameSource, count: int) -> list[Frame]:
    """The first looks of a source, opened and closed."""
    source.open()
    frames: Iterator[Frame] = source.frames()
    try:
        return list(islice(frames, count))
    finally:
        source.close()
        frames.close()  # type: ignore[attr-defined]


def threads_named(prefix: str) -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(prefix)]
