"""Speaks: chooses the words, asks the policy, plays, falls to the next speaker, and keeps the proof or the reason."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from vision.alerts.asking import Asking, Request
from vision.alerts.chime import chime
from vision.alerts.floor import Floor
from vision.alerts.listen import Microphone, find
from vision.alerts.phrases import Phrase
from vision.alerts.policy import Ask, Cause, Decision, PolicySettings, decide
from vision.alerts.record import AnnouncementRecord
from vision.alerts.speakers import open_speaker
from vision.alerts.speakers.driver import Proof, SpeakerDriver, address_of
from vision.alerts.talk import Talk, Told
from vision.alerts.voice import WAV, Spoken, Voice
from vision.core.announcements import Announcement, Outcome
from vision.core.clock import Clock
from vision.core.delivery import AnnouncementReceipt, Delivery
from vision.core.errors import ConfigError, DeliveryError, NotThereError, Rejected, RetryLater
from vision.core.findings import Why
from vision.core.ports import BlobStore
from vision.core.registry import Speaker
from vision.storage.database import Database
from vision.storage.registry import Registry
from vision.storage.tables.incidents import EvidenceRow

_log = structlog.get_logger()

_ECHO_S = 0.6  # the way from packet to air to microphone and back
Opener = Callable[[Speaker, Clock], SpeakerDriver]


class SilencedError(Rejected):
    """The policy keeps a loudspeaker silent; `why` says so in both languages."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.en)
        self.why = why


