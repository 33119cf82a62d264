"""What would have happened under other rules: kept findings are played again through the same life-cycle.

The street's side is what cameras really saw; the city's side answers at once (platforms take cases, loudspeakers
speak, nobody gives a verdict). A camera that went silent without a word counts as seeing the same until its next look.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import select

from vision.core.findings import Finding, FindingState, ViolationType, Why
from vision.core.incidents import DeliveryKind
from vision.hub import dedup
from vision.hub.keep import Run, kept_runs
from vision.hub.sites import Held, Site, Sites
from vision.hub.surroundings import Surroundings, site_of
from vision.incidents.context import Context
from vision.incidents.events import Announced, CaseFiled, Deliver, Event, FindingSeen, Notified, TimerFired
from vision.incidents.incident import Incident
from vision.incidents.lifecycle import advance, begin
from vision.incidents.spots import box_of
from vision.incidents.turn import Step
from vision.storage.database import Database
from vision.storage.tables import IncidentRow

_DISORDER = timedelta(minutes=2)  # runs of one segment and its neighbours may be this far out of order
_SAME = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play again, and how findings are to be judged anew.

    Attributes:
        dwell_s: by type, over the one that the findings carry; `zone_dwell_s` by (camera, zone), over both.
        least_score: objects under it are left out; `least_count` fewer than that are none.
        off: (camera, zone) that say nothing.
        districts: all, when none is named.
    """

    since: datetime
    until: datetime
    dwell_s: Mapping[ViolationType, float] = field(default_factory=dict)
    zone_dwell_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    least_score: Mapping[ViolationType, float] = field(default_factory=dict)
    least_count: Mapping[ViolationType, int] = field(default_factory=dict)
    off: frozenset[tuple[str, str]] = frozenset()
    districts: tuple[str, ...] = ()

    def judged(self, run: Run) -> Run:
        """The run as it would have been under the plan."""
        own = self.zone_dwell_s.get((run.camera_id, run.zone_id), self.dwell_s.get(run.type, run.dwell_s))
        if run.state is not FindingState.PRESENT:
            return run
        objects = tuple(o for o in run.objects if o[2] >= self.least_score.get(run.type, 0.0))
        none_left = bool(run.objects) and not objects
        if (run.camera_id, run.zone_id) in self.off or none_left or len(objects) < self.least_count.get(run.type, 0):
            return replace(run, state=FindingState.ABSENT, objects=(), dwell_s=own)
        since = min((seen for *_rest, seen in objects), default=run.since)
        return replace(run, objects=objects, dwell_s=own, since=max(run.since, since))


