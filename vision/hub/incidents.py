"""Findings become incidents: deduplicated, advanced by the life-cycle, and written with all that follows from them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import event as orm_event
from sqlalchemy import select
from sqlalchemy.orm import Session

from vision.core.clock import Clock
from vision.core.codes import Standard
from vision.core.delivery import AnnouncementReceipt, CaseReceipt, Delivery, NoticeReceipt, Receipt
from vision.core.errors import Rejected
from vision.core.findings import Finding, FindingState
from vision.core.incidents import DeliveryKind
from vision.hub import dedup, record
from vision.hub.keep import Keeper
from vision.hub.offences import OffenceBook
from vision.hub.record import Route
from vision.hub.sites import Held, Site, Sites
from vision.hub.suppressions import Suppressions
from vision.hub.surroundings import Surroundings, site_of
from vision.hub.writer import Books, Work, Writer
from vision.incidents.events import (
    Announced,
    CaseFiled,
    DeliveryFailed,
    Event,
    FindingSeen,
    Notified,
    Recheck,
    TimerFired,
)
from vision.incidents.incident import Incident
from vision.incidents.material import is_material
from vision.incidents.turn import Step
from vision.storage.database import Database
from vision.storage.tables import IncidentRow

_LATE_COMMIT = timedelta(seconds=20)  # a row is stamped before its transaction commits
_REMEMBERED = timedelta(hours=1)  # ended incidents this young still tell which looks of their sites are old


class IncidentService:
    """The only writer of incidents. Safe to call from several threads; findings come from one.

    The keywords of the constructor are the fields of `hub.writer.Books`, and `keeper`: keeps findings for replay.
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
        standard: Standard | None = None,
        offences: OffenceBook | None = None,
        suppressions: Suppressions | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self._database, self._clock, self._around = database, clock, surroundings
        self._keeper = keeper
        self._sites = Sites()
        books = Books(route, standard, offences, suppressions, rechecks, nudge)
        self._writer = Writer(clock, surroundings, self._sites, books, shared=not database.is_sqlite)
        self._followed_at: datetime | None = None

    def load(self) -> int:
        """Take up every watched incident from the record; returns how many. Raises StorageError."""
        with self._database.reading() as session:
            for row in record.watched_or_young(session, self._clock.now() - _REMEMBERED):
                self._sites.put(Held(Incident.from_record(row.state), row.version))
        return len(self._sites)

    def follow(self) -> int:
        """Take up what other hubs changed since the last time; returns how many incidents. Raises StorageError."""
        now = self._clock.now()
        since = now - _REMEMBERED if self._followed_at is None else self._followed_at - _LATE_COMMIT
        count = 0
        with self._database.reading() as session:
            for row in record.changed_since(session, since, self._sites.version):
                self._sites.put(Held(Incident.from_record(row.state), row.version))
                count += 1
        self._followed_at = now
        return count

    def watched(self) -> int:
        """Incidents whose looks still matter."""
        return len(self._sites)

    def take(self, findings: Sequence[Finding], guard: Callable[[Session], None] = lambda _session: None) -> int:
        """Take looks in, all or none; late, doubled and unordered ones change nothing they should not.

        `guard` is asked first in the transaction and may forbid it by raising.

        Returns:
            How many of them changed something that was written.

        Raises:
            StorageError: nothing was taken; give the same findings again.
        """
        marks: dict[Site, datetime] = {}
        self._keep(findings)
        first = next((n for n, finding in enumerate(findings) if not self._quiet(finding, marks)), len(findings))
        count = 0
        if first < len(findings) or self._keeping():
            with self._database.transaction() as session:
                guard(session)
                work = self._writer.start(session)
                self._writer.claim(work, self._perhaps_new(findings[first:]))
                self._writer.load_many(work, self._touched(findings[first:]))
                count = sum([self._take_one(work, finding, marks) for finding in findings[first:]])
                if self._keeping() and self._keeper is not None:
                    session.add_all(self._keeper.rows(work.now))
                    orm_event.listen(session, "after_commit", lambda _session: self._kept(), once=True)
                self._writer.finish(work)
        for site, at in marks.items():
            self._sites.mark(site, at)
        return count

    def apply(self, session: Session, incident_id: str, event: Event) -> Step:
        """Advance an incident within the caller's transaction; memory follows when that commits.

        Raises:
            NotThereError: there is no such incident.
            IllegalTransitionError: a person asked for what its state does not allow.
        """
        work = self._writer.start(session)
        self._writer.load(work, incident_id)
        step = self._writer.advance(work, incident_id, event)
        self._writer.finish(work)
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
        query = (
            select(IncidentRow.id)
            .where(IncidentRow.next_timer_at <= now)
            .order_by(IncidentRow.next_timer_at)
            .limit(limit)
        )
        with self._database.reading() as session:
            if not session.scalars(query).all():
                return 0
        count = 0
        with self._database.transaction() as session:
            work = self._writer.start(session)
            due = session.scalars(query.with_for_update(skip_locked=True)).all()  # those of other hubs are theirs
            self._writer.load_many(work, due)
            for incident_id in due:
                incident = self._writer.load(work, incident_id)
                for name in [name for name, at in incident.timers if at <= now]:
                    self._writer.advance(work, incident_id, TimerFired(name))
                    count += 1
            self._writer.finish(work)
        return count

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

    def _perhaps_new(self, findings: Iterable[Finding]) -> list[FindingSeen]:
        """Looks that may begin an incident."""
        return [
            dedup.seen(self._around, finding)
            for finding in findings
            if finding.state is FindingState.PRESENT and not self._sites.at(finding.site)
        ]

    def _touched(self, findings: Iterable[Finding]) -> set[str]:
        """Incidents that these looks will change, as far as memory knows."""
        touched = set()
        for finding in findings:
            for key in self._sites.at(finding.site):
                held = self._sites.get(key)
                ladder = self._around.ladder(finding.type, site_of(finding))
                if held is not None and is_material(held.incident, finding, ladder):
                    touched.add(key)
        return touched

    def _take_one(self, work: Work, finding: Finding, marks: dict[Site, datetime]) -> bool:
        """Returns whether it changed anything."""
        site = finding.site
        mark = self._mark(site, marks)
        if mark is None or finding.at > mark:
            marks[site] = finding.at
        finding = dedup.counted(self._around, finding)
        ladder = self._around.ladder(finding.type, site_of(finding))
        known = {incident.id: incident for incident in self._writer.known(work, site)}
        changed = False
        for nth, part in enumerate(dedup.parts(self._around, finding, list(known.values()))):
            key = part.incident_id
            if key is None:
                if dedup.is_news(self._around, part.finding, mark):
                    self._writer.raise_(work, part.finding, nth)
                    changed = True
            elif is_material(known[key], part.finding, ladder) and is_material(
                self._writer.load(work, key), part.finding, ladder
            ):  # memory may be behind another thread's commit, so the row has the last word
                self._writer.advance(work, key, dedup.seen(self._around, part.finding))
                changed = True
        return changed

    def _mark(self, site: Site, marks: dict[Site, datetime]) -> datetime | None:
        return marks.get(site) or self._sites.marks.get(site)

    def _keep(self, findings: Sequence[Finding]) -> None:
        if self._keeper is None:
            return
        for finding in findings:
            place = self._around.place(site_of(finding))
            self._keeper.note(finding, "" if place is None else place.district)

    def _keeping(self) -> bool:
        """Whether kept findings are due to be written."""
        return self._keeper is not None and self._keeper.due(self._clock.now())

    def _kept(self) -> None:
        if self._keeper is not None:
            self._keeper.flushed()


def _events_of(delivery: Delivery, outcome: Receipt | Rejected) -> Iterable[Event]:
    """What a settled outbox row means to its incident."""
    match outcome:
        case Rejected():
            yield DeliveryFailed(delivery.kind, delivery.target, str(outcome), _party_of(delivery))
        case CaseReceipt(platform, platform_case_id):
            if delivery.kind is DeliveryKind.FILE:
                yield CaseFiled(platform, platform_case_id)
        case NoticeReceipt(target, notice):
            yield Notified(target, _party_of(delivery), notice)
        case AnnouncementReceipt(speaker_id, announcement_id, spoken, why):
            yield Announced(speaker_id or delivery.target, announcement_id, spoken, why)


def _party_of(delivery: Delivery) -> Mapping[str, str]:
    """Whom a notice was for; empty for everything else, and for rows of older versions."""
    party: Mapping[str, str] = delivery.payload.get("party", {})
    return party
