import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.alerts.peers import gst_camera
from tests.alerts.test_voice import HummingSpeech
from tests.databases import new_database
from vision.alerts.announcer import Announcer
from vision.alerts.asking import Request
from vision.alerts.audio import Audio, Sound
from vision.alerts.phrases import DEFAULT_PHRASES
from vision.alerts.policy import Ask, Mode, PolicySettings
from vision.alerts.speakers import open_speaker
from vision.alerts.speakers.driver import Proof, SpeakerDriver
from vision.alerts.voice import Voice
from vision.core.announcements import Announcement, Outcome
from vision.core.clock import Clock, SystemClock
from vision.core.delivery import Delivery
from vision.core.errors import DeliveryError, Rejected, RetryLater
from vision.core.incidents import DeliveryKind
from vision.core.registry import Speaker
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.storage.tables.incidents import EvidenceRow, IncidentRow
from vision.testing import ManualClock, MemoryBlobs

NOON = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)


@dataclass
class Street:
    """A registry, a database, and loudspeakers that follow a script."""

    clock: ManualClock
    database: Database
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    policy: PolicySettings = PolicySettings(default_mode=Mode.AUTOMATIC, timezone=ZoneInfo("Asia/Shanghai"))  # noqa: RUF009
    faults: dict[str, DeliveryError] = field(default_factory=dict)
    heard: list[tuple[str, Audio]] = field(default_factory=list)
    speech: HummingSpeech = field(default_factory=HummingSpeech)

    def announcer(self) -> Announcer:
        return Announcer(
            self.database,
            Registry(self.database, self.clock),
            self.blobs,
            Voice(self.blobs, self.speech),
            self.clock,
            policy=lambda: self.policy,
            phrases=lambda: DEFAULT_PHRASES,
            opener=self.open,
        )

    def open(self, speaker: Speaker, clock: Clock) -> SpeakerDriver:
        return ScriptedSpeaker(self, speaker, clock)

    def incident(self, number: str = "i1", **values: str) -> None:
        now = self.clock.now()
        row = IncidentRow(
            id=number,
            type=values.get("type", "out_of_store"),
            subtype="out_of_store",
            status="open",
            camera_id="gate",
            view_id="main",
            zone_id="kerb",
            place="人民路 12 号",
            shop_id="s1",
            verdict=values.get("verdict"),
            began_at=now,
            last_seen_at=now,
            updated_at=now,
        )
        with self.database.transaction() as session:
            session.add(row)


@dataclass
class ScriptedSpeaker:
    street: Street
    speaker: Speaker
    clock: Clock
    live: bool = True

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        fault = self.street.faults.get(self.speaker.id)
        if fault is not None:
            raise fault
        assert isinstance(sound, Audio)
        began_at = self.clock.now()
        self.clock.sleep(sound.duration_s, stop)
        self.street.heard.append((self.speaker.id, sound))
        return Proof("scripted", began_at, sound.duration_s, len(sound.samples), "ok", stop.is_set())


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    clock = ManualClock(NOON)
    database = new_database(tmp_path / "hub.db")
    registry = Registry(database, clock)
    zone = {"kind": "shopfront", "polygon": [[0, 0], [1, 0], [1, 1]], "speakers": ["first", "second"]}
    registry.put("camera", "gate", {"url": "rtsp://h/1", "zones": {"kerb": zone}}, by="test")
    for name in ("first", "second"):
        registry.put("speaker", name, {"kind": "http", "url": "http://h/"}, by="test")
    registry.put("shop", "s1", {"name": "海鲜店"}, by="test")
    yield Street(clock, database)
    database.close()


def delivery(street: Street, *, target: str = "first", key: str = "k1", **payload: str) -> Delivery:
    return Delivery(1, "i1", DeliveryKind.ANNOUNCE, target, key, payload, street.clock.now())


def kept(announcer: Announcer) -> list[Announcement]:
    return announcer.record.of_incident("i1")


