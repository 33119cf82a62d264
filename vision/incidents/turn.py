"""One turn of the life-cycle: the incident as it changes, and the log and effects that the change leaves behind."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from vision.core.findings import Why
from vision.core.incidents import DeliveryKind, IncidentStatus
from vision.incidents.context import Context
from vision.incidents.events import Alert, Deliver, Effect, LogEntry, Recheck
from vision.incidents.incident import Incident, Waiting

_CITY_PATIENCE = 6  # a city's crew is reminded of this much less often than an operator


@dataclass(frozen=True, slots=True)
class Step:
    """What an event led to. `incident` is the very same object when nothing changed."""

    incident: Incident
    log: tuple[LogEntry, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(slots=True)
class Turn:
    """Collects one event's consequences; never outlives the call it was made for."""

    incident: Incident
    context: Context
    actor: str
    scene_at: datetime
    log: list[LogEntry] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def step(self) -> Step:
        return Step(self.incident, tuple(self.log), tuple(self.effects))

    def set(self, **changes: Any) -> None:
        self.incident = replace(self.incident, **changes)

    def say(self, cause: str, why: Why, **detail: Any) -> None:
        """A log line without a change of status."""
        status = self.incident.status.value
        self.log.append(LogEntry(status, status, cause, self.actor, self.scene_at, why, detail))

    def move(self, to: IncidentStatus, cause: str, why: Why, **detail: Any) -> None:
        """Change the status, say so in the log, and alert operators. A final status stops every timer and wait."""
        before = self.incident.status
        if before.final:
            raise ValueError(f"incident {self.incident.id} is {before} and stays so")
        self.incident = replace(self.incident, status=to)
        if to.final:
            self.incident = replace(self.incident, timers=(), waiting=Waiting.NOBODY)
        self.log.append(LogEntry(before.value, to.value, cause, self.actor, self.scene_at, why, detail))
        self.alert(to.value, why)

    def alert(self, kind: str, why: Why | None = None) -> None:
        self.effects.append(Alert(kind, why))

    def deliver(self, kind: DeliveryKind, target: str, **payload: Any) -> None:
        """One outbox row with a key of its own."""
        attempt = self.incident.attempt + 1
        self.set(attempt=attempt)
        self.effects.append(Deliver(kind, target, f"{kind.value}-{attempt}", payload))

    def recheck(self) -> None:
        """Ask every witness for a fresh look."""
        by = self.context.now + timedelta(seconds=self.context.ladder.gone.wait_s)
        self.effects += [Recheck(w.camera_id, w.view_id, w.zone_id, by) for w in self.incident.witnesses]

    def timer(self, name: str, after_s: float) -> None:
        self.incident = self.incident.with_timer(name, self.context.now + timedelta(seconds=after_s))

    def stop_timer(self, *names: str) -> None:
        for name in names:
            self.incident = self.incident.with_timer(name, None)

    def wait_for(self, waiting: Waiting) -> None:
        """Somebody else has to act; they are reminded until they do."""
        self.set(waiting=waiting)
        if waiting is Waiting.NOBODY:
            self.stop_timer("remind")
        else:
            patience = _CITY_PATIENCE if waiting is Waiting.PLATFORM else 1
            self.timer("remind", self.context.ladder.remind_s * patience)
