"""Plays one street story: cameras look, people and platforms act, and the hub makes what it can of it.

A story is a YAML file; `tests/scenarios/README.md` says how to write one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import select

from tests.databases import new_database
from tests.incidents.street import SUBTYPES
from vision.core.codes import standard
from vision.core.delivery import AnnouncementReceipt, CaseReceipt, Delivery, NoticeReceipt, Receipt
from vision.core.errors import IllegalTransitionError, Rejected
from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.geometry import Box, Point, Polygon
from vision.core.incidents import CaseStatus, DeliveryKind, DeliveryStatus, Verdict
from vision.core.registry import Camera, Hours, Speaker, View, Zone, ZoneKind
from vision.hub.contacts import Contacts, needs_of
from vision.hub.incidents import IncidentService
from vision.hub.keep import Keeper
from vision.hub.offences import OffenceBook
from vision.hub.suppressions import RejectRule, Suppressions
from vision.hub.surroundings import CitySurroundings
from vision.incidents.events import (
    CaseStatusReported,
    Event,
    FileRequested,
    PresenceAnswered,
    SpeakRequested,
    VerdictGiven,
)
from vision.incidents.incident import Incident
from vision.incidents.ladder import DEFAULT_LADDERS, Action, Ladder, Review, Rung
from vision.incidents.schedule import Calendar, Suppression
from vision.storage.tables import IncidentRow, LogRow, OutboxRow, WitnessRow
from vision.testing import ManualClock

SHANGHAI = ZoneInfo("Asia/Shanghai")
SQUARE: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
SPOTS: dict[str, Box] = {
    "left": (0.05, 0.5, 0.12, 0.6),
    "middle": (0.45, 0.5, 0.52, 0.6),
    "right": (0.88, 0.5, 0.95, 0.6),
}
_TRACKER_REMEMBERS = timedelta(seconds=90)  # the worker's tracker keeps a place's age over a gap this long
_DWELL_S = 180.0


@dataclass(frozen=True)
class Scene:
    """What a camera sees from a time on: things by spot, `blind` or `silent`."""

    since: datetime
    things: tuple[tuple[str, int], ...] = ()
    blind: bool = False
    silent: bool = False


@dataclass
class Looker:
    """One camera of the story."""

    camera: Camera
    zone_id: str
    view_id: str
    every: timedelta
    scenes: list[Scene]
    skew: timedelta
    next_at: datetime
    last_of: dict[str, datetime] = field(default_factory=dict)
    first_of: dict[str, datetime] = field(default_factory=dict)

    def scene_at(self, at: datetime) -> Scene:
        return [scene for scene in self.scenes if scene.since <= at][-1]


class Story:
    """A story in the making: the file's words, the clock, and the hub under test."""

    def __init__(self, path: Path, folder: Path, keeper: Keeper | None = None) -> None:
        self.keeper = keeper
        self._stirred = False
        self.words: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.day = date.fromisoformat(str(self.words.get("day", "2026-07-01")))
        self.begin = self._time(self.words["from"])
        self.end = self._time(self.words["to"])
        self.tick = _span(self.words.get("tick", "10s"))
        self.clock = ManualClock(self.begin)
        self.type = ViolationType(self.words["type"])
        self.database = new_database(folder / "story.db")
        self.suppressions = Suppressions(self.database, self.clock, RejectRule())
        self.lookers = [self._looker(name, facts) for name, facts in self.words["cameras"].items()]
        self.service = self._service()
        self.world: dict[str, Any] = {"platform": "takes", "speaker": "speaks", "notifier": "takes"}
        self.world |= self.words.get("world", {})
        self.acts = sorted(
            ((self._time(when), what) for entry in self.words.get("happens", []) for when, what in entry.items()),
            key=lambda act: act[0],
        )
        self.refusals: list[str] = []
        self._case_number = 0

    # The place ---------------------------------------------------------------------------------------------------

    def _service(self) -> IncidentService:
        cameras: dict[str, Camera] = {}
        for looker in self.lookers:
            known = cameras.get(looker.camera.id)
            views = looker.camera.views if known is None else (*known.views, *looker.camera.views)
            cameras[looker.camera.id] = Camera(
                looker.camera.id, "rtsp://x", place="和平路", district="east", views=views
            )
        days = self.words.get("calendar", {})
        city = CitySurroundings(
            lambda: list(cameras.values()),
            ladders={**DEFAULT_LADDERS, self.type: self._ladder()},
            contacts=self._contacts,
            calendar=Calendar(SHANGHAI, frozenset(days.get("holidays", ())), frozenset(days.get("workdays", ()))),
            suppression_list=self.suppressions.relevant,
            loudspeakers=lambda: {name: Speaker(name, "virtual") for name in ("horn", "horn2")},
        )
        for entry in self.words.get("suppressions", []):
            self._suppress(entry)
        city.refresh()
        self.around = city
        platforms = self.words.get("platforms", ["city"])
        service = IncidentService(
            self.database,
            self.clock,
            city,
            route=lambda _type, _district: platforms,
            suppressions=self.suppressions,
            offences=OffenceBook(),
            standard=standard("gbt30428-2013"),
            keeper=self.keeper,
            nudge=self._stir,
        )
        service.load()
        return service

    def _contacts(self) -> Contacts:
        """`notifiers` is a list of fixed addresses, or recipient templates by id; `shops`, `operators` the registers."""
        named = self.words.get("notifiers", ["bike_operator", "shop"])
        templates = named if isinstance(named, dict) else dict.fromkeys(named, "fixed@city.example")
        return Contacts(
            self.words.get("shops", {}),
            self.words.get("operators", {}),
            {name: needs_of(to) for name, to in templates.items()},
        )

    def _stir(self) -> None:
        self._stirred = True

    def _suppress(self, entry: dict[str, Any]) -> None:
        self.suppressions.add(
            Suppression(
                id=0,
                begins_at=self._time(entry["from"]),
                ends_at=self._time(entry["to"]),
                approved_by=entry["by"],
                reason=entry["why"],
                types=frozenset(ViolationType(name) for name in entry.get("types", ())),
                districts=frozenset(entry.get("districts", ())),
            )
        )

    def _ladder(self) -> Ladder:
        ladder = DEFAULT_LADDERS[self.type]
        words = self.words.get("ladder")
        if words is None:
            return ladder
        steps = []
        for step in words.get("steps", []):
            action, _, rest = step.partition(" ")
            rest, _, fallback = rest.partition(" or ")
            target, _, grace = rest.rpartition(" ")
            steps.append(Rung(Action(action), _span(grace).total_seconds() if grace else 0.0, target, fallback))
        return Ladder(
            tuple(steps) if "steps" in words else ladder.rungs,
            review=Review(words.get("review", "never")),
            review_below=words.get("review_below", 0.0),
        )

    def _looker(self, name: str, facts: dict[str, Any]) -> Looker:
        camera_id, _, view_id = name.partition("/")
        place = facts.get("at")
        zone = Zone(
            "kerb",
            ZoneKind.KEEP_CLEAR,
            SQUARE,
            name="路沿",
            speaker_ids=tuple(self.words.get("speakers", ["horn"])),
            shop_id=facts.get("shop"),
            permitted=tuple(_hours(text) for text in facts.get("permitted", ())),
            ground=() if place is None else _square_at(place, facts.get("size_m", 10)),
        )
        view_id = view_id or "main"
        camera = Camera(camera_id, "rtsp://x", views=(View(view_id, zones=(zone,)),))
        scenes = [self._scene(when, what) for entry in facts["sees"] for when, what in entry.items()]
        every = _span(facts.get("every", "10s"))
        return Looker(camera, "kerb", view_id, every, scenes, _span(facts.get("skew", "0s")), self.begin)

    def _scene(self, when: str, what: str) -> Scene:
        at = self._time(when)
        if what in {"blind", "silent"}:
            return Scene(at, blind=what == "blind", silent=what == "silent")
        if what == "nothing":
            return Scene(at)
        things = []
        for part in what.split(","):
            match = re.fullmatch(r"\s*(\d+)\s+(?:at\s+)?(\w+)\s*", part)
            assert match is not None, f"a scene reads `2 middle, 1 left`, got {what!r}"
            things.append((match[2], int(match[1])))
        return Scene(at, tuple(things))

    def _time(self, text: str) -> datetime:
        """`18:05`, `18:05:10`, or `+1 06:00` for the next day; local time."""
        plus = re.fullmatch(r"(?:\+(\d+)\s+)?(\d+):(\d+)(?::(\d+))?", str(text))
        assert plus is not None, f"a time reads 18:05, 18:05:10 or '+1 06:00', got {text!r}"
        days, hour, minute, second = (int(part or 0) for part in plus.groups())
        local = datetime(self.day.year, self.day.month, self.day.day, hour, minute, second, tzinfo=SHANGHAI)
        return local + timedelta(days=days)

    # The playing -------------------------------------------------------------------------------------------------

    def play(self) -> None:
        """From the first minute to the last."""
        while self.clock.now() <= self.end:
            now = self.clock.now()
            looks = list(self._looks(now))
            for change in self.words.get("delivery", []):
                looks = _DISORDER[change](looks)
            for start in range(0, len(looks), 7):
                self.service.take(looks[start : start + 7])
            while self.acts and self.acts[0][0] <= now:
                self._act(self.acts.pop(0)[1])
            self.service.fire_timers()
            while self._stirred:
                self._stirred = False
                self._answer_outbox()
            self.clock.advance(self.tick.total_seconds())

    def _looks(self, until: datetime) -> Iterator[Finding]:
        for looker in self.lookers:
            while looker.next_at <= until:
                at, looker.next_at = looker.next_at, looker.next_at + looker.every
                scene = looker.scene_at(at)
                if not scene.silent:
                    yield self._finding(looker, scene, at)

    def _finding(self, looker: Looker, scene: Scene, at: datetime) -> Finding:
        objects = []
        for spot, count in scene.things:
            last = looker.last_of.get(spot)
            if last is None or at - last > max(_TRACKER_REMEMBERS, 2 * looker.every):
                looker.first_of[spot] = at
            looker.last_of[spot] = at
            x1, y1, x2, y2 = SPOTS[spot]
            for n in range(count):
                box = (x1, y1 + 0.02 * n, x2, y2 + 0.02 * n)
                objects.append(FindingObject("thing", box, 0.8, looker.first_of[spot], at))
        state = FindingState.PRESENT if objects else FindingState.ABSENT
        if scene.blind:
            state = FindingState.UNKNOWN
        confidence = float(self.words.get("confidence", 0.8))
        subtype = Subtype(self.words.get("subtype", SUBTYPES[self.type]))
        shift = looker.skew
        return Finding(
            camera_id=looker.camera.id,
            view_id=looker.view_id,
            zone_id=looker.zone_id,
            type=self.type,
            subtype=subtype,
            state=state,
            at=at + shift,
            since=min((o.first_seen for o in objects), default=at) + shift,
            dwell_s=_DWELL_S,
            why=Why("画面太暗", "too dark") if scene.blind else Why("", ""),
            objects=tuple(objects),
            confidence=confidence if objects else 0.0,
        )

    def _act(self, what: str) -> None:
        self._stir()
        actor, _, deed = what.partition(" ")
        if actor == "hub":
            self.service = self._service()
        elif actor == "world":
            name, _, how = deed.partition(" ")
            self.world[name] = how
        elif actor == "resend":
            self._resend()
        else:
            self._tell(actor, deed)

    def _tell(self, actor: str, deed: str) -> None:
        verb, _, words = deed.partition(" ")
        made: dict[str, Event]
        if actor == "operator":
            made = {
                "confirms": VerdictGiven(Verdict.CONFIRM, "operator:li", words),
                "rejects": VerdictGiven(Verdict.REJECT, "operator:li", words),
                "files": FileRequested("operator:li", words),
                "speaks": SpeakRequested("operator:li"),
                "sees-it": PresenceAnswered(True, "operator:li", words),
                "sees-nothing": PresenceAnswered(False, "operator:li", words),
            }
            event = made[verb]
        else:
            event = CaseStatusReported(actor, CaseStatus(verb), words)
        with self.database.reading() as session:
            rows = session.scalars(select(IncidentRow).order_by(IncidentRow.began_at.desc(), IncidentRow.id)).all()
        target = next((r for r in rows if r.status not in {"closed", "rectified", "rejected", "lapsed"}), rows[0])
        try:
            self.service.command(target.id, event)
        except IllegalTransitionError as error:
            self.refusals.append(str(error))

    def _resend(self) -> None:
        with self.database.transaction() as session:
            for row in session.scalars(select(OutboxRow).where(OutboxRow.status == DeliveryStatus.DEAD.value)):
                row.status = DeliveryStatus.PENDING.value

    def _answer_outbox(self) -> None:
        """The dispatcher and the world beyond it, in one: every pending row gets the answer the story wants."""
        with self.database.transaction() as session:
            pending = select(OutboxRow).where(OutboxRow.status == DeliveryStatus.PENDING.value).order_by(OutboxRow.id)
            for row in session.scalars(pending).all():
                kind = DeliveryKind(row.kind)
                outcome = self._outcome(kind, row.target, row.payload)
                if outcome is None:
                    continue
                dead = isinstance(outcome, Rejected)
                row.status = (DeliveryStatus.DEAD if dead else DeliveryStatus.DELIVERED).value
                delivery = Delivery(
                    row.id, row.incident_id, kind, row.target, row.idempotency_key, row.payload, row.created_at
                )
                self.service.settled(session, delivery, outcome)

    def _outcome(self, kind: DeliveryKind, target: str, payload: dict[str, Any]) -> Receipt | Rejected | None:
        part = {DeliveryKind.ANNOUNCE: "speaker", DeliveryKind.NOTIFY: "notifier"}.get(kind, "platform")
        whom = payload.get("party", {}).get("id", "")
        answer = self.world.get(f"{part} {whom}", self.world.get(f"{part} {target}", self.world[part]))
        manner, _, words = str(answer).partition(" ")
        if manner == "mute":
            return None
        if manner == "refuses":
            return Rejected(words or "no")
        if kind is DeliveryKind.ANNOUNCE:
            outcome = {"speaks": "spoken", "keeps-silent": "silent", "fails": "failed"}[manner]
            return AnnouncementReceipt(target, 1, outcome, Why(words, words))
        if kind is DeliveryKind.NOTIFY:
            return self._notice(target, payload)
        self._case_number += 1
        return CaseReceipt(target, f"C-{self._case_number}")

    def _notice(self, target: str, payload: dict[str, Any]) -> NoticeReceipt:
        party, now = payload["party"], self.clock.now()
        due_at = now + timedelta(seconds=payload["grace_s"])
        return NoticeReceipt(
            target,
            {
                "party": party,
                "to": party["phone"] or party["email"] or "fixed@city.example",
                "how": "webhook" if party["phone"] else "smtp",
                "via": target,
                "text": f"{party['name']}:请于{due_at.astimezone(SHANGHAI):%H:%M}前整改",
                "notified_at": now.isoformat(),
                "due_at": due_at.isoformat(),
            },
        )

    # The end -----------------------------------------------------------------------------------------------------

    def told(self) -> list[dict[str, Any]]:
        """Every incident as the file's `expect` spells it, in order of its beginning."""
        with self.database.reading() as session:
            rows = sorted(session.scalars(select(IncidentRow)), key=_from_left_to_right)
            return [
                {
                    "status": row.status,
                    "waiting": row.waiting,
                    "began": _clock(row.began_at, self.day),
                    "ended": _clock(row.ended_at, self.day),
                    "things": row.object_count,
                    "colour": row.colour,
                    "previous": len(row.previous),
                    "code": row.event_code,
                    "log": list(
                        session.scalars(select(LogRow.cause).where(LogRow.incident_id == row.id).order_by(LogRow.seq))
                    ),
                    "sent": [
                        f"{out.kind} {out.target}"
                        for out in session.scalars(
                            select(OutboxRow).where(OutboxRow.incident_id == row.id).order_by(OutboxRow.id)
                        )
                    ],
                    "witnesses": sorted(
                        session.scalars(select(WitnessRow.camera_id).where(WitnessRow.incident_id == row.id))
                    ),
                    "text": "\n".join(
                        f"{line.text_zh} {line.text_en}"
                        for line in session.scalars(
                            select(LogRow).where(LogRow.incident_id == row.id).order_by(LogRow.seq)
                        )
                    ),
                }
                for row in rows
            ]

    def close(self) -> None:
        self.database.close()