def test_speaks_the_phrase_with_the_shop_and_keeps_proof_and_sound(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    receipt = announcer.deliver(delivery(street, actor="ladder", phrase_id=""))
    assert receipt.outcome == "spoken"
    assert receipt.speaker_id == "first"
    assert receipt.why.zh.startswith("海鲜店,请不要越门经营")
    (row,) = kept(announcer)
    assert row.phrase_id == "shop_first"
    assert row.proof["accepted"] == "ok"
    assert row.proof["chime_s"] > 1
    assert row.duration_s == pytest.approx(street.heard[0][1].duration_s)
    assert row.audio_key is not None
    assert row.audio_key.startswith("2026/07/01/first/")
    assert Audio.from_wav(street.blobs.get(row.audio_key)).duration_s == pytest.approx(row.duration_s)
    with street.database.reading() as session:
        evidence = session.get_one(EvidenceRow, (row.audio_key, "i1"))
        assert (evidence.role, evidence.media_type, evidence.camera_id) == ("audio", "audio/wav", "gate")
        assert evidence.sha256 == hashlib.sha256(street.blobs.get(row.audio_key)).hexdigest()


def test_the_same_row_delivered_twice_is_spoken_once(street: Street) -> None:
    street.incident()
    first = street.announcer().deliver(delivery(street))
    again = street.announcer().deliver(replace(delivery(street), attempts=1, outcome_unknown=True))
    assert again == first
    assert len(street.heard) == 1


def test_a_crash_while_speaking_is_told_and_not_said_again(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    announcer.record.add(
        Announcement("first", "ladder", NOON, Outcome.SPEAKING, incident_id="i1", delivery_key="k1", duration_s=5)
    )
    assert announcer.deliver(delivery(street)).outcome == "stopped"
    assert not street.heard
    assert kept(announcer)[0].reason.en == "the system restarted meanwhile"


def test_the_second_warning_uses_the_second_phrase(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    announcer.deliver(delivery(street))
    street.clock.advance(900)
    announcer.deliver(delivery(street, key="k2"))
    assert [row.phrase_id for row in kept(announcer)] == ["shop_first", "shop_again"]


def test_silence_is_an_answer_with_its_reason(street: Street) -> None:
    street.incident()
    street.policy = replace(street.policy, muted=True)
    announcer = street.announcer()
    receipt = announcer.deliver(delivery(street))
    assert (receipt.outcome, receipt.why.en) == ("silent", "the global mute is on")
    (row,) = kept(announcer)
    assert row.outcome is Outcome.SILENT
    assert row.proof["cause"] == "muted"
    assert not street.heard


def test_confirming_the_incident_is_the_approval(street: Street) -> None:
    street.policy = replace(street.policy, default_mode=Mode.APPROVAL)
    street.incident(verdict="confirm")
    assert street.announcer().deliver(delivery(street)).outcome == "spoken"


def test_for_the_ladder_a_broken_speaker_is_an_answer_so_that_it_takes_the_next(street: Street) -> None:
    street.incident()
    street.faults["first"] = RetryLater("loudspeaker first is offline")
    announcer = street.announcer()
    receipt = announcer.deliver(delivery(street))
    assert receipt.outcome == "failed"
    assert "offline" in receipt.why.en
    assert announcer.deliver(delivery(street, target="second", key="k2")).outcome == "spoken"
    assert [row.outcome.value for row in kept(announcer)] == ["failed", "spoken"]


def test_for_an_operator_the_next_speaker_takes_over_by_itself(street: Street) -> None:
    street.incident()
    street.faults["first"] = Rejected("401")
    receipt = street.announcer().deliver(delivery(street, actor="operator:li", text="马上离开"))
    assert (receipt.outcome, receipt.speaker_id, receipt.why.zh) == ("spoken", "second", "马上离开")


def test_when_all_fail_it_says_so(street: Street) -> None:
    street.incident()
    street.faults = {name: RetryLater("offline") for name in ("first", "second")}
    announcer = street.announcer()
    assert announcer.deliver(delivery(street, actor="operator:li")).outcome == "failed"
    assert len(kept(announcer)) == 2


def test_an_unknown_speaker_is_told(street: Street) -> None:
    street.incident()
    receipt = street.announcer().deliver(delivery(street, target="gone"))
    assert (receipt.outcome, receipt.why.en) == ("failed", "there is no loudspeaker gone")


def test_no_incident_is_refused(street: Street) -> None:
    with pytest.raises(Rejected, match="no incident"):
        street.announcer().deliver(delivery(street))


def test_somebody_in_earshot_is_waited_for_but_not_for_ever(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    speaker = Registry(street.database, street.clock).speakers()["first"]
    asked = delivery(street)
    with announcer.floor.take(speaker, "operator:li") as turn:
        assert turn is not None
        with pytest.raises(RetryLater, match="within earshot"):
            announcer.deliver(asked)
        street.clock.advance(21)
        assert announcer.deliver(asked).outcome == "silent"
    assert not street.heard


def test_without_any_voice_it_fails_in_words(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    request = Request(Ask("operator:li"), ("first",))
    failed = announcer.announce(request)
    assert failed.outcome is Outcome.FAILED
    assert "no phrase fits" in failed.reason.en


def test_an_operator_takes_over_an_automatic_announcement(street: Street) -> None:
    street.incident()
    announcer = street.announcer()
    speaker = Registry(street.database, street.clock).speakers()["first"]
    with announcer.floor.take(speaker, "ladder") as turn:
        assert turn is not None
        # Nobody lets go in this thread, so clearing cannot succeed; it must have asked all the same.
        assert not announcer.floor.clear_for(speaker, "operator:li", within_s=0.01)
        assert turn.stop.is_set()
        assert turn.stopped_by == ["operator:li"]
    assert announcer.floor.clear_for(speaker, "operator:li")
    with announcer.floor.take(speaker, "operator:wang"):
        assert not announcer.floor.clear_for(speaker, "operator:li")


def test_stopping_is_kept_with_who_did_it(street: Street) -> None:
    street.incident()
    announcer = street.announcer()

    class Interrupted(ScriptedSpeaker):
        def play(self, sound: Sound, stop: threading.Event) -> Proof:
            assert announcer.floor.stop(self.speaker.id, "operator:li")
            return ScriptedSpeaker.play(self, sound, stop)

    announcer._opener = lambda speaker, clock: Interrupted(street, speaker, clock)
    assert announcer.deliver(delivery(street)).outcome == "stopped"
    assert kept(announcer)[0].reason.en == "stopped by operator:li"
    assert not announcer.floor.stop("first", "operator:li")


def test_old_announcements_leave_the_policys_memory(street: Street) -> None:
    announcer = street.announcer()
    for hours in (30, 3):
        announcer.record.add(Announcement("first", "ladder", NOON - timedelta(hours=hours), Outcome.SPOKEN))
    assert len(announcer.record.last_day(NOON)) == 1


@pytest.mark.server
@pytest.mark.slow
def test_the_cameras_microphone_confirms_the_announcement(tmp_path: Path, street: Street) -> None:
    street.incident()
    registry = Registry(street.database, street.clock)
    with gst_camera(tmp_path) as host:
        options = {"microphone": f"rtsp://{host}/microphone"}
        document = {"kind": "onvif", "url": f"rtsp://{host}/camera", "options": options}
        registry.put("speaker", "first", document, by="test")
        announcer = street.announcer()
        announcer._opener, announcer._clock = open_speaker, RealNoon()
        assert announcer.deliver(delivery(street)).outcome == "spoken"
    (row,) = kept(announcer)
    assert row.proof["heard"]["confirmed"] is True
    assert row.proof["heard"]["score"] > 0.9


def test_a_microphone_called_self_is_sought_at_the_loudspeakers_own_address(street: Street) -> None:
    street.incident()
    document = {"kind": "onvif", "url": "rtsp://127.0.0.1:1/own", "options": {"microphone": "self"}}
    Registry(street.database, street.clock).put("speaker", "first", document, by="test")
    announcer = street.announcer()
    announcer.deliver(delivery(street))
    (row,) = kept(announcer)
    assert row.proof["heard"]["confirmed"] is False
    assert "rtsp://127.0.0.1:1/own is offline" in row.proof["heard"]["fault"]


class RealNoon(SystemClock):
    """Time that passes, at noon: the policy would be silent at night."""

    def __init__(self) -> None:
        self._shift = NOON - super().now()

    def now(self) -> datetime:
        return super().now() + self._shift
