"""Where a camera's small stream is: configured, or known from how its maker names the main one."""

import re
from urllib.parse import urlsplit, urlunsplit

from vision.core.registry import Camera
from vision.streams.options import source_options

_NONE = "none"
_MAKERS = (
    (re.compile(r"(/Streaming/Channels/\d+)01$", re.IGNORECASE), r"\g<1>02"),  # Hikvision
    (re.compile(r"(/cam/realmonitor\?channel=\d+&subtype=)0$"), r"\g<1>1"),  # Dahua
    (re.compile(r"(/unicast/c\d+/s)0(/live)$"), r"\g<1>1\g<2>"),  # Uniview
)


def sub_stream(camera: Camera) -> str | None:
    """The address of the camera's small stream, with its login; None when it has none that we know of.

    Raises:
        ConfigError: the camera's options are wrong.
    """
    told = source_options(camera).sub_url
    if told == _NONE:
        return None
    if "://" in told:
        return told
    parts = urlsplit(camera.url)
    if told:
        path, _, query = told.partition("?")
        return urlunsplit((parts.scheme, parts.netloc, "/" + path.lstrip("/"), query, ""))
    named = parts.path + (f"?{parts.query}" if parts.query else "")
    for pattern, small in _MAKERS:
        found, count = pattern.subn(small, named)
        if count:
            return urlunsplit((parts.scheme, parts.netloc, *found.partition("?")[::2], ""))
    return None
