"""What an incident asks to be said: where it is, by which loudspeakers, in which words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from vision.alerts.phrases import Phrase, choose
from vision.alerts.placement import reaching
from vision.alerts.policy import LADDER, Ask, PolicySettings
from vision.alerts.record import AnnouncementRecord
from vision.core.announcements import Outcome
from vision.core.clock import Clock
from vision.core.delivery import Delivery
from vision.core.errors import NotThereError, Rejected
from vision.core.findings import ViolationType
from vision.core.registry import Camera, Zone
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.storage.tables.incidents import IncidentRow

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """Something to be said.

    Attributes:
        speaker_ids: who should say it, best first.
        fall_back: go on to the next of them when a device fails; the ladder does that itself.
        text: free words instead of a phrase.
        words: what the phrase's fields are filled with.
        seen_by: camera and view of the incident; its evidence then names them.
    """

    ask: Ask
    speaker_ids: tuple[str, ...]
    phrase: Phrase | None = None
    text: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    incident_id: str | None = None
    seen_by: tuple[str, str] | None = None
    delivery_key: str | None = None
    fall_back: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """What an incident tells the announcer: where it is, and what can be said of it."""

    type: ViolationType
    camera: Camera | None
    zone: Zone | None
    words: Mapping[str, str]
    confirmed: bool
    seen_by: tuple[str, str]  # camera and view


@dataclass(frozen=True, slots=True)
class Asking:
    """Turns ANNOUNCE deliveries into requests. `policy` and `phrases` are asked anew each time."""

    database: Database
    registry: Registry
    record: AnnouncementRecord
    clock: Clock
    policy: Callable[[], PolicySettings]
    phrases: Callable[[], Sequence[Phrase]]

    def of(self, delivery: Delivery) -> Request:
        """What an outbox row and its incident ask for.

        Raises:
            Rejected: there is no such incident.
        """
        payload = delivery.payload
        situation = self._situation(delivery.incident_id)
        zone_id = "" if situation.zone is None else situation.zone.id
        camera_id = "" if situation.camera is None else situation.camera.id
        earlier = [
            past
            for past in self.record.of_incident(delivery.incident_id)
            if past.outcome in {Outcome.SPOKEN, Outcome.STOPPED}
        ]
        actor = str(payload.get("actor") or LADDER)
        phrase = self._phrase(str(payload.get("phrase_id") or ""))
        if phrase is None:
            local = self.clock.now().astimezone(self.policy().timezone)
            phrase = choose(
                self.phrases(),
                type=situation.type,
                camera_id=camera_id,
                zone_id=zone_id,
                local=local,
                warning=len(earlier) + 1,
            )
        by_operator = actor != LADDER
        return Request(
            ask=Ask(
                actor, situation.type, camera_id, zone_id, situation.confirmed, str(payload.get("emergency") or "")
            ),
            speaker_ids=self._targets(delivery.target, situation, others=by_operator),
            phrase=phrase,
            text=str(payload.get("text") or ""),
            words=situation.words,
            incident_id=delivery.incident_id,
            seen_by=situation.seen_by,
            delivery_key=delivery.idempotency_key,
            fall_back=by_operator,
        )

    def _phrase(self, phrase_id: str) -> Phrase | None:
        return next((phrase for phrase in self.phrases() if phrase.id == phrase_id), None)

    def _targets(self, target: str, situation: Situation, *, others: bool) -> tuple[str, ...]:
        reach: list[str] = []
        if situation.camera is not None and situation.zone is not None:
            reach = [speaker.id for speaker in reaching(situation.camera, situation.zone, self.registry.speakers())]
        if target in {"", "*"}:
            return tuple(reach)
        return (target, *(key for key in reach if others and key != target))

    def _situation(self, incident_id: str) -> Situation:
        with self.database.reading() as session:
            row = session.get(IncidentRow, incident_id)
            if row is None:
                raise Rejected(f"there is no incident {incident_id}")
        words = {"place": row.place, "district": row.district}
        camera, zone = None, None
        try:
            camera = self.registry.camera(row.camera_id)
            zone = next((z for v in camera.views if v.id == row.view_id for z in v.zones if z.id == row.zone_id), None)
        except NotThereError:
            _log.warning("camera_gone", camera=row.camera_id, incident=incident_id)
        if zone is not None and zone.name != zone.id:
            words["zone"] = zone.name
        if row.shop_id:
            try:
                words["shop"] = str(self.registry.document("shop", row.shop_id).get("name", ""))
            except NotThereError:
                _log.warning("shop_unknown", shop=row.shop_id, incident=incident_id)
        seen_by = row.camera_id, row.view_id
        return Situation(ViolationType(row.type), camera, zone, words, row.verdict == "confirm", seen_by)
