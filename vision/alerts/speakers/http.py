"""Any loudspeaker that takes a clip by one HTTP request, described by a template."""

import base64
import json
import threading
from datetime import datetime

from vision.alerts import g711
from vision.alerts.audio import Audio, Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, address_of, choice_of, number_of, options_of
from vision.alerts.speakers.web import check, client, telling
from vision.core.clock import Clock
from vision.core.errors import Rejected
from vision.core.registry import Speaker

_MEDIA_TYPES = {"wav": "audio/wav", "pcmu": "audio/basic", "pcma": "audio/x-alaw-basic"}


class HttpSpeaker:
    """Sends the whole clip, then waits while it plays.

    Options: method (POST), format (wav, pcmu, pcma), rate_hz (of wav), auth (digest, basic, none), token (sent as a
    bearer), stop_url (asked by POST to break off), body (a template such as `{"clip": "{audio_base64}"}` with the
    fields audio_base64, duration_s and speaker; then content_type applies).
    """

    live = False

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._address = address_of(speaker, "http", "https")
        options = options_of(
            speaker,
            method="POST",
            format="wav",
            rate_hz="16000",
            auth="digest",
            token="",
            stop_url="",
            body="",
            content_type="application/json",
        )
        self._method = choice_of(speaker, options, "method", "POST", "PUT")
        self._format = choice_of(speaker, options, "format", *_MEDIA_TYPES)
        self._auth = choice_of(speaker, options, "auth", "digest", "basic", "none")
        self._rate_hz = number_of(speaker, options, "rate_hz")
        self._options = options

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        if not isinstance(sound, Audio):
            raise Rejected(f"loudspeaker {self._speaker.id} takes whole clips only")
        audio = self._encoded(sound)
        body, media_type = self._body(audio, sound.duration_s)
        what = f"loudspeaker {self._speaker.id}"
        with client(self._address, scheme=self._auth) as http, telling(what):
            headers = {"content-type": media_type}
            if self._options["token"]:
                headers["authorization"] = f"Bearer {self._options['token']}"
            began_at: datetime = self._clock.now()
            began_s = self._clock.monotonic_s()
            answer = http.request(self._method, self._address.url, content=body, headers=headers)
            check(answer, what)
            self._clock.sleep(max(0.0, sound.duration_s - (self._clock.monotonic_s() - began_s)), stop)
            played_s = sound.duration_s
            if stop.is_set():
                played_s = min(played_s, self._clock.monotonic_s() - began_s)
                if self._options["stop_url"]:
                    check(http.post(self._options["stop_url"]), what)
        accepted = f"{answer.status_code} {answer.reason_phrase}"
        detail = {"answer": answer.text[:500], "format": self._format}
        return Proof("http", began_at, played_s, len(audio), accepted, stop.is_set(), detail)

    def _encoded(self, sound: Audio) -> bytes:
        if self._format == "wav":
            return sound.resampled(self._rate_hz).to_wav()
        law = Law.MU if self._format == "pcmu" else Law.A
        return g711.encode(sound.resampled(g711.RATE_HZ).samples, law)

    def _body(self, audio: bytes, duration_s: float) -> tuple[bytes, str]:
        if not self._options["body"]:
            return audio, _MEDIA_TYPES[self._format]
        body = self._options["body"]
        fields = {
            "audio_base64": base64.b64encode(audio).decode(),
            "duration_s": f"{duration_s:.2f}",
            "speaker": json.dumps(self._speaker.id)[1:-1],
        }
        for name, value in fields.items():  # not str.format: JSON is full of braces
            body = body.replace("{" + name + "}", value)
        return body.encode(), self._options["content_type"]
