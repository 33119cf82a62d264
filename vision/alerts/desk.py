"""What people do with loudspeakers outside an incident: speak a phrase or a text, stop, mute."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from vision.alerts.announcer import Announcer, SilencedError
from vision.alerts.asking import Request
from vision.alerts.mute import Mute
from vision.alerts.phrasebook import PhraseBook
from vision.alerts.policy import Ask
from vision.alerts.record import to_record
from vision.alerts.talk import Talk, Told
from vision.alerts.voice import Spoken
from vision.core.announcements import Announcement, Outcome
from vision.core.errors import NotThereError, Rejected
from vision.storage.registry import Registry

_log = structlog.get_logger()
_ANSWER_WITHIN_S = 2.0


class Desk:
    """Starts announcements in their own thread: a caller learns at once that it may speak, not when it is over."""

    def __init__(
        self, announcer: Announcer, registry: Registry, book: PhraseBook, mute: Mute, *, longest_talk_s: float
    ) -> None:
        self._announcer = announcer
        self._registry = registry
        self._book = book
        self._mute = mute
        self._longest_talk_s = longest_talk_s

    def announce(
        self, speaker_id: str, *, text: str, phrase_id: str | None, actor: str, emergency: str = ""
    ) -> Mapping[str, Any]:
        """Speak now; a person comes before automatic announcements in earshot.

        Returns the announcement's record, or `{"outcome": "speaking"}` while it is still being played.

        Raises:
            NotThereError: no such speaker or phrase.
            Rejected: nothing to say, or the policy or the device says no, in words.
        """
        if speaker_id not in self._registry.speakers():
            raise NotThereError(f"there is no speaker {speaker_id}")
        phrase = self._book.phrase(phrase_id) if phrase_id else None
        if phrase is None and not text:
            raise Rejected("there is nothing to say: give a text or a phrase")
        request = Request(Ask(actor, emergency=emergency), (speaker_id,), phrase=phrase, text=text, fall_back=False)
        done: list[Announcement] = []
        faults: list[Exception] = []

        def run() -> None:
            try:
                done.append(self._announcer.announce(request))
            except Exception as error:  # noqa: BLE001 - a thread's top: the fault is handed to the caller, or logged
                faults.append(error)
                _log.warning("announcement_lost", speaker=speaker_id, error=str(error))

        thread = threading.Thread(target=run, name=f"announce-{speaker_id}", daemon=True)
        thread.start()
        thread.join(_ANSWER_WITHIN_S)
        if faults:
            raise faults[0]
        if not done:
            return {"outcome": Outcome.SPEAKING.value, "speaker_id": speaker_id}
        if done[0].outcome in {Outcome.SILENT, Outcome.FAILED}:
            raise SilencedError(done[0].reason)
        return to_record(done[0])

    def talk(
        self,
        speaker_id: str,
        *,
        actor: str,
        rate_hz: int,
        told: Callable[[Told], None],
        incident_id: str | None = None,
        emergency: str = "",
    ) -> Talk:
        """Begin to pass a person's voice on; raises as `Announcer.talk`."""
        return self._announcer.talk(
            speaker_id,
            ask=Ask(actor, emergency=emergency),
            rate_hz=rate_hz,
            longest_s=self._longest_talk_s,
            told=told,
            incident_id=incident_id,
        )

    def stop(self, speaker_id: str, actor: str) -> bool:
        """End what is being said there; False when it was quiet. Raises NotThereError."""
        if speaker_id not in self._registry.speakers():
            raise NotThereError(f"there is no speaker {speaker_id}")
        return self._announcer.floor.stop(speaker_id, actor)

    def talking(self) -> dict[str, str]:
        """Who speaks now, by speaker."""
        return self._announcer.floor.talkers()

    @property
    def muted(self) -> bool:
        return self._mute.on

    def mute(self, *, on: bool, actor: str) -> None:
        """Silence every loudspeaker, also those speaking now; or let them speak again."""
        self._mute.turn(on=on, by=actor)
        if on:
            self._announcer.floor.stop_all(actor)

    def preview(self, phrase_id: str, words: Mapping[str, str]) -> Spoken:
        """What a phrase sounds like; raises NotThereError."""
        return self._announcer.preview(self._book.phrase(phrase_id), words)
