"""ONVIF audio backchannel: G.711 towards a camera's loudspeaker over its RTSP connection.

ONVIF Streaming Specification 22.06, 5.3 (backchannel connection).
"""

import threading
from dataclasses import dataclass

from vision.alerts.audio import Sound
from vision.alerts.g711 import Law
from vision.alerts.speakers.driver import Proof, address_of, choice_of, options_of, paced
from vision.alerts.speakers.rtp import Packetiser, received_of
from vision.alerts.speakers.rtsp import BACKCHANNEL, RtspClient, Track
from vision.core.clock import Clock
from vision.core.errors import Rejected
from vision.core.registry import Speaker

_LAWS = frozenset(law.value for law in Law)
_KEEP_ALIVE_S = 20.0
_DRAIN_S = 0.3  # what the device still has in its jitter buffer when the last packet left


@dataclass(slots=True)
class _Heard:
    """What the camera's receiver reports say of our stream."""

    stream: Packetiser | None = None
    lost: int | None = None
    highest: int | None = None

    def take(self, channel: int, packet: bytes) -> None:
        if channel == 1 and self.stream is not None:
            found = received_of(packet, self.stream.ssrc)
            if found is not None:
                self.lost, self.highest = found


class OnvifSpeaker:
    """`url`: the camera's rtsp:// address. Option: codec (auto, pcmu, pcma)."""

    live = True

    def __init__(self, speaker: Speaker, clock: Clock) -> None:
        self._speaker = speaker
        self._clock = clock
        self._address = address_of(speaker, "rtsp", "rtsps")
        self._codec = choice_of(speaker, options_of(speaker, codec="auto"), "codec", "auto", "pcmu", "pcma")

    def play(self, sound: Sound, stop: threading.Event) -> Proof:
        heard = _Heard()
        with RtspClient(self._address, received=heard.take) as camera:
            track = self._track(camera.describe(require=BACKCHANNEL))
            payload_type, law, rate_hz = self._chosen(track)
            camera.setup(track, 0, require=BACKCHANNEL)
            camera.play(require=BACKCHANNEL)
            stream = heard.stream = Packetiser(law, payload_type, rate_hz)
            began_at = self._clock.now()
            kept_s = reported_s = self._clock.monotonic_s()
            for frame in paced(sound, rate_hz, self._clock, stop):
                camera.send(0, stream.packet(frame))
                now_s = self._clock.monotonic_s()
                if stream.packets == 1 or now_s - reported_s > 2:
                    camera.send(1, stream.sender_report(self._clock.now().timestamp()))
                    reported_s = now_s
                if now_s - kept_s > _KEEP_ALIVE_S:
                    camera.keep_alive()
                    kept_s = now_s
            if not stop.is_set():
                self._clock.sleep(_DRAIN_S, stop)
        detail: dict[str, object] = {"packets": stream.packets, "codec": law.value, "rate_hz": rate_hz}
        if heard.highest is not None:
            detail |= {"reported_lost": heard.lost}
        duration_s = stream.octets / rate_hz
        return Proof("onvif", began_at, duration_s, stream.octets, "RTSP 200 OK", stop.is_set(), detail)

    def _track(self, tracks: tuple[Track, ...]) -> Track:
        for track in tracks:
            if track.kind == "audio" and track.direction == "sendonly":
                return track
        raise Rejected(f"camera of loudspeaker {self._speaker.id} offers no audio backchannel")

    def _chosen(self, track: Track) -> tuple[int, Law, int]:
        for payload_type, name, rate_hz in track.codecs:
            if name in _LAWS and self._codec in {"auto", name.lower()}:
                return payload_type, Law(name), rate_hz
        offered = ", ".join(name for _, name, _ in track.codecs) or "nothing"
        raise Rejected(f"backchannel of loudspeaker {self._speaker.id} takes {offered}, not G.711 ({self._codec})")
