"""One transaction's changes to incidents: rows held, states advanced, and everything that follows written with them."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import event as orm_event
from sqlalchemy import text
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.codes import Standard
from vision.core.findings import Finding, FindingState, Why
from vision.core.incidents import IncidentStatus
from vision.hub import dedup, record
from vision.hub.offences import OffenceBook
from vision.hub.record import Route
from vision.hub.sites import Held, Site, Sites, cells_around
from vision.hub.suppressions import Suppressions
from vision.hub.surroundings import Surroundings, site_of
from vision.incidents.context import Context
from vision.incidents.events import ANY_PLATFORM, DeliveryFailed, Event, FindingSeen, LogEntry, Recheck
from vision.incidents.ground import Spot
from vision.incidents.incident import Incident
from vision.incidents.lifecycle import advance, begin
from vision.incidents.spots import box_of
from vision.incidents.turn import Step
from vision.incidents.words import moment
from vision.storage.tables import IncidentRow

log = structlog.get_logger()
_GROUND = 5_318_008  # class of advisory locks (PostgreSQL): what begins in a piece of ground, one at a time
# Every hub may hold all of them at once, and the server has room for 6,400 locks as it comes.
_STRIPES = 1024
_CLAIM = text(
    "SELECT pg_advisory_xact_lock(:class, key) "
    "FROM unnest(CAST(:keys AS int[])) WITH ORDINALITY AS t(key, n) ORDER BY n"
)


@dataclass(frozen=True, slots=True)
class Books:
    """What the writer looks up and writes beside the incidents; each part works without the others.

    Attributes:
        route: platforms of a case by type and district; none means that an operator is asked.
        standard: event codes of every record; without it the platforms' own tables decide.
        offences: colours of repeat offenders.
        suppressions: leave alone what operators keep rejecting.
        rechecks: told after the commit which views need a fresh look.
        nudge: told after a commit that the outbox has something new.
    """

    route: Route = lambda _type, _district: ()
    standard: Standard | None = None
    offences: OffenceBook | None = None
    suppressions: Suppressions | None = None
    rechecks: Callable[[Sequence[Recheck]], None] = lambda _rechecks: None
    nudge: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Work:
    """Rows and states of one transaction; memory follows only when it has committed.

    Attributes:
        absent: ids that were asked for and are no incident's.
    """

    session: Session
    now: datetime
    rows: dict[str, IncidentRow] = field(default_factory=dict)
    states: dict[str, Incident] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    at_site: dict[Site, list[str]] = field(default_factory=dict)
    rechecks: list[Recheck] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    claimed: set[int] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)


class Writer:
    """Changes incidents within a transaction."""

    def __init__(self, clock: Clock, around: Surroundings, sites: Sites, books: Books, *, shared: bool) -> None:
        """`shared`: other hubs write to the same record; with SQLite there is one writer at a time."""
        self._clock, self._around, self._sites, self._books = clock, around, sites, books
        self._shared = shared

    def start(self, session: Session) -> Work:
        """The work of one transaction."""
        return Work(session, self._clock.now())

    def claim(self, work: Work, looks: Iterable[FindingSeen]) -> None:
        """Until the transaction ends nobody else begins an incident where these might begin one.

        All at once and in order, so that two transactions do not wait for each other.
        """
        looks = list(looks)
        if self._shared:
            self._claim_ground(work, looks)
        # Asked once for all of them, and after the claim, so that the answer holds.
        work.absent |= record.absent(work.session, (dedup.incident_id_of(look.finding) for look in looks))

    @staticmethod
    def _claim_ground(work: Work, looks: Iterable[FindingSeen]) -> None:
        keys = {
            zlib.crc32(f"{look.finding.type}|{x}|{y}".encode()) % _STRIPES
            for look in looks
            if look.spot is not None
            for x, y in cells_around(look.spot.position)
        } - work.claimed
        if keys:
            work.session.execute(_CLAIM, {"class": _GROUND, "keys": sorted(keys)})
            work.claimed |= keys

    def finish(self, work: Work) -> None:
        """Write the rows; when the transaction commits, memory follows and the world is told."""
        for incident_id in work.changed:
            row, incident = work.rows[incident_id], work.states[incident_id]
            record.fill(row, incident, work.now)
            if self._books.standard is not None:
                event = self._books.standard.event(incident.subtype)
                row.standard_ref, row.event_code = event.standard_ref, event.code
        work.session.flush()
        record.update_witnesses(work.session, work.seen)
        orm_event.listen(work.session, "after_commit", lambda _session: self._remember(work), once=True)

    def load(self, work: Work, incident_id: str) -> Incident:
        """The incident with its row held; what memory knows is used only while it is of the row's version.

        Raises:
            NotThereError: there is none.
        """
        if incident_id in work.states:
            return work.states[incident_id]
        return self._hold(work, record.locked(work.session, incident_id))

    def load_many(self, work: Work, ids: Iterable[str]) -> None:
        """The same for many, in few round trips."""
        for row in record.locked_many(work.session, (key for key in ids if key not in work.states)).values():
            self._hold(work, row)

    def _hold(self, work: Work, row: IncidentRow) -> Incident:
        held = self._sites.get(row.id)
        fresh = held is not None and held.version == row.version
        incident = held.incident if held is not None and fresh else Incident.from_record(row.state)
        work.rows[row.id], work.states[row.id] = row, incident
        return incident

    def known(self, work: Work, site: Site) -> list[Incident]:
        """Incidents that watch the site, this transaction's own included and its ended ones left out."""
        found = []
        for key in dict.fromkeys((*self._sites.at(site), *work.at_site.get(site, ()))):
            held = self._sites.get(key)
            incident = work.states.get(key) or (None if held is None else held.incident)
            if incident is not None and incident.watched:
                found.append(incident)
        return found

    def raise_(self, work: Work, finding: Finding, nth: int) -> None:
        """What stands there is another camera's incident, or a new one; `nth` counts the look's spots."""
        look = dedup.seen(self._around, finding)
        if self._shared:
            self._claim_ground(work, [look])
        unheld = [work.states[key] for key in work.begun]
        if self._shared and look.spot is not None:
            unheld += self._elsewhere(work, look, look.spot)
        found = dedup.twin(
            self._around,
            self._sites,
            look,
            newest=lambda incident: work.states.get(incident.id, incident),
            unheld=unheld,
        )
        if found is None or not self.load(work, found).watched:  # memory may be behind another hub's commit
            self._begin(work, look, dedup.incident_id_of(finding, nth))
            return
        self.advance(work, found, look)
        work.at_site.setdefault(finding.site, []).append(found)

    def _elsewhere(self, work: Work, look: FindingSeen, spot: Spot) -> list[Incident]:
        """Other hubs' incidents near by, as the record has them: a city's parts have borders, violations do not."""
        type_, site = look.finding.type, site_of(look.finding)
        within_m = self._around.ladder(type_, site).join.within_m
        rows = record.watched_near(work.session, type_, spot.position, within_m)
        return [Incident.from_record(row.state) for row in rows if row.id not in work.states]

    def _begin(self, work: Work, seen: FindingSeen, incident_id: str) -> None:
        finding = seen.finding
        if incident_id not in work.absent and work.session.get(IncidentRow, incident_id) is not None:
            return  # a look delivered again after a crash: its incident has begun, and perhaps ended, already
        step = begin(incident_id, seen, self._context(work.now, finding, finding.at))
        row = record.new_row(step.incident, self._around.place(site_of(finding)), work.now)
        work.rows[incident_id] = row
        work.absent.discard(incident_id)
        work.begun.append(incident_id)
        work.at_site.setdefault(finding.site, []).append(incident_id)
        record.fill(row, step.incident, work.now)
        work.session.add(row)
        work.session.flush()
        self._took(work, None, step, finding)
        log.info("incident_begun", incident=incident_id, camera=finding.camera_id, type=finding.type.value)

    def advance(self, work: Work, incident_id: str, event: Event) -> Step:
        """One step of a loaded incident; raises IllegalTransitionError."""
        incident = work.states[incident_id]
        finding = event.finding if isinstance(event, FindingSeen) else None
        about, at = (incident, None) if finding is None else (finding, finding.at)
        step = advance(incident, event, self._context(work.now, about, at))
        if step.incident is incident and not step.log and not step.effects:
            return step
        self._took(work, incident, step, finding)
        if step.incident.status is not incident.status:
            log.info("incident_moved", incident=incident_id, to=step.incident.status.value, was=incident.status.value)
            if step.incident.status is IncidentStatus.REJECTED:
                self._rejected(work, step.incident)
        return step

    def _took(self, work: Work, before: Incident | None, step: Step, finding: Finding | None) -> None:
        """Write what a step left behind, but for the row itself."""
        incident = step.incident
        row = work.rows[incident.id]
        work.states[incident.id] = incident
        work.changed.add(incident.id)
        row.status, row.began_at, row.subtype = incident.status.value, incident.began_at, incident.subtype.value
        entries = list(step.log)
        if self._books.offences is not None and (before is None or before.confirmed_at is None):
            entries += self._books.offences.mark(work.session, row, incident)
        record.write_log(work.session, row, entries, work.now)
        homeless = record.write_effects(work.session, row, step.effects, self._books.route, work.now)
        work.rechecks += [effect for effect in step.effects if isinstance(effect, Recheck)]
        if finding is not None:
            seen = record.write_witness(work.session, before, incident, finding)
            work.seen += [seen] if seen else []
            if finding.evidence and finding.state is not FindingState.UNKNOWN:
                record.write_evidence(work.session, incident.id, finding, work.now)
        for delivery in homeless:
            self.advance(work, incident.id, DeliveryFailed(delivery.kind, ANY_PLATFORM, ""))

    def _rejected(self, work: Work, incident: Incident) -> None:
        """A spot that was rejected once too often is left alone for a while, and its log says so."""
        if self._books.suppressions is None:
            return
        made = self._books.suppressions.after_reject(work.session, incident, work.now)
        if made is None:
            return
        until = moment(made.ends_at, self._around.zone())
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
            zone=self._around.zone(),
            reach=lambda rung: self._around.reach(about.type, site, rung),
        )

    def _remember(self, work: Work) -> None:
        for incident_id in work.changed:
            self._sites.put(Held(work.states[incident_id], work.rows[incident_id].version))
        if work.rechecks:
            self._books.rechecks(work.rechecks)
        if work.changed:
            self._books.nudge()
