"""Makes the loudspeakers' parts from the configuration."""

from dataclasses import dataclass, replace
from datetime import tzinfo

from vision.alerts.announcer import Announcer
from vision.alerts.desk import Desk
from vision.alerts.mute import Mute
from vision.alerts.phrasebook import PhraseBook
from vision.alerts.policy import PolicySettings
from vision.alerts.settings import policy_settings, speech_engine, voice_settings
from vision.alerts.voice import Voice
from vision.config.speakers import SpeakersConfig
from vision.core.clock import Clock
from vision.core.ports import BlobStore
from vision.storage.database import Database
from vision.storage.registry import Registry


@dataclass(frozen=True, slots=True)
class Loudspeakers:
    """`announcer` delivers for incidents, `desk` is what people use."""

    announcer: Announcer
    desk: Desk
    phrases: PhraseBook
    mute: Mute


def build_loudspeakers(
    config: SpeakersConfig, *, database: Database, registry: Registry, blobs: BlobStore, clock: Clock, timezone: tzinfo
) -> Loudspeakers:
    settings = policy_settings(config, timezone)
    mute = Mute(registry)
    book = PhraseBook(database, blobs, clock, config)

    def policy() -> PolicySettings:
        return replace(settings, muted=settings.muted or mute.on)

    announcer = Announcer(
        database,
        registry,
        blobs,
        Voice(blobs, speech_engine(config), voice_settings(config)),
        clock,
        policy=policy,
        phrases=book.phrases,
        give_up_s=config.give_up_s,
        listen=config.listen,
    )
    desk = Desk(announcer, registry, book, mute, longest_talk_s=config.longest_talk_s)
    return Loudspeakers(announcer, desk, book, mute)
