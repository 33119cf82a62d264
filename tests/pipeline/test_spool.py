from collections.abc import Sequence

from tests.pipeline.streets import finding
from vision.core.errors import StorageError
from vision.core.findings import Finding, FindingState
from vision.pipeline.spool import Spool
from vision.storage.bus import MemoryBus
from vision.testing import ManualClock


class FlakyBus(MemoryBus):
    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def publish(self, findings: Sequence[Finding]) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise StorageError("bus is away")
        super().publish(findings)


def sent(bus: MemoryBus) -> list[Finding]:
    return [f for _key, f in bus.read(wait_s=0, limit=10_000)]


def test_nothing_is_lost_and_the_order_is_kept_while_the_bus_is_away(clock: ManualClock) -> None:
    bus = FlakyBus(failures=2)
    spool = Spool(bus, clock)
    findings = [finding(FindingState.PRESENT, s) for s in range(5)]
    spool.put(findings[:3])
    assert [spool.flush_once(), spool.flush_once()] == [False, False]
    spool.put(findings[3:])
    assert spool.flush_once() is True
    assert sent(bus) == findings
    assert (spool.waiting(), spool.dropped) == (0, 0)


def test_a_full_spool_gives_up_the_oldest_and_counts_them(clock: ManualClock) -> None:
    bus = FlakyBus(failures=1)
    spool = Spool(bus, clock, limit=3)
    findings = [finding(FindingState.PRESENT, s) for s in range(5)]
    spool.put(findings)
    spool.flush_once()
    spool.flush_once()
    assert sent(bus) == findings[2:]
    assert spool.dropped == 2


def test_what_waits_is_sent_before_it_stops(clock: ManualClock) -> None:
    bus = MemoryBus()
    spool = Spool(bus, clock)
    spool.start()
    findings = [finding(FindingState.PRESENT, s) for s in range(1200)]
    spool.put(findings)
    spool.stop()
    assert len(sent(bus)) == 1200
