"""No order of events loses an incident, closes one on unknown, files twice, or leaves one waiting for nobody."""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.incidents.street import absent, at, present, unknown
from vision.core.errors import IllegalTransitionError
from vision.core.findings import Finding, Why
from vision.core.incidents import CaseStatus, DeliveryKind, IncidentStatus, Verdict
from vision.incidents.context import Context, Permit
from vision.incidents.events import (
    Announced,
    CaseFiled,
    CaseStatusReported,
    Deliver,
    DeliveryFailed,
    Event,
    FileRequested,
    FindingSeen,
    Notified,
    PresenceAnswered,
    SpeakRequested,
    TimerFired,
    VerdictGiven,
)
from vision.incidents.incident import Incident, Waiting
from vision.incidents.ladder import Action, GoneRule, Ladder, Review, Rung
from vision.incidents.lifecycle import advance, begin
from vision.incidents.material import is_material
from vision.incidents.responsible import Party, PartyKind, Reach
from vision.incidents.turn import Step

LADDERS = [
    Ladder((Rung(Action.FILE),)),
    Ladder((Rung(Action.SPEAK, 600), Rung(Action.FILE)), review=Review.BEFORE_FILING),
    Ladder((Rung(Action.NOTIFY, 900, "bike_operator"), Rung(Action.FILE)), review_below=0.9),
    Ladder((Rung(Action.SPEAK, 60), Rung(Action.NOTIFY, 60, "nobody"))),
    Ladder((), review=Review.BEFORE_ANYTHING),
    Ladder((Rung(Action.SPEAK, 60), Rung(Action.SPEAK, 60), Rung(Action.FILE)), gone=GoneRule(1, 0.0)),
]
CAMERAS = ("street", "roof")
ENDED_BY_VIDEO = {IncidentStatus.CLOSED, IncidentStatus.RECTIFIED, IncidentStatus.LAPSED}
GIVEN_BACK = {CaseStatus.RETURNED, CaseStatus.WITHDRAWN, CaseStatus.DEAD}


