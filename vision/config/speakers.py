"""How the city's loudspeakers are used: who may let them speak, when, how loud, and what they say."""

from string import Formatter
from typing import Literal, Self

from pydantic import Field, model_validator

from vision.config.base import HoursConfig, Id, Section
from vision.core.findings import ViolationType

PHRASE_FIELDS = frozenset({"shop", "place", "zone", "district", "minutes"})

Mode = Literal["automatic", "approval", "manual"]


class ModeConfig(Section):
    """A mode for some violations and places."""

    mode: Mode = Field(
        description="automatic: the ladder speaks; approval: an operator agrees first; manual: operators only."
    )
    types: tuple[ViolationType, ...] = Field((), description="Violation types it holds for; all if unset.")
    cameras: tuple[Id, ...] = Field((), description="Cameras it holds for; all if unset.")
    zones: tuple[Id, ...] = Field((), description="Zones it holds for; all if unset.")


class VolumeConfig(HoursConfig):
    """A cap on the volume at some hours."""

    volume: float = Field(ge=0, le=1, description="Loudest amplitude then, 0–1; 0 is silence.")


class PhraseConfig(Section):
    """One thing to say. `{shop}`, `{place}`, `{zone}`, `{district}` and `{minutes}` (of grace) are filled in."""

    zh: str = Field("", max_length=300, description="The words in Chinese.")
    en: str = Field("", max_length=300, description="The words in English.")
    types: tuple[ViolationType, ...] = Field((), description="Violation types it fits; all if unset.")
    cameras: tuple[Id, ...] = Field((), description="Cameras it fits; all if unset.")
    zones: tuple[Id, ...] = Field((), description="Zones it fits; all if unset.")
    hours: tuple[HoursConfig, ...] = Field((), description="Local hours at which it may be said; any if unset.")
    warning: int | None = Field(
        None, ge=1, le=9, description="Said at this warning only (1 first, 2 second); any if unset."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.zh or self.en):
            raise ValueError("should have words in zh or en")
        for text in (self.zh, self.en):
            try:
                fields = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
            except ValueError as error:
                raise ValueError(f"{error} in {text!r}") from None
            if fields - PHRASE_FIELDS:
                known = ", ".join(sorted(PHRASE_FIELDS))
                raise ValueError(f"should only use the fields {known}, got {', '.join(sorted(fields - PHRASE_FIELDS))}")
        return self


class SpeakersConfig(Section):
    """Use of the loudspeakers. Each speaker's own limits stand with the speaker."""

    muted: bool = Field(False, description="Global mute: no loudspeaker says anything, whoever asks.")
    default_mode: Mode = Field("approval", description="Mode where no entry of `modes` fits.")
    modes: tuple[ModeConfig, ...] = Field((), description="First entry that fits decides.")
    volumes: tuple[VolumeConfig, ...] = Field(
        (), description="Volume caps by local time; the lowest that applies counts."
    )
    area_cooldown_s: float = Field(
        60.0, ge=0, description="After anybody spoke nearby, how long the ladder stays silent."
    )
    area_m: float = Field(150.0, ge=0, description="How near `nearby` is, in metres.")
    languages: tuple[Literal["zh", "en"], ...] = Field(
        ("zh",), min_length=1, description="Languages of a phrase, in order."
    )
    speech: Literal["espeak-ng", "none"] = Field(
        "espeak-ng", description="Text-to-speech engine where no recording fits."
    )
    chime: bool = Field(True, description="Whether a chime comes before the words.")
    target_lufs: float = Field(-16.0, ge=-40, le=-8, description="Loudness of everything said (ITU-R BS.1770).")
    longest_clip_s: float = Field(30.0, gt=0, le=120, description="Longest recording that may be uploaded.")
    largest_clip_mb: float = Field(10.0, gt=0, le=100, description="Largest recording that may be uploaded.")
    longest_talk_s: float = Field(120.0, gt=0, le=900, description="An operator's talk is cut off after this.")
    listen: bool = Field(True, description="Listen back for the chime where the speaker's options name a microphone.")
    give_up_s: float = Field(20.0, ge=0, le=600, description="How long a warning may wait for a free speaker nearby.")
    phrases: dict[Id, PhraseConfig] = Field(
        default_factory=dict, description="Phrases by id, tried in order before the shipped ones."
    )