@dataclass(frozen=True, slots=True)
class Story:
    """An incident in short, as it was or as it would have been."""

    id: str
    type: ViolationType
    sites: tuple[tuple[str, str, str], ...]
    confirmed_at: datetime
    ended_at: datetime | None
    filed: bool
    status: str
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the change of rules would change.

    Attributes:
        moved: (was, would be): at another time, or filed where it was not, or the other way round.
    """

    runs: int
    before: tuple[Story, ...]
    after: tuple[Story, ...]
    same: tuple[tuple[Story, Story], ...]
    moved: tuple[tuple[Story, Story], ...]
    vanish: tuple[Story, ...]
    appear: tuple[Story, ...]

    def verdicts(self, stories: Iterable[Story]) -> dict[str, int]:
        """What operators had said of them: confirm, reject, and `` where nothing."""
        counts = {"confirm": 0, "reject": 0, "": 0}
        for story in stories:
            counts[story.verdict or ""] += 1
        return counts


def replay(database: Database, around: Surroundings, plan: Plan) -> Report:
    """Play the stretch again, with places, ladders and hours as they would be, and compare it with the record.

    Raises:
        StorageError: the record cannot be read.
    """
    player = _Player(around, plan)
    with database.reading() as session:
        for run in _in_order(kept_runs(session, plan.since, plan.until, plan.districts)):
            player.run(run)
        player.end()
        query = select(IncidentRow).where(IncidentRow.confirmed_at >= plan.since, IncidentRow.confirmed_at < plan.until)
        if plan.districts:
            query = query.where(IncidentRow.district.in_(plan.districts))
        before = [_story(Incident.from_record(row.state)) for row in session.scalars(query)]
    return compare(player.runs, before, player.stories())


def _in_order(runs: Iterator[Run]) -> Iterator[Run]:
    """By time; what is later than its neighbours by more than the slack comes when it comes."""
    waiting: list[tuple[datetime, int, Run]] = []
    count = itertools.count()
    for run in runs:
        heapq.heappush(waiting, (run.at, next(count), run))
        while waiting and waiting[0][0] < run.at - _DISORDER:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


@dataclass(slots=True)
class _Now:
    """The run that a site is in; `nth` tells it from the ones before."""

    run: Run
    nth: int


class _Player:
    """The hub without its record: the same deduplication and life-cycle, over simulated time."""

    def __init__(self, around: Surroundings, plan: Plan) -> None:
        self._around, self._plan = around, plan
        self._sites = Sites()
        self._now_at: dict[Site, _Now] = {}
        self._ended: dict[str, Incident] = {}
        self._agenda: list[tuple[datetime, int, str, Site | str, int]] = []
        self._count = itertools.count()
        self.runs = 0

    def run(self, run: Run) -> None:
        """A site says something else than before."""
        self._until(run.at)
        self.runs += 1
        run = self._plan.judged(run)
        site = (run.camera_id, run.view_id, run.zone_id, run.type)
        known = self._now_at.get(site)
        nth = 1 if known is None else known.nth + 1
        self._now_at[site] = _Now(run, nth)
        if self._sites.at(site):
            self._take(run.finding(run.at))
            if run.state is FindingState.ABSENT:
                self._plan_proof(site, run, nth)
        if run.state is FindingState.PRESENT:
            self._plan_dwell(site, run, nth, run.at)

    def _plan_dwell(self, site: Site, run: Run, nth: int, at: datetime) -> None:
        since = dedup.counted(self._around, run.finding(at)).since
        due = max(at, since + timedelta(seconds=run.dwell_s))
        self._push(due, "dwell", site, nth)

    def _plan_proof(self, site: Site, run: Run, nth: int) -> None:
        """The looks that prove it gone, at the camera's own pace."""
        rule = self._around.ladder(run.type, site[:3]).gone
        every_s = max(run.every_s or 10.0, rule.over_s / max(1, 2 * rule.looks))
        for n in range(1, max(rule.looks, int(rule.over_s / every_s) + 2)):
            self._push(run.at + timedelta(seconds=n * every_s), "look", site, nth)

    def _push(self, at: datetime, what: str, whom: Site | str, nth: int) -> None:
        if at < self._plan.until:
            heapq.heappush(self._agenda, (at, next(self._count), what, whom, nth))

    def _until(self, at: datetime) -> None:
        while self._agenda and self._agenda[0][0] < at:
            due, _, what, whom, nth = heapq.heappop(self._agenda)
            if isinstance(whom, str):
                self._timer(whom, due)
                continue
            now = self._now_at[whom]
            if now.nth != nth:
                continue
            finding = now.run.finding(due)
            permit = self._around.permit(finding.type, site_of(finding), due, box_of(finding))
            if what == "dwell" and permit is not None:
                self._plan_dwell(whom, now.run, nth, permit.until)
            else:
                self._take(finding)

    def end(self) -> None:
        """Play on to the end of the stretch."""
        self._until(self._plan.until)

    def stories(self) -> list[Story]:
        """Every violation, ended or not."""
        held = [held.incident for held in self._sites.all()]
        return [_story(one) for one in [*self._ended.values(), *held] if one.confirmed_at is not None]

    def _take(self, finding: Finding) -> None:
        finding = dedup.counted(self._around, finding)
        incidents = [held.incident for key in self._sites.at(finding.site) if (held := self._sites.get(key))]
        for nth, part in enumerate(dedup.parts(self._around, finding, incidents)):
            look = dedup.seen(self._around, part.finding)
            if part.incident_id is not None:
                self._advance(part.incident_id, look)
            elif part.finding.dwelled and dedup.is_news(self._around, part.finding, None):
                self._raise(look, nth)

    def _raise(self, look: FindingSeen, nth: int) -> None:
        twin = dedup.twin(self._around, self._sites, look)
        if twin is not None:
            self._advance(twin, look)
            return
        incident_id = dedup.incident_id_of(look.finding, nth)
        self._took(begin(incident_id, look, self._context(look.finding, look.finding.at)), look.finding.at)

    def _timer(self, incident_id: str, at: datetime) -> None:
        """Before a timer fires, every camera that still sees it says so."""
        held = self._sites.get(incident_id)
        if held is None or not any(due <= at for _, due in held.incident.timers):
            return
        for witness in held.incident.witnesses:
            now = self._now_at.get((*witness.site, held.incident.type))
            if now is not None and now.run.state is FindingState.PRESENT:
                self._take(now.run.finding(at))
        held = self._sites.get(incident_id)
        for name in [] if held is None else [name for name, due in held.incident.timers if due <= at]:
            self._advance(incident_id, TimerFired(name), at)

    def _advance(self, incident_id: str, event: Event, at: datetime | None = None) -> None:
        held = self._sites.get(incident_id)
        if held is None:
            return
        now = event.finding.at if isinstance(event, FindingSeen) else at
        assert now is not None
        about = event.finding if isinstance(event, FindingSeen) else held.incident
        self._took(advance(held.incident, event, self._context(about, now)), now)

    def _took(self, step: Step, now: datetime) -> None:
        incident = step.incident
        held = self._sites.get(incident.id)
        self._sites.put(Held(incident, 0 if held is None else held.version + 1))
        if not incident.watched:
            self._ended[incident.id] = incident
        for _name, due in incident.timers:
            self._push(due, "timer", incident.id, 0)
        for effect in step.effects:
            if isinstance(effect, Deliver):
                self._answer(incident.id, effect, now)

    def _answer(self, incident_id: str, sent: Deliver, now: datetime) -> None:
        """The city says yes at once."""
        if sent.kind is DeliveryKind.FILE:
            self._advance(incident_id, CaseFiled("replay", incident_id), now)
        elif sent.kind is DeliveryKind.ANNOUNCE:
            self._advance(incident_id, Announced(sent.target, None, "spoken", Why("", "")), now)
        elif sent.kind is DeliveryKind.NOTIFY:
            self._advance(incident_id, Notified(sent.target, sent.payload["party"]), now)

    def _context(self, about: Finding | Incident, now: datetime) -> Context:
        site = site_of(about) if isinstance(about, Finding) else about.witnesses[0].site
        return Context(
            now=now,
            ladder=self._around.ladder(about.type, site),
            permit=self._around.permit(about.type, site, now),
            speaker_ids=self._around.speakers(site),
            zone=self._around.zone(),
            reach=lambda rung: self._around.reach(about.type, site, rung),
        )


