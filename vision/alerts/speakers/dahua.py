"""Dahua and Amcrest devices: audio posted to audio.cgi while it is spoken (Dahua HTTP API V3, 4.4)."""

import threading

from vision.alerts import g711
from vision.alerts.audio import Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, address_of, choice_of, number_of, options_of, paced
from vision.alerts.speakers.stream_http import StreamingRequest
from vision.core.clock import Clock
from vision.core.registry import Speaker

ENDLESS = 9_999_999
"""The Content-Length both makers' documents tell clients to send for sound of unknown length."""
_MEDIA_TYPES = {Law.A: "Audio/G.711A", Law.MU: "Audio/G.711Mu"}
_DRAIN_S = 0.3


class DahuaSpeaker:
    """`url`: http(s)://user:password@host. Options: channel (1), codec (pcma, pcmu)."""

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._clock = clock
        self._address = address_of(speaker, "http", "https")
        options = options_of(speaker, channel="1", codec="pcma")
        self._law = Law(choice_of(speaker, options, "codec", "pcma", "pcmu").upper())
        channel = number_of(speaker, options, "channel")
        self._path = f"/cgi-bin/audio.cgi?action=postAudio&httptype=singlepart&channel={channel}"

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        media_type = _MEDIA_TYPES[self._law]
        with StreamingRequest(self._address, "POST", self._path, media_type, ENDLESS) as request:
            began_at = self._clock.now()
            for frame in paced(sound, g711.RATE_HZ, self._clock, stop):
                request.send(g711.encode(frame, self._law))
            if not stop.is_set():
                self._clock.sleep(_DRAIN_S, stop)
            accepted = request.finish()
        duration_s = request.sent_bytes / g711.RATE_HZ
        detail = {"codec": self._law.value}
        return Proof("dahua", began_at, duration_s, request.sent_bytes, accepted, stop.is_set(), detail)
