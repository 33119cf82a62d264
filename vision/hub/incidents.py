"""Findings become incidents: deduplicated, advanced by the life-cycle, and written with all that follows from them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import event as orm_event
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.delivery import AnnouncementReceipt, CaseReceipt, Delivery, NoticeReceipt, Receipt
from vision.core.errors import Rejected
from vision.core.findings import Finding, Why
from vision.core.incidents import DeliveryKind, IncidentStatus
from vision.hub import dedup, record
from vision.hub.keep import Keeper
from vision.hub.record import Route
from vision.hub.sites import Held, Site, Sites
from vision.hub.suppressions import Suppressions
from vision.hub.surroundings import Surroundings, site_of
from vision.incidents.context import Context
from vision.incidents.events import (
    ANY_PLATFORM,
    Announced,
    CaseFiled,
    DeliveryFailed,
    Event,
    FindingSeen,
    LogEntry,
    Notified,
    Recheck,
    TimerFired,
    VerdictGiven,
)
from vision.incidents.incident import Incident
from vision.incidents.lifecycle import advance, begin
from vision.incidents.material import is_material
from vision.incidents.spots import box_of
from vision.incidents.turn import Step
from vision.storage.database import Database
from vision.storage.tables import IncidentRow

log = structlog.get_logger()
_ONE_WRITER = 5_318_008  # advisory lock (PostgreSQL): incidents are changed by one transaction at a time
_NO_PLATFORM = "没有平台受理该类型和区域 / no platform takes this type and district"


@dataclass(slots=True)
class _Work:
    """Rows and states of one transaction; kept in memory only when it has committed."""

    session: Session
    now: datetime
    rows: dict[str, IncidentRow] = field(default_factory=dict)
    states: dict[str, Incident] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    at_site: dict[Site, list[str]] = field(default_factory=dict)
    rechecks: list[Recheck] = field(default_factory=list)


class IncidentService:
    """The only writer of incidents. Safe to call from several threads; findings come from one.

    Args of the constructor:
        route: platforms of a case by type and district; none means that an operator is asked.
        rechecks: told after the commit which views need a fresh look.
        nudge: told after a commit that the outbox has something new.
        suppressions: leave alone what operators keep rejecting; never, without.
        keeper: keeps findings for replay; none are kept without.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        surroundings: Surroundings,
        *,
        route: Route = lambda _type, _district: (),
        rechecks: Callable[[Sequence[Recheck]], None] = lambda _rechecks: None,
        nudge: Callable[[], None] = lambda: None,
        suppressions: Suppressions | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._database, self._clock, self._around = database, clock, surroundings
        self._route, self._rechecks, self._nudge = route, rechecks, nudge
        self._suppressions, self._keeper = suppressions, keeper
        self._sites = Sites()

    def load(self) -> int:
        """Take up every watched incident from the record; returns how many."""
        with self._database.reading() as session:
            for row in record.watched(session):
                self._sites.put(Held(Incident.from_record(row.state), row.version))
        return len(self._sites)

    def watched(self) -> int:
        return len(self._sites)

    def take(self, findings: Sequence[Finding]) -> int:
        """Take looks in, all or none; late, doubled and unordered ones change nothing they should not.

        Returns:
            How many of them changed something that was written.

        Raises:
            StorageError: nothing was taken; give the same findings again.
        """
        marks: dict[Site, datetime] = {}
        if self._keeper is not None:
            for finding in findings:
                place = self._around.place(site_of(finding))
                self._keeper.note(finding, "" if place is None else place.district)
        first = next((n for n, finding in enumerate(findings) if not self._quiet(finding, marks)), len(findings))
        count = 0
        if first < len(findings) or self._keeping():
            with self._database.transaction() as session:
                work = self._begin_work(session)
                count = sum([self._take_one(work, finding, marks) for finding in findings[first:]])
                if self._keeping() and self._keeper is not None:
                    session.add_all(self._keeper.rows(work.now))
                    orm_event.listen(session, "after_commit", lambda _session: self._kept(), once=True)
                self._finish(work)
        self._keep_marks(marks)
        return count

    def _keeping(self) -> bool:
        """Whether kept findings are due to be written."""
        return self._keeper is not None and self._keeper.due(self._clock.now())

    def _kept(self) -> None:
        if self._keeper is not None:
            self._keeper.flushed()

    def apply(self, session: Session, incident_id: str, event: Event) -> Step:
        """Advance an incident within the caller's transaction; memory follows when that commits.

        Raises:
            NotThereError: there is no such incident.
            IllegalTransitionError: a person asked for what its state does not allow.
        """
        work = self._begin_work(session)
        self._load(work, incident_id)
        step = self._advance(work, incident_id, event)
        if isinstance(event, VerdictGiven) and step.incident.status is IncidentStatus.REJECTED and step.log:
            self._rejected(work, step.incident)
        self._write(work)
        orm_event.listen(session, "after_commit", lambda _session: self._remember(work), once=True)
        return step

    def command(self, incident_id: str, event: Event) -> Step:
        """`apply` in a transaction of its own; raises StorageError too."""
        with self._database.transaction() as session:
            return self.apply(session, incident_id, event)

    def settled(self, session: Session, delivery: Delivery, outcome: Receipt | Rejected) -> None:
        """For the dispatcher: what became of an outbox row, within the transaction that settles it."""
        for event in _events_of(delivery, outcome):
            self.apply(session, delivery.incident_id, event)

    def fire_timers(self, *, limit: int = 200) -> int:
        """Fire what is due; returns how many timers fired. Raises StorageError."""
        now = self._clock.now()
        with self._database.reading() as session:
            due = session.scalars(
                select(IncidentRow.id)
                .where(IncidentRow.next_timer_at <= now)
                .order_by(IncidentRow.next_timer_at)
                .limit(limit)
            ).all()
        if not due:
            return 0
        count = 0
        with self._database.transaction() as session:
            work = self._begin_work(session)
            for incident_id in due:
                incident = self._load(work, incident_id)
                for name in [name for name, at in incident.timers if at <= now]:
                    self._advance(work, incident_id, TimerFired(name))
                    count += 1
            self._finish(work)
        return count

    # One look ------------------------------------------------------------------------------------------------------

    def _quiet(self, finding: Finding, marks: dict[Site, datetime]) -> bool:
        """Whether the look changes nothing, as far as memory knows."""
        site = finding.site
        mark = self._mark(site, marks)
        if self._sites.at(site):
            finding = dedup.counted(self._around, finding)
            ladder = self._around.ladder(finding.type, site_of(finding))
            held = {h.incident.id: h.incident for key in self._sites.at(site) if (h := self._sites.get(key))}
            for part in dedup.parts(self._around, finding, list(held.values())):
                if part.incident_id is None:
                    if dedup.is_news(self._around, part.finding, mark):
                        return False
                elif is_material(held[part.incident_id], part.finding, ladder):
                    return False
        elif dedup.is_news(self._around, finding, mark):
            return False
        if mark is None or finding.at > mark:
            marks[site] = finding.at
        return True

    def _take_one(self, work: _Work, finding: Finding, marks: dict[Site, datetime]) -> bool:
        """Returns whether it changed anything."""
        site = finding.site
        mark = self._mark(site, marks)
        if mark is None or finding.at > mark:
            marks[site] = finding.at
        finding = dedup.counted(self._around, finding)
        ladder = self._around.ladder(finding.type, site_of(finding))
        changed = False
        for nth, part in enumerate(dedup.parts(self._around, finding, self._states_at(work, site))):
            if part.incident_id is None:
                if dedup.is_news(self._around, part.finding, mark):
                    self._raise(work, part.finding, nth)
                    changed = True
            elif is_material(self._load(work, part.incident_id), part.finding, ladder):
                self._advance(work, part.incident_id, dedup.seen(self._around, part.finding))
                changed = True
        return changed

    def _mark(self, site: Site, marks: dict[Site, datetime]) -> datetime | None:
        return marks.get(site) or self._sites.marks.get(site)

    def _keep_marks(self, marks: dict[Site, datetime]) -> None:
        for site, at in marks.items():
            self._sites.mark(site, at)

    def _states_at(self, work: _Work, site: Site) -> list[Incident]:
        """Incidents that watch the site, this transaction's own included and its ended ones left out."""
        found = []
        for key in dict.fromkeys((*self._sites.at(site), *work.at_site.get(site, ()))):
            held = self._sites.get(key)
            incident = work.states.get(key) or (None if held is None else held.incident)
            if incident is not None and incident.watched:
                found.append(incident)
        return found

    def _raise(self, work: _Work, finding: Finding, nth: int) -> None:
        """What stands there is another camera's incident, or a new one."""
        look = dedup.seen(self._around, finding)
        found = dedup.twin(
            self._around,
            self._sites,
            look,
            newest=lambda incident: work.states.get(incident.id, incident),
            unheld=[work.states[key] for key in work.begun],
        )
        if found is None:
            self._begin(work, look, dedup.incident_id_of(finding, nth))
            return
        self._load(work, found)
        self._advance(work, found, look)
        work.at_site.setdefault(finding.site, []).append(found)

    # One incident --------------------------------------------------------------------------------------------------

    def _begin_work(self, session: Session) -> _Work:
        if not self._database.is_sqlite:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_WRITER})
        return _Work(session, self._clock.now())

    def _load(self, work: _Work, incident_id: str) -> Incident:
        """The incident with its row held; what memory knows is used only while it is of the row's version."""
        if incident_id in work.states:
            return work.states[incident_id]
        row = record.locked(work.session, incident_id)
        held = self._sites.get(incident_id)
        fresh = held is not None and held.version == row.version
        incident = held.incident if held is not None and fresh else Incident.from_record(row.state)
        work.rows[incident_id], work.states[incident_id] = row, incident
        return incident

    def _begin(self, work: _Work, seen: FindingSeen, incident_id: str) -> None:
        finding = seen.finding
        step = begin(incident_id, seen, self._context(work.now, finding, finding.at))
        row = record.new_row(step.incident, self._around.place(site_of(finding)), work.now)
        work.rows[incident_id] = row
        work.begun.append(incident_id)
        work.at_site.setdefault(finding.site, []).append(incident_id)
        record.fill(row, step.incident, work.now)
        work.session.add(row)
        work.session.flush()
        self._took(work, None, step, finding)
        log.info("incident_begun", incident=incident_id, camera=finding.camera_id, type=finding.type.value)

    def _advance(self, work: _Work, incident_id: str, event: Event) -> Step:
        incident = work.states[incident_id]
        finding = event.finding if isinstance(event, FindingSeen) else None
        context = self._context(
            work.now, incident if finding is None else finding, None if finding is None else finding.at
        )
        step = advance(incident, event, context)
        if step.incident is incident and not step.log and not step.effects:
            return step
        self._took(work, incident, step, finding)
        if step.incident.status is not incident.status:
            log.info("incident_moved", incident=incident_id, to=step.incident.status.value, was=incident.status.value)
        return step

    def _took(self, work: _Work, before: Incident | None, step: Step, finding: Finding | None) -> None:
        """Write what a step left behind, but for the row itself."""
        incident_id = step.incident.id
        row = work.rows[incident_id]
        work.states[incident_id] = step.incident
        work.changed.add(incident_id)
        row.status = step.incident.status.value
        row.began_at = step.incident.began_at
        record.write_log(work.session, row, step.log, work.now)
        homeless = record.write_effects(work.session, row, step.effects, self._route, work.now)
        work.rechecks += [effect for effect in step.effects if isinstance(effect, Recheck)]
        if finding is not None:
            record.write_witness(work.session, before, step.incident, finding)
            record.write_evidence(work.session, incident_id, finding, work.now)
        for delivery in homeless:
            self._advance(work, incident_id, DeliveryFailed(delivery.kind, ANY_PLATFORM, _NO_PLATFORM))

    def _rejected(self, work: _Work, incident: Incident) -> None:
        """A spot that was rejected once too often is left alone for a while, and its log says so."""
        if self._suppressions is None:
            return
        made = self._suppressions.after_reject(work.session, incident, work.now)
        if made is None:
            return
        until = f"{made.ends_at:%Y-%m-%d %H:%M} UTC"
        zh, _, en = made.reason.partition(" / ")
        why = Why(f"{zh},此处暂停报警至 {until}。", f"{en.capitalize()}: nothing is raised here until {until}.")
        status = incident.status.value
        entry = LogEntry(status, status, "suppressed", incident.verdict_by, work.now, why)
        record.write_log(work.session, work.rows[incident.id], [entry], work.now)
        orm_event.listen(work.session, "after_commit", lambda _session: self._around.refresh_suppressions(), once=True)

    def _context(self, now: datetime, about: Finding | Incident, at: datetime | None) -> Context:
        site = site_of(about) if isinstance(about, Finding) else about.witnesses[0].site
        box = box_of(about) if isinstance(about, Finding) else about.witnesses[0].box
        return Context(
            now=now,
            ladder=self._around.ladder(about.type, site),
            permit=self._around.permit(about.type, site, at or now, box),
            speaker_ids=self._around.speakers(site),
            notifiers=self._around.notifiers(),
        )

    def _write(self, work: _Work) -> None:
        for incident_id in work.changed:
            record.fill(work.rows[incident_id], work.states[incident_id], work.now)
        work.session.flush()

    def _finish(self, work: _Work) -> None:
        self._write(work)
        orm_event.listen(work.session, "after_commit", lambda _session: self._remember(work), once=True)

    def _remember(self, work: _Work) -> None:
        """After the commit: memory follows, and the world is told."""
        for incident_id in work.changed:
            self._sites.put(Held(work.states[incident_id], work.rows[incident_id].version))
        if work.rechecks:
            self._rechecks(work.rechecks)
        if work.changed:
            self._nudge()


def _events_of(delivery: Delivery, outcome: Receipt | Rejected) -> Iterable[Event]:
    """What a settled outbox row means to its incident."""
    match outcome:
        case Rejected():
            yield DeliveryFailed(delivery.kind, delivery.target, str(outcome))
        case CaseReceipt(platform, platform_case_id):
            if delivery.kind is DeliveryKind.FILE:
                yield CaseFiled(platform, platform_case_id)
        case NoticeReceipt(target):
            yield Notified(target)
        case AnnouncementReceipt(speaker_id, announcement_id, spoken, why):
            yield Announced(speaker_id or delivery.target, announcement_id, spoken, why)
