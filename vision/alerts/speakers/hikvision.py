"""Hikvision cameras and IP speakers: ISAPI two-way audio, which is opened, spoken into and closed."""

import contextlib
import re
import threading

import httpx

from vision.alerts import g711
from vision.alerts.audio import Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, address_of, choice_of, number_of, options_of, paced
from vision.alerts.speakers.stream_http import StreamingRequest
from vision.alerts.speakers.web import check, client, telling
from vision.core.clock import Clock
from vision.core.errors import Rejected
from vision.core.registry import Speaker

_LAWS = {"g.711ulaw": Law.MU, "g.711alaw": Law.A}
_DRAIN_S = 0.3


class HikvisionSpeaker:
    """`url`: http(s)://user:password@host. Options: channel (1), codec (auto, pcmu, pcma)."""

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._address = address_of(speaker, "http", "https")
        options = options_of(speaker, channel="1", codec="auto")
        self._codec = choice_of(speaker, options, "codec", "auto", "pcmu", "pcma")
        channel = number_of(speaker, options, "channel")
        self._path = f"/ISAPI/System/TwoWayAudio/channels/{channel}"

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        what = f"loudspeaker {self._speaker.id}"
        with client(self._address) as http, telling(what):
            law = self._law(http, what)
            # A session that somebody left open makes the next open fail; closing one that is not open does no harm.
            http.put(self._url("close"))
            opened = http.put(self._url("open"))
            check(opened, what)
            try:
                found = re.search(r"<sessionId>([^<]+)</sessionId>", opened.text)
                path = f"{self._path}/audioData" + (f"?sessionId={found[1]}" if found else "")
                # The length is zero and the sound follows all the same: the connection itself is the channel.
                with StreamingRequest(self._address, "PUT", path, "application/octet-stream", 0) as request:
                    began_at = self._clock.now()
                    for frame in paced(sound, g711.RATE_HZ, self._clock, stop):
                        request.send(g711.encode(frame, law))
                    if not stop.is_set():
                        self._clock.sleep(_DRAIN_S, stop)
            finally:
                with contextlib.suppress(httpx.HTTPError):
                    http.put(self._url("close"))
        duration_s = request.sent_bytes / g711.RATE_HZ
        accepted = request.accepted or "open 200 OK"
        return Proof(
            "hikvision", began_at, duration_s, request.sent_bytes, accepted, stop.is_set(), {"codec": law.value}
        )

    def _law(self, http: httpx.Client, what: str) -> Law:
        if self._codec != "auto":
            return Law(self._codec.upper())
        answer = http.get(self._url(""))
        check(answer, what)
        found = re.search(r"<audioCompressionType>([^<]+)</audioCompressionType>", answer.text)
        name = found[1].strip().lower() if found else "g.711ulaw"
        if name not in _LAWS:
            raise Rejected(f"{what} is set to {name}; set its two-way audio to G.711")
        return _LAWS[name]

    def _url(self, action: str) -> str:
        return f"{self._address.url.rstrip('/')}{self._path}" + (f"/{action}" if action else "")
