"""A hub as `vision hub` runs it, and a note of every finding once its transaction has been committed.

`python -m benchmarks.cluster_hub CITY.yaml NOTES`
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cluster_street import Notes
from vision.app.hub import hub
from vision.config.schema import load
from vision.core.clock import SystemClock
from vision.core.findings import Finding
from vision.hub.fences import Fences
from vision.hub.incidents import IncidentService
from vision.logs import configure


def note_takes(notes: Notes) -> None:
    """Watch two functions of the product from outside: what is committed, and what is refused as stale."""
    take: Callable[..., int] = IncidentService.take
    admit = Fences.admit

    def noted_take(self: IncidentService, findings: Sequence[Finding], *guard: Any) -> int:
        count = take(self, findings, *guard)
        now_s = SystemClock().monotonic_s()
        for finding in findings:
            notes.write("T", finding.id, now_s)
        return count

    def noted_admit(self: Fences, finding: Finding) -> bool:
        admitted = admit(self, finding)
        if not admitted:
            notes.write("R", finding.id, SystemClock().monotonic_s())
        return admitted

    IncidentService.take = noted_take  # type: ignore[method-assign,assignment]
    Fences.admit = noted_admit  # type: ignore[method-assign]


def run() -> None:
    city = load(Path(sys.argv[1]))
    configure(process="hub")
    note_takes(Notes(Path(sys.argv[2]) / f"hub-{os.getpid()}"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    assert city.redis is not None
    with hub(city, city.redis):
        print("up", flush=True)
        stop.wait()


if __name__ == "__main__":
    run()