class LifeCycle(RuleBasedStateMachine):
    """Cameras, operators, platforms, loudspeakers and timers in any order, fast and slow."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.looks: dict[str, list[tuple[float, str]]] = {camera: [] for camera in CAMERAS}
        self.filings = 0
        self.given_back = 0
        self.answering = False
        self.permit: Permit | None = None
        self.last_status = IncidentStatus.SUSPECTED.value
        self.late: list[Finding] = []

    @initialize(
        ladder=st.sampled_from(LADDERS), dwelled=st.booleans(), speakers=st.integers(0, 2), operators=st.integers(0, 2)
    )
    def begin(self, *, ladder: Ladder, dwelled: bool, speakers: int, operators: int) -> None:
        self.ladder = ladder
        self.operators = operators
        self.speakers = tuple(f"horn{n}" for n in range(speakers))
        finding = present(self.now, since=self.now - (200 if dwelled else 0), camera="street")
        self._look("street", "present")
        step = begin("I", FindingSeen(finding), self._context())
        self._took(step)

    def _context(self) -> Context:
        return Context(at(self.now), self.ladder, self.permit, self.speakers, reach=self._reach)

    def _reach(self, rung: Rung) -> Reach:
        parties = tuple(
            Party(PartyKind.BIKE_OPERATOR, f"o{n}", f"o{n}", rung.target, phone="1") for n in range(self.operators)
        )
        return Reach(
            parties, (Party(PartyKind.NOTIFIER, "duty", "duty", "duty"),), Why("没有登记", "None is registered")
        )

    def _look(self, camera: str, state: str) -> None:
        self.looks[camera].append((self.now, state))

    def _took(self, step: Step) -> None:
        for entry in step.log:
            assert entry.from_status in {None, self.last_status}
            assert entry.why.zh
            assert entry.why.en
            if entry.to_status in ENDED_BY_VIDEO and entry.from_status != entry.to_status:
                self._ended(entry.cause)
            self.last_status = entry.to_status
        self.filings += sum(isinstance(e, Deliver) and e.kind is DeliveryKind.FILE for e in step.effects)
        assert step.incident.status.value == self.last_status
        self.incident: Incident = step.incident

    def _ended(self, cause: str) -> None:
        """Ended by video means: one camera looked k times over the set time since anybody saw it, and saw nothing."""
        if cause == "answered":
            assert self.answering
            return
        if cause == "permitted":
            assert self.permit is not None
            return
        gone = self.ladder.gone
        last_seen = max(t for looks in self.looks.values() for t, state in looks if state == "present")
        proofs = [[t for t, state in looks if state == "absent" and t > last_seen] for looks in self.looks.values()]
        assert any(len(times) >= gone.looks and times[-1] - times[0] >= gone.over_s for times in proofs), cause

    def _send(self, event: Event) -> None:
        before = self.incident
        step = advance(before, event, self._context())
        if before.status.final:
            assert step.incident.status is before.status
        self._took(step)

    @rule(seconds=st.sampled_from([1, 10, 30, 70, 130, 400, 2000, 30_000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(camera=st.sampled_from(CAMERAS), young=st.booleans(), count=st.integers(1, 3))
    def sees(self, *, camera: str, young: bool, count: int) -> None:
        self.now += 1
        boxes = ((0.4, 0.4, 0.5, 0.5),) * count
        since = self.now if young else min(self.now, 1000.0)
        finding = present(self.now, since=since, camera=camera, boxes=boxes)
        self._look(camera, "present")
        self._send(FindingSeen(finding))

    @rule(camera=st.sampled_from(CAMERAS))
    def sees_nothing(self, camera: str) -> None:
        self.now += 1
        if self.incident.witness((camera, "main", "kerb")) is None:
            return
        self._look(camera, "absent")
        finding = absent(self.now, camera=camera)
        self.late.append(finding)
        self._send(FindingSeen(finding))

    @rule(camera=st.sampled_from(CAMERAS))
    def cannot_tell(self, camera: str) -> None:
        self.now += 1
        if self.incident.witness((camera, "main", "kerb")) is None:
            return
        before = self.incident.status
        self._send(FindingSeen(unknown(self.now, camera=camera)))
        assert self.incident.status is before, "an unknown look moved the incident"

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def delivered_again(self, data: st.DataObject) -> None:
        before = self.incident.status
        self._send(FindingSeen(data.draw(st.sampled_from(self.late))))
        assert self.incident.status is before

    @rule()
    def timers(self) -> None:
        for name, due in self.incident.timers:
            if due <= at(self.now):
                self._send(TimerFired(name))

    @rule()
    def sleeps_until_the_next_timer(self) -> None:
        due = self.incident.next_timer_at
        if due is not None:
            self.now = max(self.now, (due - at(0)).total_seconds())
            self.timers()

    @rule(name=st.sampled_from(["rung", "recheck", "unseen", "remind"]))
    def a_timer_fires_too_early(self, name: str) -> None:
        due = dict(self.incident.timers).get(name)
        if due is None or due > at(self.now):
            before = self.incident
            self._send(TimerFired(name))
            assert self.incident is before

    @rule(verdict=st.sampled_from(Verdict))
    def an_operator_judges(self, verdict: Verdict) -> None:
        self._asked(VerdictGiven(verdict, "operator:li", "because"))

    @rule(still=st.booleans())
    def an_operator_answers(self, *, still: bool) -> None:
        self.answering = not still
        self._asked(PresenceAnswered(still, "operator:li"))
        self.answering = False

    @rule()
    def an_operator_files(self) -> None:
        self._asked(FileRequested("operator:li"))

    @rule()
    def an_operator_speaks(self) -> None:
        self._asked(SpeakRequested("operator:li"))

    def _asked(self, event: Event) -> None:
        before = self.incident
        try:
            self._send(event)
        except IllegalTransitionError:
            assert self.incident is before

    @precondition(lambda self: self.filings > 0)
    @rule(times=st.integers(1, 2))
    def a_platform_takes_it(self, times: int) -> None:
        for _ in range(times):
            self._send(CaseFiled("city", f"C-{self.filings}"))

    @precondition(lambda self: self.incident.cases)
    @rule(status=st.sampled_from(CaseStatus))
    def a_platform_reports(self, status: CaseStatus) -> None:
        live = bool(self.incident.live_cases)
        self._send(CaseStatusReported("city", status, "words", "reason"))
        if live and status in GIVEN_BACK:
            self.given_back += 1

    @rule(kind=st.sampled_from(DeliveryKind))
    def a_delivery_fails(self, kind: DeliveryKind) -> None:
        party = {"key": next(iter(self.incident.telling), ""), "kind": "shop", "id": "s", "name": "s"}
        if kind is DeliveryKind.FILE and self.incident.filing:
            self.given_back += 1
        self._send(DeliveryFailed(kind, "city", "410 gone", party))

    @rule(outcome=st.sampled_from(["spoken", "silent", "failed", "stopped"]))
    def a_speaker_tells(self, outcome: str) -> None:
        self._send(Announced("horn0", 1, outcome, Why("夜间", "quiet hours")))

    @rule()
    def somebody_is_told(self) -> None:
        party = {"key": next(iter(self.incident.telling), ""), "kind": "shop", "id": "s", "name": "s"}
        self._send(Notified("bike_operator", party, {"to": "13800000000", "how": "webhook"}))

    @rule(permitted=st.booleans())
    def permission_comes_and_goes(self, *, permitted: bool) -> None:
        until = at(self.now) + timedelta(hours=1)
        self.permit = Permit(until, Why("夜市", "night market")) if permitted else None

    @invariant()
    def nothing_is_filed_twice(self) -> None:
        assert self.filings <= 1 + self.given_back

    @invariant()
    def somebody_or_something_will_act(self) -> None:
        incident = self.incident
        if incident.status.final:
            assert incident.timers == ()
            assert incident.waiting is Waiting.NOBODY
            return
        assert incident.timers, f"{incident.status} waits for {incident.waiting!r} without a timer"
        if incident.waiting is not Waiting.NOBODY:
            assert "remind" in dict(incident.timers)

    @invariant()
    def it_survives_being_written_down(self) -> None:
        assert Incident.from_record(self.incident.to_record()) == self.incident

    @invariant()
    def a_look_that_moves_it_is_never_called_immaterial(self) -> None:
        later = self.now + 0.5
        for finding in (present(later, since=1000.0, camera="street"), absent(later, camera="street")):
            step = advance(self.incident, FindingSeen(finding), self._context())
            if step.incident.status is not self.incident.status and self.permit is None:
                assert is_material(self.incident, finding, self.ladder)


LifeCycle.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLifeCycle = pytest.mark.slow(LifeCycle.TestCase)
