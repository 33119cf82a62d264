"""Kills the sender of cases at every boundary, one after the other, and counts what is lost and what is doubled.

A boundary is each moment before and after a writing statement, a commit, or a call to the platform. The killed sender
leaves exactly what SIGKILL would: committed transactions and what the platform has heard. Its successor starts afresh.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from pydantic import TypeAdapter
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from vision.cases.build import Surroundings, build_platform
from vision.cases.handler import CaseHandler
from vision.cases.links import Links
from vision.cases.outbox import Dispatcher, DispatchSettings
from vision.cases.pacing import Pacing
from vision.config.cases import PlatformConfig
from vision.core.codes import standard
from vision.core.delivery import Delivery, Receipt
from vision.core.errors import Rejected
from vision.core.incidents import DeliveryKind, DeliveryStatus
from vision.sandbox.platform import SandboxPlatform
from vision.sandbox.platform_cases import SandboxCase
from vision.sandbox.platform_configs import platform_values
from vision.storage.database import Database
from vision.storage.tables import CaseRow, IncidentRow, OutboxRow
from vision.testing import ManualClock, MemoryBlobs

TARGET = "city"
_LIFE: tuple[tuple[DeliveryKind, dict[str, Any]], ...] = (
    (DeliveryKind.FILE, {}),
    (DeliveryKind.UPDATE, {"change": "still_there"}),
    (DeliveryKind.CLOSE, {"change": "gone"}),
)
_EAGER = Pacing(concurrency=8, rate_per_s=1000, burst=1000, backoff_first_s=1, backoff_most_s=30)
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """SIGKILL: nothing may catch it but whoever starts the successor."""


@dataclass
class Boundaries:
    """Counts boundaries as they are passed, and kills at number `kill_at`."""

    kill_at: int | None = None
    passed: list[str] = field(default_factory=list)

    def pass_(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.kill_at:
            raise Killed(name)

    @contextmanager
    def watching(self, database: Database) -> Iterator[None]:
        """Boundaries of the database: around writing statements and commits."""

        def before(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith(_WRITES):
                self.pass_(f"before {_what(statement)}")

        def after(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith(_WRITES):
                self.pass_(f"after {_what(statement)}")

        def commit(_connection: Any) -> None:
            self.pass_("before commit")

        def committed(_session: Session) -> None:
            self.pass_("after commit")

        hooks: list[tuple[Any, str, Any]] = [
            (database.engine, "before_cursor_execute", before),
            (database.engine, "after_cursor_execute", after),
            (database.engine, "commit", commit),
            (Session, "after_commit", committed),
        ]
        for target, name, hook in hooks:
            event.listen(target, name, hook)
        try:
            yield
        finally:
            for target, name, hook in hooks:
                event.remove(target, name, hook)


class KillingTransport(httpx.BaseTransport):
    """Real HTTP with a boundary on each side of every call."""

    def __init__(self, boundaries: Boundaries) -> None:
        self.boundaries = boundaries
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.boundaries.pass_(f"before {request.method}")
        answer = self._inner.handle_request(request)
        answer.read()
        self.boundaries.pass_(f"after {request.method}")
        return answer

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True, slots=True)
class Survival:
    """What one killing left. `held`: rows that wait for a person, with the reason."""

    boundary: str
    lost: int
    doubled: int
    held: int
    disorder: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """All killings of one kind of platform."""

    kind: str
    survivals: tuple[Survival, ...]

    def total(self, name: str) -> int:
        return sum(getattr(one, name) for one in self.survivals)


class CrashRun:
    """Incidents filed, still there, gone, one for each boundary, sent by a sender that is killed once in its life."""

    def __init__(self, kind: str, url: str, sandbox: SandboxPlatform, database: Database, clock: ManualClock) -> None:
        self._sandbox = sandbox
        self._database = database
        self._clock = clock
        self._transport = KillingTransport(Boundaries())
        self._incident = ""
        config: PlatformConfig = TypeAdapter(PlatformConfig).validate_python(platform_values(kind, url))
        links = Links("http://hub.example", "secret", timedelta(days=1), clock)
        self._platform = build_platform(config, Surroundings(MemoryBlobs(), links, clock, self._transport))

    def close(self) -> None:
        self._platform.close()

    def run(self, kill_at: int) -> Survival | None:
        """Killed at boundary number `kill_at`; None when the work was done before."""
        self._incident = f"inc-{kill_at}"
        boundaries = Boundaries(kill_at)
        killed = False
        try:
            with boundaries.watching(self._database):
                self._live(boundaries)
        except Killed:
            killed = True
        self._live(Boundaries())  # the successor: it reads the same finding again and works the same outbox off
        return self._judge(boundaries.passed[-1]) if killed else None

    def _live(self, boundaries: Boundaries) -> None:
        self._transport.boundaries = boundaries
        self._write()
        dispatcher = self._dispatcher()
        for _ in range(40):
            dispatcher.run_once()
            if self._settled():
                break
            self._clock.advance(10)

    def _write(self) -> None:
        """The change and its outbox rows in one transaction; a replayed finding finds them there."""
        now = self._clock.now()
        with self._database.transaction() as session:
            if session.get(IncidentRow, self._incident) is not None:
                return
            session.add(
                IncidentRow(
                    id=self._incident,
                    type="garbage",
                    subtype="exposed_garbage",
                    status="open",
                    camera_id="gate",
                    view_id="main",
                    zone_id="corner",
                    place="人民路 12 号",
                    longitude=121.4737,
                    latitude=31.2304,
                    began_at=now,
                    last_seen_at=now,
                    updated_at=now,
                    why_zh=self._incident,
                )
            )
            session.flush()
            for kind, payload in _LIFE:
                session.add(
                    OutboxRow(
                        incident_id=self._incident,
                        kind=kind.value,
                        target=TARGET,
                        idempotency_key=f"{self._incident}:{kind.value}",
                        payload=payload,
                        next_at=now,
                        created_at=now,
                    )
                )
                session.flush()

    def _dispatcher(self) -> Dispatcher:
        def settled(session: Session, delivery: Delivery, _outcome: Receipt | Rejected) -> None:
            session.execute(
                update(IncidentRow)
                .where(IncidentRow.id == delivery.incident_id)
                .values(version=IncidentRow.version + 1)
            )

        handler = CaseHandler(self._database, self._clock, {TARGET: self._platform}, standard())
        return Dispatcher(
            self._database,
            self._clock,
            {kind: handler for kind, _payload in _LIFE},
            settings=DispatchSettings(default=_EAGER),
            settled=settled,
            chance=random.Random(1),
        )

    def _rows(self, session: Session) -> list[OutboxRow]:
        return list(session.scalars(select(OutboxRow).where(OutboxRow.incident_id == self._incident)))

    def _settled(self) -> bool:
        with self._database.reading() as session:
            states = {row.status for row in self._rows(session)}
        return DeliveryStatus.DEAD in states or states == {DeliveryStatus.DELIVERED}

    def _judge(self, boundary: str) -> Survival:
        reference = f"{self._incident}:file"
        made = [case for case in self._sandbox.cases.all() if names(case, reference)]
        with self._database.reading() as session:
            held = sum(row.status == DeliveryStatus.DEAD for row in self._rows(session))
            case = session.scalars(select(CaseRow).where(CaseRow.incident_id == self._incident)).first()
            version = session.get_one(IncidentRow, self._incident).version
        told = case is not None and bool(made) and case.platform_case_id == made[-1].id
        steps = [status for status, _words, _at in self._sandbox.cases.steps(made[-1].id)] if made else []
        in_order = steps == ["filed", "dispatched", "closed"] and version == 1 + len(_LIFE)
        return Survival(
            boundary,
            lost=int(not held and not told),
            doubled=max(0, len(made) - 1),
            held=held,
            disorder=int(not held and not in_order),
        )


def crash_matrix(kind: str, database: Database) -> Matrix:
    """Every boundary of one kind of platform, in a migrated database."""
    clock = ManualClock()
    sandbox = SandboxPlatform(clock=clock)
    survivals: list[Survival] = []
    with sandbox.serve() as url:
        run = CrashRun(kind, url, sandbox, database, clock)
        while (survival := run.run(len(survivals) + 1)) is not None:
            survivals.append(survival)
        run.close()
    sandbox.cases.close()
    return Matrix(kind, tuple(survivals))


def names(case: SandboxCase, reference: str) -> bool:
    """Whether the platform's case is of our reference: by key, or at the end of its description."""
    return reference in {case.key, *str(case.document.get("description", "")).replace("]", "[").split("[")}


def _what(statement: str) -> str:
    """`UPDATE outbox` of a whole statement."""
    words = statement.split()
    return f"{words[0]} {words[2] if words[0] in {'INSERT', 'DELETE'} else words[1]}"