def _story(incident: Incident) -> Story:
    assert incident.confirmed_at is not None
    return Story(
        incident.id,
        incident.type,
        tuple(witness.site for witness in incident.witnesses),
        incident.confirmed_at,
        incident.ended_at,
        bool(incident.cases),
        incident.status.value,
        None if incident.verdict is None else incident.verdict.value,
    )


def compare(runs: int, before: Sequence[Story], after: Sequence[Story]) -> Report:
    """Pair what was with what would be: the same type at a common site, at overlapping times, earliest first."""
    open_after: dict[Site, list[Story]] = {}
    for story in sorted(after, key=lambda s: s.confirmed_at):
        for site in story.sites:
            open_after.setdefault((*site, story.type), []).append(story)
    taken: set[str] = set()
    same: list[tuple[Story, Story]] = []
    moved: list[tuple[Story, Story]] = []
    vanish: list[Story] = []
    for was in sorted(before, key=lambda s: s.confirmed_at):
        candidates = [s for site in was.sites for s in open_after.get((*site, was.type), ()) if s.id not in taken]
        match = next((s for s in candidates if _overlap(was, s)), None)
        if match is None:
            vanish.append(was)
            continue
        taken.add(match.id)
        still = abs(match.confirmed_at - was.confirmed_at) <= _SAME and match.filed == was.filed
        (same if still else moved).append((was, match))
    appear = [story for story in after if story.id not in taken]
    return Report(runs, tuple(before), tuple(after), tuple(same), tuple(moved), tuple(vanish), tuple(appear))


def _overlap(a: Story, b: Story) -> bool:
    """Their times touch; one that has not ended goes on."""
    slack = _SAME + timedelta(minutes=30)
    return (a.ended_at is None or b.confirmed_at - slack <= a.ended_at) and (
        b.ended_at is None or a.confirmed_at - slack <= b.ended_at
    )
