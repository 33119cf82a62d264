"""Which codecs this machine's FFmpeg can decode."""

import av.codec


def decoders() -> frozenset[str]:
    """Names of the codecs among h264, hevc and mjpeg that can be decoded."""
    found = set()
    for name in ("h264", "hevc", "mjpeg"):
        try:
            av.codec.Codec(name, "r")
        except ValueError:  # av.codec.codec.UnknownCodecError is one
            continue
        found.add(name)
    return frozenset(found)
