"""The video track of a session description (RFC 8866), with H.264 and H.265 parameters (RFC 6184, RFC 7798)."""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import urljoin

from vision.core.errors import SourceRefusedError

_CODECS = {"H264": "h264", "H265": "hevc"}
_SPROP = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """What SETUP and the depacketiser need.

    Attributes:
        codec: `h264`, `hevc`, or the SDP's own name in lower case for any other.
        control: absolute URL of the track.
        clock_hz: ticks of the RTP timestamp a second.
        parameter_sets: NAL units (no start codes) that the description carries.
    """

    codec: str
    control: str
    clock_hz: int
    payload_type: int
    parameter_sets: tuple[bytes, ...] = ()


def video_track(description: str, base_url: str) -> VideoTrack:
    """The first video track; control URLs are resolved against `base_url` (RFC 2326 appendix C.1.1).

    Raises:
        SourceRefusedError: there is no video in it.
    """
    session_control, media = "*", list[list[str]]()
    for line in description.splitlines():
        if line.startswith("m="):
            media.append([line])
        elif media:
            media[-1].append(line)
        elif line.startswith("a=control:"):
            session_control = line.removeprefix("a=control:").strip()
    for lines in media:
        if lines[0].startswith("m=video"):
            base = base_url if session_control == "*" else urljoin(_folder(base_url), session_control)
            return _track(lines, base)
    raise SourceRefusedError("its description has no video")


def _folder(url: str) -> str:
    return url if url.endswith("/") else url + "/"


def _track(lines: list[str], base_url: str) -> VideoTrack:
    payload_type = int(lines[0].split()[3])
    attributes = [line.removeprefix("a=").strip() for line in lines if line.startswith("a=")]
    name, clock_hz, fmtp, control = "", 90_000, dict[str, str](), "*"
    for attribute in attributes:
        key, _, value = attribute.partition(":")
        if key == "control":
            control = value
        elif key == "rtpmap" and value.startswith(f"{payload_type} "):
            name, _, rate = value.split(None, 1)[1].partition("/")
            clock_hz = int(rate.partition("/")[0] or 90_000)
        elif key == "fmtp" and value.startswith(f"{payload_type} "):
            pairs = (part.strip().partition("=") for part in value.split(None, 1)[1].split(";"))
            fmtp = {key.lower(): text for key, _, text in pairs}
    codec = _CODECS.get(name.upper(), name.lower() or f"payload type {payload_type}")
    url = base_url if control == "*" else urljoin(_folder(base_url), control)
    return VideoTrack(codec, url, clock_hz, payload_type, _parameter_sets(codec, fmtp))


def _parameter_sets(codec: str, fmtp: dict[str, str]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for key in _SPROP.get(codec, ()):
        for text in filter(None, fmtp.get(key, "").split(",")):
            try:
                found.append(b64decode(text, validate=True))
            except binascii.Error:
                continue  # in-band sets will do
    return tuple(found)
