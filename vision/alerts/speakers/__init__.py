"""The table of loudspeaker protocols; each is one file, imported when it is first used."""

from importlib import import_module
from typing import Protocol, cast

from vision.alerts.speakers.driver import SpeakerDriver
from vision.core.clock import Clock
from vision.core.errors import ConfigError
from vision.core.registry import Speaker

KINDS = {
    "axis": "vision.alerts.speakers.axis:AxisSpeaker",
    "dahua": "vision.alerts.speakers.dahua:DahuaSpeaker",
    "hikvision": "vision.alerts.speakers.hikvision:HikvisionSpeaker",
    "http": "vision.alerts.speakers.http:HttpSpeaker",
    "onvif": "vision.alerts.speakers.onvif:OnvifSpeaker",
    "rtp": "vision.alerts.speakers.rtp:RtpSpeaker",
    "sip": "vision.alerts.speakers.sip:SipSpeaker",
    "soundcard": "vision.alerts.speakers.local:SoundCardSpeaker",
    "wav": "vision.alerts.speakers.local:WavSpeaker",
}
"""kind → module:class. Every class takes (speaker, clock) and refuses options it does not know with ConfigError."""


class _Maker(Protocol):
    def __call__(self, speaker: Speaker, clock: Clock) -> SpeakerDriver: ...


def open_speaker(speaker: Speaker, clock: Clock) -> SpeakerDriver:
    """The driver for a loudspeaker of the registry; nothing is connected yet.

    Raises:
        ConfigError: unknown kind, option or address.
    """
    try:
        module, _, name = KINDS[speaker.kind].partition(":")
    except KeyError:
        known = ", ".join(sorted(KINDS))
        raise ConfigError(f"speakers.{speaker.id}.kind: should be one of {known} (got {speaker.kind})") from None
    maker = cast("_Maker", getattr(import_module(module), name))
    return maker(speaker, clock)
