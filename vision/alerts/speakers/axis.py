"""Axis devices by VAPIX: sound transmitted while it is spoken, or stored as a media clip and played.

VAPIX Audio API (transmit.cgi) and Media clip API (mediaclip.cgi).
"""

import re
import threading

import httpx

from vision.alerts import g711
from vision.alerts.audio import Audio, Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.dahua import ENDLESS
from vision.alerts.speakers.driver import Proof, address_of, choice_of, options_of, paced
from vision.alerts.speakers.stream_http import StreamingRequest
from vision.alerts.speakers.web import check, client, telling
from vision.core.clock import Clock
from vision.core.errors import Rejected
from vision.core.registry import Speaker

_TRANSMIT = "/axis-cgi/audio/transmit.cgi"
_CLIPS = "/axis-cgi/mediaclip.cgi"
_LIST = "/axis-cgi/param.cgi?action=list&group=MediaClip"
_DRAIN_S = 0.3


class AxisSpeaker:
    """`url`: http(s)://user:password@host. Option: mode (transmit, clip).

    A media clip plays from the device's own memory, untouched by the network's hiccups; talk is always transmitted.
    """

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._address = address_of(speaker, "http", "https")
        self._mode = choice_of(speaker, options_of(speaker, mode="transmit"), "mode", "transmit", "clip")

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        if self._mode == "clip" and isinstance(sound, Audio):
            return self._play_clip(sound, stop)
        with StreamingRequest(self._address, "POST", _TRANSMIT, "audio/basic", ENDLESS) as request:
            began_at = self._clock.now()
            for frame in paced(sound, g711.RATE_HZ, self._clock, stop):
                request.send(g711.encode(frame, Law.MU))
            if not stop.is_set():
                self._clock.sleep(_DRAIN_S, stop)
            accepted = request.finish()
        duration_s = request.sent_bytes / g711.RATE_HZ
        return Proof("axis", began_at, duration_s, request.sent_bytes, accepted, stop.is_set(), {"codec": "PCMU"})

    def _play_clip(self, sound: Audio, stop: threading.Event) -> Proof:
        what = f"loudspeaker {self._speaker.id}"
        wav = sound.resampled(16000).to_wav()
        with client(self._address) as http, telling(what):
            # A first, small request takes the challenge, so that the sound itself is sent only once.
            check(http.get(self._address.url.rstrip("/") + _LIST), what)
            answer = http.post(
                self._url("upload&media=audio&name=streetward"), files={"file": ("streetward.wav", wav, "audio/wav")}
            )
            check(answer, what)
            clip = self._number(answer, "uploaded", what)
            try:
                played = http.get(self._url(f"play&clip={clip}"))
                check(played, what)
                self._number(played, "playing", what)
                began_at, began_s = self._clock.now(), self._clock.monotonic_s()
                self._clock.sleep(sound.duration_s, stop)
                played_s = min(sound.duration_s, self._clock.monotonic_s() - began_s)
                if stop.is_set():
                    http.get(self._url("stop"))
            finally:
                http.get(self._url(f"remove&clip={clip}"))
        detail = {"clip": clip}
        accepted = f"{played.status_code} {played.reason_phrase}"
        return Proof("axis", began_at, played_s, len(wav), accepted, stop.is_set(), detail)

    def _url(self, action: str) -> str:
        return f"{self._address.url.rstrip('/')}{_CLIPS}?action={action}"

    @staticmethod
    def _number(answer: httpx.Response, word: str, what: str) -> int:
        found = re.search(rf"{word}=(\d+)", answer.text)
        if found is None:
            raise Rejected(f"{what} answered: {answer.text[:200].strip()}")
        return int(found[1])
