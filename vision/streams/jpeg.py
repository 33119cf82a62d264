"""Still pictures: JPEG bytes to looks, by FFmpeg's decoder, which refuses what is damaged instead of greying it."""

from contextlib import suppress

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vision.core.frames import Image, Later
from vision.core.jpeg import is_whole
from vision.streams.picture import Scaler

_STRICT = {"err_detect": "explode", "max_pixels": "100000000"}


class JpegReader:
    """One camera's snapshots to looks. Keeps libswscale's contexts between pictures."""

    def __init__(self, look_px: int, *, keep_full: bool) -> None:
        self._scaler = Scaler(look_px, keep_full=keep_full)

    def look(self, data: bytes) -> tuple[Image, Image | Later | None] | None:
        """The look with its longest side at most `look_px`, and the full picture, which is decoded again when it is
        wanted unless it is kept; None when it is damaged.

        Both stand upright: turned as the picture's EXIF orientation says (1, 3, 6 or 8; cameras do not mirror).

        Damaged is a picture that is cut anywhere, with or without an end marker set behind the cut, or that lacks a
        part in the middle: half of it would be grey, and everything that stands there would seem to have gone.
        """
        picture = _decoded(data)
        if picture is None:
            return None
        look, full = self._scaler.looks(picture)
        quarters = picture.rotation // 90
        if full is not None:
            return _turned(look, quarters), _turned(full, quarters)
        same = look.shape[:2] == (picture.height, picture.width)
        return _turned(look, quarters), None if same else Later(lambda: _in_full(data))


def _in_full(data: bytes) -> Image | None:
    picture = _decoded(data)
    if picture is None:
        return None
    full, _ = Scaler(max(picture.width, picture.height), keep_full=False).looks(picture)
    return _turned(full, picture.rotation // 90)


def _decoded(data: bytes) -> VideoFrame | None:
    """The whole picture of a JPEG; None when it is damaged."""
    if is_whole(data):
        context = av.CodecContext.create("mjpeg", "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count, context.options = 1, _STRICT
        with suppress(av.error.FFmpegError, ValueError):
            pictures = context.decode(av.Packet(data))
            if pictures and not pictures[0].is_corrupt:
                return pictures[0]
    return None


def _turned(image: Image, quarters: int) -> Image:
    """As the camera was held by its EXIF orientation: quarter turns against the clock."""
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