def _from_left_to_right(row: IncidentRow) -> tuple[datetime, str, Box]:
    """Earliest first, then by camera, then by place in the view."""
    box = Incident.from_record(row.state).witnesses[0].box
    assert box is not None
    return row.began_at, row.camera_id, box


def _clock(at: datetime | None, day: date) -> str | None:
    if at is None:
        return None
    local = at.astimezone(SHANGHAI)
    days = (local.date() - day).days
    return f"{'+' + str(days) + ' ' if days else ''}{local:%H:%M:%S}"


def _span(text: str) -> timedelta:
    match = re.fullmatch(r"(-?\d+)(s|m|h|d)", text)
    assert match is not None, f"a span reads 10s, 5m, 2h or 1d, got {text!r}"
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def _hours(text: str) -> Hours:
    """`18:00-22:00` or `18:00-22:00 6,7`."""
    span, _, days = text.partition(" ")
    begin, _, end = span.partition("-")
    weekdays = frozenset(int(day) for day in days.split(",")) if days else frozenset(range(1, 8))
    clock = [datetime.strptime(part, "%H:%M").time() for part in (begin, end)]  # noqa: DTZ007 - a time of day
    return Hours(clock[0], clock[1], weekdays)


def _square_at(metres: list[float], size_m: float) -> Polygon:
    """A square on the ground, its middle so many metres east and north of the city's middle."""
    east, north = metres
    half = size_m / 2
    corners = ((-half, half), (half, half), (half, -half), (-half, -half))
    return tuple(_lonlat((east + dx, north + dy)) for dx, dy in corners)


def _lonlat(metres: Point) -> Point:
    return 121.47 + metres[0] / 95_400, 31.23 + metres[1] / 111_195


def _twice(looks: list[Finding]) -> list[Finding]:
    return [look for look in looks for _ in range(2)]


def _backwards(looks: list[Finding]) -> list[Finding]:
    return looks[::-1]


_DISORDER = {"twice": _twice, "backwards": _backwards}
