"""The phrases that are in use: the file's, the shipped ones, and what people changed or recorded since."""

import hashlib
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from vision.alerts import uploads
from vision.alerts.audio import Audio
from vision.alerts.phrases import Phrase
from vision.alerts.settings import phrase, phrases, upload_limits
from vision.alerts.voice import WAV
from vision.config.speakers import PhraseConfig, SpeakersConfig
from vision.core.clock import Clock
from vision.core.errors import NotThereError
from vision.core.ports import BlobStore
from vision.storage.database import Database
from vision.storage.tables.speakers import PhraseRow


class PhraseBook:
    """Read anew for every announcement, so that a change holds at once."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock, config: SpeakersConfig) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._config = config

    @property
    def largest_bytes(self) -> int:
        """Of a recording."""
        return upload_limits(self._config).largest_bytes

    def phrases(self) -> tuple[Phrase, ...]:
        """In the order in which they are tried: people's own first, then the file's, then the shipped ones."""
        with self._database.reading() as session:
            rows = session.scalars(select(PhraseRow).order_by(PhraseRow.id)).all()
        base = phrases(self._config)
        clips = {row.id: row.audio_key for row in rows}
        changed = {row.id: phrase(row.id, PhraseConfig.model_validate(row.document)) for row in rows if row.document}
        known = {entry.id for entry in base}
        own = tuple(entry for key, entry in changed.items() if key not in known)
        listed = (*own, *(changed.get(entry.id, entry) for entry in base))
        return tuple(replace(entry, clip_key=clips.get(entry.id)) for entry in listed)

    def phrase(self, phrase_id: str) -> Phrase:
        """Raises NotThereError."""
        for entry in self.phrases():
            if entry.id == phrase_id:
                return entry
        raise NotThereError(f"there is no phrase {phrase_id}")

    def put(self, phrase_id: str, words: PhraseConfig) -> None:
        """Add or change a phrase's words; its recording, made for the old ones, goes."""
        self._store(phrase_id, words.model_dump(mode="json", by_alias=True), None)

    def origins(self) -> dict[str, str]:
        """Where each phrase's words come from: own (people's), changed (people's over a given one), file, shipped."""
        with self._database.reading() as session:
            rows = session.scalars(select(PhraseRow)).all()
        base = {entry.id: "file" if entry.id in self._config.phrases else "shipped" for entry in phrases(self._config)}
        return base | {row.id: "changed" if row.id in base else "own" for row in rows if row.document}

    def forget(self, phrase_id: str) -> None:
        """Take back what people changed or recorded: a given phrase says its first words again, an own one goes.

        Raises:
            NotThereError: people changed nothing of it.
        """
        with self._database.transaction() as session:
            row = session.get(PhraseRow, phrase_id)
            if row is None:
                raise NotThereError(f"nothing of phrase {phrase_id} was changed")
            session.delete(row)

    def record(self, phrase_id: str, data: bytes) -> Audio:
        """Make `data` the recording of a phrase; returns it as it will sound.

        Raises:
            NotThereError: no such phrase.
            UploadRefusedError: not audio, silent, too long, too short or too large.
        """
        self.phrase(phrase_id)
        clip = uploads.accept(data, target_lufs=self._config.target_lufs, limits=upload_limits(self._config))
        wav = clip.to_wav()
        key = f"phrases/{phrase_id}/{hashlib.sha256(wav).hexdigest()[:24]}.wav"
        self._blobs.put(key, wav, media_type=WAV)
        self._store(phrase_id, None, key)
        return clip

    def forget_recording(self, phrase_id: str) -> None:
        """Speech again; the file stays for the announcements that were made with it."""
        self.phrase(phrase_id)
        self._store(phrase_id, None, None)

    def _store(self, phrase_id: str, document: dict[str, Any] | None, clip_key: str | None) -> None:
        with self._database.transaction() as session:
            row = session.get(PhraseRow, phrase_id)
            if row is None:
                row = PhraseRow(id=phrase_id, document={})
                session.add(row)
            if document is not None:
                row.document = document
            row.audio_key, row.updated_at = clip_key, self._clock.now()
