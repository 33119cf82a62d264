"""A camera's free-form options as typed settings, checked once when its source is made."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from vision.core.errors import ConfigError
from vision.core.registry import Camera


def _truth(text: str) -> bool:
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What `Camera.options` may say.

    Attributes:
        transport: `tcp` (RTP interleaved in the RTSP connection, our own client), `ffmpeg` (the same by FFmpeg's
            demuxer) or `udp` (by FFmpeg's).
        open_timeout_s, read_timeout_s: how long to wait for a camera to answer, and for its next byte.
        no_keyframe_s: a stream without any for so long is given up and reopened.
        hardware: decode on this device (`cuda`, `vaapi`…); empty decodes on the CPU.
        keep_full: hand out the camera's own resolution beside the scaled look.
        pace: clips only: `real` plays at the clip's own speed, `fast` as fast as it decodes.
        ring_s, ring_mb: how much of the compressed stream is kept for evidence clips; 0 keeps none.
        vendor, channel: snapshots only: take the maker's own path (`hikvision`, `dahua`) instead of the URL's.
        most_mb: snapshots only: a larger answer is refused.
        sub_url: the camera's small stream, for people who watch: an address, or a path on the stream's host. By
            default that of the makers whose main stream's path is recognised; `none` says that there is none.
        onvif_url: the device service of a PTZ camera; by default at the stream's host, with its login.
        verify_tls: snapshots and ONVIF: `false` accepts the self-signed certificates that cameras come with.
        loop: clips only: begin again at the end; scene time runs on.
    """

    transport: str = "tcp"
    open_timeout_s: float = 8.0
    read_timeout_s: float = 8.0
    no_keyframe_s: float = 60.0
    hardware: str = ""
    keep_full: bool = False
    pace: str = "real"
    loop: bool = False
    vendor: str = ""
    channel: int = 1
    most_mb: float = 16.0
    sub_url: str = ""
    onvif_url: str = ""
    verify_tls: bool = True
    ring_s: float = 15.0
    ring_mb: float = 7.0


_PARSERS: dict[type, Callable[[str], object]] = {str: str, int: int, float: float, bool: _truth}
_CHOICES = {"transport": ("tcp", "ffmpeg", "udp"), "pace": ("real", "fast"), "vendor": ("", "hikvision", "dahua")}


def source_options(camera: Camera) -> SourceOptions:
    """The camera's options.

    Raises:
        ConfigError: an unknown key or a value of the wrong kind; every mistake at once.
    """
    types = {field.name: type(field.default) for field in fields(SourceOptions)}
    values: dict[str, object] = {}
    problems: list[str] = []
    for key, text in camera.options:
        where = f"cameras.{camera.id}.options.{key}"
        if key not in types:
            problems.append(f"{where}: unknown option (known: {', '.join(sorted(types))})")
            continue
        try:
            values[key] = _PARSERS[types[key]](text)
        except (KeyError, ValueError):
            problems.append(f"{where}: should be a {types[key].__name__} (got {text!r})")
            continue
        if key in _CHOICES and text not in _CHOICES[key]:
            problems.append(f"{where}: should be one of {', '.join(_CHOICES[key])} (got {text!r})")
    if problems:
        raise ConfigError(*problems)
    return SourceOptions(**values)  # type: ignore[arg-type]
