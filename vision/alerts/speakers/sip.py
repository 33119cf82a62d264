"""Paging horns and intercoms that answer a SIP call by themselves, in G.711."""

import contextlib
import socket
import threading
from urllib.parse import unquote, urlsplit

from vision.alerts import g711
from vision.alerts.audio import Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, choice_of, number_of, options_of, paced
from vision.alerts.speakers.rtp import Packetiser, received_of
from vision.alerts.speakers.sip_call import Party, SipCall
from vision.core.clock import Clock
from vision.core.errors import ConfigError, RetryLater
from vision.core.registry import Speaker

_REPORT_EVERY = 250  # packets: 5 s
_DRAIN_S = 0.2


class SipSpeaker:
    """`url`: sip://extension:password@host:port of the horn, or of the exchange it hangs on.

    Options: codec (auto, pcmu, pcma), login (of the digest, the extension if unset), ring_s.
    """

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        options = options_of(speaker, codec="auto", login="", ring_s="10")
        codec = choice_of(speaker, options, "codec", "auto", "pcmu", "pcma")
        self._laws = (Law.MU, Law.A) if codec == "auto" else (Law(codec.upper()),)
        self._ring_s = number_of(speaker, options, "ring_s")
        parts = urlsplit(speaker.url)
        if parts.scheme != "sip" or not parts.hostname:
            raise ConfigError(f"speakers.{speaker.id}.url: should be sip://… (got {speaker.safe_url})")
        self._party = Party(
            unquote(parts.username or ""),
            parts.hostname,
            parts.port or 5060,
            unquote(parts.password or ""),
            options["login"],
        )

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        with SipCall(self._party, self._laws, ring_s=self._ring_s) as call:
            accepted = call.dial()
            media = call.media
            assert media is not None
            stream = Packetiser(media.law, media.payload_type)
            began_at = self._clock.now()
            lost: int | None = None
            rtp, rtcp = call.sound
            for frame in paced(sound, g711.RATE_HZ, self._clock, stop):
                try:
                    rtp.sendto(stream.packet(frame), (media.host, media.port))
                except OSError as error:
                    raise RetryLater(f"loudspeaker {self._speaker.id} cannot be reached: {error}") from error
                if stream.packets % _REPORT_EVERY == 1:
                    report = stream.sender_report(self._clock.now().timestamp())
                    with contextlib.suppress(OSError):  # reports are a courtesy
                        rtcp.sendto(report, (media.host, media.port + 1))
                call.attend()
                if call.hung_up:
                    raise RetryLater(
                        f"loudspeaker {self._speaker.id} hung up after {stream.octets / g711.RATE_HZ:.1f} s"
                    )
                lost = _reported(rtcp, stream.ssrc, lost)
            if not stop.is_set():
                self._clock.sleep(_DRAIN_S, stop)
            lost = _reported(rtcp, stream.ssrc, lost)
        detail: dict[str, object] = {"packets": stream.packets, "codec": media.law.value}
        if lost is not None:
            detail["reported_lost"] = lost
        return Proof("sip", began_at, stream.octets / g711.RATE_HZ, stream.octets, accepted, stop.is_set(), detail)


def _reported(rtcp: socket.socket, ssrc: int, before: int | None) -> int | None:
    """Packets lost by the receiver's last word on our stream."""
    rtcp.setblocking(False)
    while True:
        try:
            found = received_of(rtcp.recv(2048), ssrc)
        except OSError:  # nothing more for now
            return before
        before = found[0] if found is not None else before
