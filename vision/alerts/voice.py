"""Turning a phrase into sound: chime, recording or speech, one loudness, cached by content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from vision.alerts.audio import Audio
from vision.alerts.chime import RATE_HZ, chime
from vision.alerts.clips import shipped
from vision.alerts.loudness import normalised
from vision.alerts.phrases import Phrase
from vision.alerts.speech import Speech
from vision.core.errors import NotThereError
from vision.core.ports import BlobStore

WAV = "audio/wav"
_VERSION = 1  # raise when the same words would sound different


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """`languages`: what is said, in this order, for a text that has them.

    `longest_s`: words beyond are cut off; well under the minute after which the outbox thinks a sender lost.
    """

    target_lufs: float = -16.0
    with_chime: bool = True
    languages: tuple[str, ...] = ("zh",)
    pause_s: float = 0.25
    longest_s: float = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """A rendered phrase. `key`: where its WAV lies in the blob store; `chime_s`: how long its chime is, 0 without."""

    audio: Audio
    text: str
    key: str
    chime_s: float


class Voice:
    """Renders phrases at 16 kHz; each drivers resamples to its own rate."""

    def __init__(self, blobs: BlobStore, speech: Speech, settings: VoiceSettings | None = None) -> None:
        self._blobs = blobs
        self._speech = speech
        self._settings = settings or VoiceSettings()

    def render(self, phrase: Phrase, words: Mapping[str, str]) -> Spoken:
        """The phrase with its fields filled in.

        Raises:
            NotThereError: there is neither a recording nor an engine, or the phrase has no words in any language asked.
        """
        texts = tuple((language, phrase.text(words, language)) for language in self._settings.languages)
        texts = tuple((language, text) for language, text in texts if text)
        # A recording of fixed words beats speech; with names to fill in, speech is tried first and the
        # recording stands in when there is no engine.
        if phrase.clip_key is not None and (phrase.fixed or not texts):
            return self._recorded(phrase, texts)
        if not texts:
            raise NotThereError(f"phrase {phrase.id} has no words in {', '.join(self._settings.languages)}")
        try:
            return self.say(texts)
        except NotThereError:
            if phrase.clip_key is not None:
                return self._recorded(phrase, texts)
            spoken = self._shipped(phrase)
            if spoken is None:
                raise
            return spoken

    def say(self, texts: tuple[tuple[str, str], ...]) -> Spoken:
        """Free words, as (language, text) pairs; raises NotThereError without an engine."""
        key = self._key("say", self._speech.version, *(part for pair in texts for part in pair))
        text = " ".join(text for _, text in texts)
        cached = self._cached(key, text)
        if cached is not None:
            return cached
        body = Audio.silence(0, RATE_HZ)
        for language, words in texts:
            spoken = self._speech.say(words, language).trimmed()
            if not len(spoken.samples):
                raise NotThereError(f"the speech engine made no sound of {words!r}")
            gap = Audio.silence(self._settings.pause_s if len(body.samples) else 0, RATE_HZ)
            body = body.then(gap).then(normalised(spoken.resampled(RATE_HZ), self._settings.target_lufs))
        return self._keep(key, body, text)

    def _recorded(self, phrase: Phrase, texts: tuple[tuple[str, str], ...]) -> Spoken:
        assert phrase.clip_key is not None
        text = " ".join(text for _, text in texts)
        key = self._key("clip", phrase.clip_key)
        cached = self._cached(key, text)
        if cached is not None:
            return cached
        body = Audio.from_wav(self._blobs.get(phrase.clip_key)).resampled(RATE_HZ)
        return self._keep(key, normalised(body, self._settings.target_lufs), text)

    def _shipped(self, phrase: Phrase) -> Spoken | None:
        found = [clip for language in self._settings.languages if (clip := shipped(phrase, language)) is not None]
        if not found:
            return None
        text = " ".join(words for _, words in found)
        key = self._key("shipped", phrase.id, *self._settings.languages)
        cached = self._cached(key, text)
        if cached is not None:
            return cached
        body = Audio.silence(0, RATE_HZ)
        for recording, _ in found:
            gap = Audio.silence(self._settings.pause_s if len(body.samples) else 0, RATE_HZ)
            body = body.then(gap).then(normalised(recording, self._settings.target_lufs))
        return self._keep(key, body, text)

    def _key(self, *parts: str) -> str:
        settings = self._settings
        content = "\x00".join((str(_VERSION), f"{settings.target_lufs:g}", str(settings.with_chime), *parts))
        return f"voice/{hashlib.sha256(content.encode()).hexdigest()[:40]}.wav"

    def _cached(self, key: str, text: str) -> Spoken | None:
        if not self._blobs.exists(key):
            return None
        return Spoken(Audio.from_wav(self._blobs.get(key)), text, key, self._chime_s)

    @property
    def _chime_s(self) -> float:
        return chime().duration_s if self._settings.with_chime else 0.0

    def _keep(self, key: str, body: Audio, text: str) -> Spoken:
        audio = body
        if self._settings.with_chime:
            audio = _chime_at(self._settings.target_lufs).then(Audio.silence(0.15, RATE_HZ)).then(body)
        audio = Audio(audio.samples[: round(self._settings.longest_s * RATE_HZ)], RATE_HZ)
        data = audio.to_wav()
        self._blobs.put(key, data, media_type=WAV)
        return Spoken(Audio.from_wav(data), text, key, self._chime_s)


@lru_cache(maxsize=4)
def _chime_at(target_lufs: float) -> Audio:
    return normalised(chime(), target_lufs)
