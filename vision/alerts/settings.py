"""From the configuration file's section on loudspeakers to the settings of voice, policy and phrases."""

from datetime import tzinfo

from vision.alerts.phrases import DEFAULT_PHRASES, Phrase
from vision.alerts.policy import Mode, ModeRule, PolicySettings
from vision.alerts.speech import EspeakNg, NoSpeech, Speech
from vision.alerts.uploads import UploadLimits
from vision.alerts.voice import VoiceSettings
from vision.config.speakers import PhraseConfig, SpeakersConfig


def policy_settings(config: SpeakersConfig, timezone: tzinfo) -> PolicySettings:
    return PolicySettings(
        default_mode=Mode(config.default_mode),
        modes=tuple(
            ModeRule(Mode(rule.mode), frozenset(rule.types), frozenset(rule.cameras), frozenset(rule.zones))
            for rule in config.modes
        ),
        muted=config.muted,
        volumes=tuple((cap.to_core(), cap.volume) for cap in config.volumes),
        area_cooldown_s=config.area_cooldown_s,
        area_m=config.area_m,
        timezone=timezone,
    )


def voice_settings(config: SpeakersConfig) -> VoiceSettings:
    return VoiceSettings(config.target_lufs, config.chime, tuple(config.languages))


def upload_limits(config: SpeakersConfig) -> UploadLimits:
    return UploadLimits(round(config.largest_clip_mb * 1_000_000), config.longest_clip_s)


def speech_engine(config: SpeakersConfig) -> Speech:
    return EspeakNg() if config.speech == "espeak-ng" else NoSpeech()


def phrases(config: SpeakersConfig) -> tuple[Phrase, ...]:
    """The city's own, then the shipped ones that it did not replace by id."""
    own = tuple(phrase(key, words) for key, words in config.phrases.items())
    return own + tuple(shipped for shipped in DEFAULT_PHRASES if shipped.id not in config.phrases)


def phrase(phrase_id: str, config: PhraseConfig) -> Phrase:
    return Phrase(
        id=phrase_id,
        zh=config.zh,
        en=config.en,
        types=frozenset(config.types),
        camera_ids=frozenset(config.cameras),
        zone_ids=frozenset(config.zones),
        hours=tuple(hours.to_core() for hours in config.hours),
        warning=config.warning,
    )
