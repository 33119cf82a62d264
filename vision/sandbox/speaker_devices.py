"""The makers' ways of speaking to a loudspeaker, as the virtual one answers them: Hikvision, Axis and Dahua."""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BufferedIOBase
from urllib.parse import parse_qs, urlsplit

from vision.alerts import g711
from vision.alerts.audio import Audio
from vision.alerts.g711 import Law

REALM = "virtual loudspeaker"
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_TALK = re.compile(r"/ISAPI/System/TwoWayAudio/channels/1(?:/(open|close|audioData))?$")


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `body` is read as far as the protocol says; `say` sends an answer before the body has ended."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: BufferedIOBase
    say: Callable[["Reply"], None]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def query(self, name: str) -> str:
        return next(iter(parse_qs(urlsplit(self.target).query).get(name, [])), "")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    text: str = ""
    media_type: str = "text/plain"
    hang_up: bool = False


@dataclass(slots=True)
class Devices:
    """State of the three devices. `keep` stores what was heard, with the protocol's name."""

    keep: Callable[[Audio, str], object]
    user: str = ""
    password: str = ""
    hikvision_law: Law = Law.MU
    talking: bool = False
    clips: dict[int, Audio] = field(default_factory=dict)
    _nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def owns(self, target: str) -> bool:
        return target.startswith(("/ISAPI/", "/axis-cgi/", "/cgi-bin/"))

    def challenge(self) -> str:
        return f'Digest realm="{REALM}", nonce="{self._nonce}", qop="auth", algorithm=MD5'

    def admits(self, call: Call) -> bool:
        """Whether the request carries the right digest (RFC 7616), or none is asked."""
        if not self.user or "token=" in call.target:
            return True
        given = {
            name: quoted or bare for name, quoted, bare in _PARAMETER.findall(call.headers.get("authorization", ""))
        }
        secret = _md5(f"{self.user}:{REALM}:{self.password}")
        asked = _md5(f"{call.method}:{given.get('uri', '')}")
        middle = ":".join(given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        right = _md5(f"{secret}:{middle}:{asked}")
        return given.get("nonce") == self._nonce and secrets.compare_digest(right, given.get("response", ""))

    def answer(self, call: Call) -> Reply:
        if call.path.startswith("/ISAPI/"):
            return self._hikvision(call)
        if call.path == "/cgi-bin/audio.cgi":
            return self._dahua(call)
        if call.path == "/axis-cgi/audio/transmit.cgi":
            self.keep(_until_closed(call.body, Law.MU), "axis")
            return Reply(200, hang_up=True)
        if call.path == "/axis-cgi/mediaclip.cgi":
            return self._axis_clip(call)
        if call.path == "/axis-cgi/param.cgi":
            return Reply(200, "".join(f"root.MediaClip.M{number}.Name=streetward\n" for number in self.clips))
        return Reply(404, "not found")

    def _hikvision(self, call: Call) -> Reply:
        if call.path == "/ISAPI/Security/token":
            return Reply(200, '{"Token": {"value": "sandbox"}}', "application/json")
        found = _TALK.match(call.path)
        if found is None:
            return Reply(404, _status("Invalid Operation"), "application/xml")
        action = found[1]
        if action is None:
            name = "G.711ulaw" if self.hikvision_law is Law.MU else "G.711alaw"
            kind = f"<audioCompressionType>{name}</audioCompressionType>"
            return Reply(200, f"<TwoWayAudioChannel><id>1</id>{kind}</TwoWayAudioChannel>", "application/xml")
        if action == "close":
            self.talking = False
            return Reply(200, _status("OK"), "application/xml")
        if action == "open":
            if self.talking:
                return Reply(403, _status("Device Busy"), "application/xml")
            self.talking = True
            xml = "<TwoWayAudioSession><sessionId>1</sessionId></TwoWayAudioSession>"
            return Reply(200, xml, "application/xml")
        if not self.talking:
            return Reply(403, _status("Invalid Operation"), "application/xml")
        call.say(Reply(200))
        self.keep(_until_closed(call.body, self.hikvision_law), "hikvision")
        return Reply(0, hang_up=True)

    def _dahua(self, call: Call) -> Reply:
        laws = {"audio/g.711a": Law.A, "audio/g.711mu": Law.MU}
        law = laws.get(call.headers.get("content-type", "").lower())
        if call.query("action") != "postAudio" or law is None:
            return Reply(400, "Error\r\nBad Request!")
        self.keep(_until_closed(call.body, law), "dahua")
        return Reply(0, hang_up=True)  # as the real ones: closed without a reply

    def _axis_clip(self, call: Call) -> Reply:
        action, number = call.query("action"), call.query("clip")
        if action == "upload":
            body = call.body.read(int(call.headers.get("content-length", "0")))
            start, end = body.find(b"RIFF"), body.rfind(b"\r\n--")
            try:
                clip = Audio.from_wav(body[start:end])
            except ValueError as error:
                return Reply(200, f"Error: {error}")
            new = max(self.clips, default=0) + 1
            self.clips[new] = clip
            return Reply(200, f"OK\nuploaded={new}")
        if action == "stop":
            return Reply(200, "OK\nstopped")
        if not number.isdigit() or int(number) not in self.clips:
            return Reply(200, "Error: no such clip")
        if action == "play":
            self.keep(self.clips[int(number)], "axis-clip")
            return Reply(200, f"OK\nplaying={number}")
        if action == "remove":
            del self.clips[int(number)]
            return Reply(200, f"OK\nremoved={number}")
        return Reply(400, "Error: unknown action")


def _until_closed(body: BufferedIOBase, law: Law) -> Audio:
    """Everything until the speaker stops: the announced length means nothing."""
    pieces = []
    try:
        while piece := body.read1(4096):
            pieces.append(piece)
    except OSError:
        pass  # a broken connection ends talk as well
    return Audio(g711.decode(b"".join(pieces), law), g711.RATE_HZ)


def _status(words: str) -> str:
    return f"<ResponseStatus><statusString>{words}</statusString></ResponseStatus>"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
