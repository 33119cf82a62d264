"""An outbox with incidents to file, and a dispatcher turned by hand."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.databases import new_database
from vision.cases.handler import CaseHandler
from vision.cases.outbox import Dispatcher, DispatchSettings, Settled
from vision.cases.pacing import Pacing
from vision.cases.platform import CasePlatform
from vision.core.codes import standard
from vision.core.incidents import DeliveryKind
from vision.storage.database import Database
from vision.storage.tables import CaseRow, IncidentRow, OutboxRow
from vision.testing import ManualClock

CASE_KINDS = (DeliveryKind.FILE, DeliveryKind.UPDATE, DeliveryKind.CLOSE)
EAGER = Pacing(concurrency=64, rate_per_s=10_000, burst=10_000, breaker_failures=1_000_000, backoff_most_s=60)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = new_database(tmp_path / "hub.db")
    yield database
    database.close()


@dataclass
class Outbox:
    """What the tests of the outbox do with the database."""

    database: Database
    clock: ManualClock

    def incident(self, incident_id: str = "inc-1", **values: Any) -> str:
        now = self.clock.now()
        row: dict[str, Any] = {
            "id": incident_id,
            "type": "garbage",
            "subtype": "exposed_garbage",
            "status": "open",
            "camera_id": "gate",
            "view_id": "main",
            "zone_id": "corner",
            "place": "人民路 12 号",
            "district": "east",
            "longitude": 121.4737,
            "latitude": 31.2304,
            "began_at": now - timedelta(minutes=10),
            "last_seen_at": now,
            "updated_at": now,
            "why_zh": "垃圾堆放 10 分钟",
            "why_en": "rubbish for 10 minutes",
            "confidence": 0.9,
        }
        with self.database.transaction() as session:
            session.add(IncidentRow(**(row | values)))
        return incident_id

    def put(
        self,
        incident_id: str = "inc-1",
        kind: DeliveryKind = DeliveryKind.FILE,
        target: str = "city",
        payload: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> int:
        now = self.clock.now()
        with self.database.transaction() as session:
            row = OutboxRow(
                incident_id=incident_id,
                kind=kind.value,
                target=target,
                idempotency_key=key or f"{incident_id}:{kind}:{target}",
                payload=dict(payload or {}),
                next_at=now,
                created_at=now,
            )
            session.add(row)
            session.flush()
            return row.id

    def row(self, row_id: int) -> OutboxRow:
        with self.database.reading() as session:
            return session.get_one(OutboxRow, row_id)

    def rows(self) -> list[OutboxRow]:
        with self.database.reading() as session:
            return list(session.scalars(select(OutboxRow).order_by(OutboxRow.id)))

    def waiting(self) -> bool:
        with self.database.reading() as session:
            query = select(OutboxRow.id).where(OutboxRow.status.in_(["pending", "sending"])).limit(1)
            return session.scalar(query) is not None

    def cases(self) -> list[CaseRow]:
        with self.database.reading() as session:
            return list(session.scalars(select(CaseRow).order_by(CaseRow.id)))

    def dispatcher(
        self,
        platforms: Mapping[str, CasePlatform],
        *,
        pacing: Pacing = EAGER,
        settled: Settled = lambda _session, _delivery, _outcome: None,
        reconcile_after_s: float = 15.0,
    ) -> Dispatcher:
        handler = CaseHandler(self.database, self.clock, platforms, standard(), reconcile_after_s=reconcile_after_s)
        return Dispatcher(
            self.database,
            self.clock,
            dict.fromkeys(CASE_KINDS, handler),
            settings=DispatchSettings(default=pacing),
            settled=settled,
            chance=random.Random(7),
        )

    def work_off(
        self, dispatcher: Dispatcher, *, seconds: float = 3600.0, until: Callable[[], bool] | None = None
    ) -> None:
        """Turn the clock and the dispatcher until nothing waits."""
        end_s = self.clock.monotonic_s() + seconds
        while self.clock.monotonic_s() < end_s:
            dispatcher.run_once()
            if until() if until else all(row.status in {"delivered", "dead"} for row in self.rows()):
                return
            self.clock.advance(20)


@pytest.fixture
def outbox(database: Database, clock: ManualClock) -> Outbox:
    return Outbox(database, clock)