class Announcer:
    """The handler of ANNOUNCE deliveries, and the way in for operators. Plays in the caller's thread."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        blobs: BlobStore,
        voice: Voice,
        clock: Clock,
        *,
        policy: Callable[[], PolicySettings],
        phrases: Callable[[], Sequence[Phrase]],
        floor: Floor | None = None,
        give_up_s: float = 20.0,
        listen: bool = True,
        opener: Opener = open_speaker,
    ) -> None:
        """`policy` and `phrases` are asked anew each time, so that a mute or a new phrase holds at once."""
        self._database = database
        self._registry = registry
        self._blobs = blobs
        self._voice = voice
        self._clock = clock
        self._policy = policy
        self._give_up_s = give_up_s
        self._listen = listen
        self._opener = opener
        self.floor = floor or Floor()
        self.record = AnnouncementRecord(database)
        self._asking = Asking(database, registry, self.record, clock, policy, phrases)

    def deliver(self, delivery: Delivery) -> AnnouncementReceipt:
        """Speak for an incident; silence and failure are answers too, so that its ladder goes on.

        Raises:
            RetryLater: somebody in earshot is speaking and will be done soon.
        """
        done = self.record.by_delivery(delivery.idempotency_key)
        if done is not None and done.outcome is not Outcome.SPEAKING:
            return _receipt(done)
        if done is not None:
            # The process died while it was speaking. Nobody knows how much was heard, so it is not said again.
            cut = replace(done, outcome=Outcome.STOPPED, reason=Why("喊话时系统重启", "the system restarted meanwhile"))
            self.record.complete(done.id, cut)
            return _receipt(cut)
        request = self._asking.of(delivery)
        age_s = (self._clock.now() - delivery.created_at).total_seconds()
        return _receipt(self.announce(request, may_wait=age_s < self._give_up_s))

    def announce(self, request: Request, *, may_wait: bool = False) -> Announcement:
        """Say it on the first speaker that may and can; what came of it is kept and returned.

        Raises:
            RetryLater: `may_wait`, and the only obstacle is somebody speaking in earshot.
        """
        speakers = self._registry.speakers()
        wanted = [speakers[key] for key in request.speaker_ids if key in speakers]
        if not wanted:
            named = ", ".join(request.speaker_ids)
            why = Why(f"没有可用的音柱 {named}".strip(), f"there is no loudspeaker {named}".strip())
            return self._keep(self._blank(request, "", Outcome.FAILED, why))
        last: Announcement | None = None
        for speaker in wanted:
            if request.ask.by_operator:
                self.floor.clear_for(speaker, request.ask.actor)  # people before machines
            decision = self._decide(request, speaker, list(speakers.values()))
            if decision.cause is Cause.EARSHOT and may_wait:
                raise RetryLater(decision.why.en, after_s=2.0)
            if decision.allowed:
                last = self._speak(request, speaker, decision.volume)
            else:
                last = self._keep(self._blank(request, speaker.id, Outcome.SILENT, decision.why, cause=decision.cause))
            if last.outcome in {Outcome.SPOKEN, Outcome.STOPPED} or not request.fall_back:
                return last
            request = replace(request, delivery_key=None)  # the key belongs to the first row only
        assert last is not None
        return last

    def talk(
        self,
        speaker_id: str,
        *,
        ask: Ask,
        rate_hz: int,
        longest_s: float,
        told: Callable[[Told], None],
        incident_id: str | None = None,
    ) -> Talk:
        """Begin to pass a person's voice on; automatic announcements in earshot end for it.

        Raises:
            NotThereError: no such speaker.
            Rejected: the policy says no, or the speaker takes no talk; in words.
            ConfigError: the speaker's address or options are wrong.
        """
        speakers = self._registry.speakers()
        if speaker_id not in speakers:
            raise NotThereError(f"there is no speaker {speaker_id}")
        speaker = speakers[speaker_id]
        self.floor.clear_for(speaker, ask.actor)
        decision = self._decide(Request(ask, (speaker_id,)), speaker, list(speakers.values()))
        if not decision.allowed:
            silent = self._blank(
                Request(ask, (speaker_id,), incident_id=incident_id), speaker_id, Outcome.SILENT, decision.why
            )
            self._keep(replace(silent, proof={"cause": decision.cause.value, "talk": True}))
            raise SilencedError(decision.why)
        talk = Talk(
            speaker,
            self._opener(speaker, self._clock),
            actor=ask.actor,
            rate_hz=rate_hz,
            volume=decision.volume,
            longest_s=longest_s,
            floor=self.floor,
            record=self.record,
            blobs=self._blobs,
            clock=self._clock,
            told=told,
            incident_id=incident_id,
        )
        talk.start()
        return talk

    def preview(self, phrase: Phrase, words: Mapping[str, str]) -> Spoken:
        """What the phrase sounds like; raises NotThereError without recording and engine."""
        return self._voice.render(phrase, words)

    def _decide(self, request: Request, speaker: Speaker, speakers: Sequence[Speaker]) -> Decision:
        now = self._clock.now()
        history = self.record.last_day(now)
        return decide(
            request.ask,
            speaker,
            self._policy(),
            now,
            history=history,
            speakers=speakers,
            talking=self.floor.talking(),
        )

    def _speak(self, request: Request, speaker: Speaker, volume: float) -> Announcement:
        try:
            spoken = self._render(request)
            driver = self._opener(speaker, self._clock)
        except (NotThereError, ConfigError) as error:
            return self._keep(self._blank(request, speaker.id, Outcome.FAILED, Why(f"无法喊话: {error}", str(error))))
        with self.floor.take(speaker, request.ask.actor) as turn:
            if turn is None:
                why = Why("附近正在喊话", "somebody within earshot began to speak")
                return self._keep(self._blank(request, speaker.id, Outcome.SILENT, why, cause=Cause.EARSHOT))
            begun = self._keep(
                replace(
                    self._blank(request, speaker.id, Outcome.SPEAKING, Why("", "")),
                    text=spoken.text,
                    audio_key=self._kept_audio(speaker, spoken),
                    duration_s=spoken.audio.duration_s,
                )
            )
            try:
                proof, heard = self._play(driver, speaker, spoken, volume, turn.stop)
            except (DeliveryError, ConfigError) as error:
                _log.warning("announcement_failed", speaker=speaker.id, error=str(error))
                why = Why(f"音柱 {speaker.id} 喊话失败: {error}", str(error))
                return self._complete(replace(begun, outcome=Outcome.FAILED, reason=why, duration_s=0.0))
            outcome, why = Outcome.SPOKEN, Why("", "")
            if proof.stopped:
                by = ", ".join(turn.stopped_by)
                outcome, why = Outcome.STOPPED, Why(f"被 {by} 停止", f"stopped by {by}")
            record = {**proof.to_record(), "volume": round(volume, 3), "chime_s": round(spoken.chime_s, 3), **heard}
            _log.info("announcement_made", speaker=speaker.id, text=spoken.text, outcome=outcome.value)
            self._add_evidence(request, begun)
            return self._complete(
                replace(begun, outcome=outcome, reason=why, duration_s=proof.duration_s, proof=record)
            )

    def _play(
        self, driver: SpeakerDriver, speaker: Speaker, spoken: Spoken, volume: float, stop: threading.Event
    ) -> tuple[Proof, dict[str, Any]]:
        """Play, and listen for the chime where the speaker's options name a microphone (`self`: its own address)."""
        sound = spoken.audio.scaled(volume)
        url = dict(speaker.options).get("microphone", "")
        if not (url and self._listen and spoken.chime_s):
            return driver.play(sound, stop), {}
        address = address_of(speaker if url == "self" else replace(speaker, url=url), "rtsp", "rtsps")
        with Microphone(address) as microphone:
            proof = driver.play(sound, stop)
            self._clock.sleep(_ECHO_S, stop)
        if microphone.fault:
            return proof, {"heard": {"confirmed": False, "fault": microphone.fault}}
        heard = find(chime(), microphone.recording())
        if not heard.confirmed:
            _log.warning("chime_not_heard", speaker=speaker.id, score=round(heard.score, 3))
        return proof, {"heard": heard.to_record()}

    def _render(self, request: Request) -> Spoken:
        if request.text:
            return self._voice.say(((_language(request.text), request.text),))
        if request.phrase is None:
            raise NotThereError("no phrase fits this violation, place and time")
        return self._voice.render(request.phrase, request.words)

    def _kept_audio(self, speaker: Speaker, spoken: Spoken) -> str:
        """The sound as evidence of its day, apart from the cache of voices, which may be emptied."""
        data = spoken.audio.to_wav()
        key = f"{self._clock.now():%Y/%m/%d}/{speaker.id}/{hashlib.sha256(data).hexdigest()}.wav"
        self._blobs.put(key, data, media_type=WAV)
        return key

    def _add_evidence(self, request: Request, announcement: Announcement) -> None:
        """The sound becomes part of the incident's evidence."""
        key = announcement.audio_key
        if request.incident_id is None or request.seen_by is None or key is None:
            return
        data, now = self._blobs.get(key), self._clock.now()
        with self._database.transaction() as session:
            if session.get(EvidenceRow, (key, request.incident_id)) is None:
                session.add(
                    EvidenceRow(
                        id=key,
                        incident_id=request.incident_id,
                        role="audio",
                        media_type=WAV,
                        sha256=hashlib.sha256(data).hexdigest(),
                        size=len(data),
                        camera_id=request.seen_by[0],
                        view_id=request.seen_by[1],
                        captured_at=announcement.at,
                        time_source="arrival",
                        received_at=now,
                        detail={"announcement": announcement.id},
                    )
                )

    def _blank(
        self, request: Request, speaker_id: str, outcome: Outcome, why: Why, *, cause: Cause = Cause.NONE
    ) -> Announcement:
        return Announcement(
            speaker_id=speaker_id,
            actor=request.ask.actor,
            at=self._clock.now(),
            outcome=outcome,
            incident_id=request.incident_id,
            phrase_id=None if request.text or request.phrase is None else request.phrase.id,
            text=request.text,
            reason=why,
            proof={"cause": cause.value} if cause is not Cause.NONE else {},
            delivery_key=request.delivery_key,
        )

    def _keep(self, announcement: Announcement) -> Announcement:
        return replace(announcement, id=self.record.add(announcement))

    def _complete(self, announcement: Announcement) -> Announcement:
        self.record.complete(announcement.id, announcement)
        return announcement


def _receipt(announcement: Announcement) -> AnnouncementReceipt:
    why = announcement.reason
    if announcement.outcome is Outcome.SPOKEN:
        why = Why(announcement.text, announcement.text)
    return AnnouncementReceipt(announcement.speaker_id, announcement.id, announcement.outcome.value, why)


def _language(text: str) -> str:
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en"
