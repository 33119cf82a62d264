"""Still pictures: JPEG bytes to looks, by FFmpeg's decoder, which refuses what is damaged instead of greying it."""

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from vision.core.frames import Image
from vision.core.jpeg import is_whole
from vision.streams.picture import Scaler

_STRICT = {"err_detect": "explode", "max_pixels": "100000000"}


class JpegReader:
    """One camera's snapshots to looks. Keeps libswscale's contexts between pictures."""

    def __init__(self, look_px: int, *, keep_full: bool) -> None:
        self._scaler = Scaler(look_px, keep_full=keep_full)

    def look(self, data: bytes) -> tuple[Image, Image | None] | None:
        """The look with its longest side at most `look_px`, and the full picture if kept; None when it is damaged.

        Both stand upright: turned as the picture's EXIF orientation says (1, 3, 6 or 8; cameras do not mirror).

        Damaged is a picture that is cut anywhere, with or without an end marker set behind the cut, or that lacks a
        part in the middle: half of it would be grey, and everything that stands there would seem to have gone.
        """
        if not is_whole(data):
            return None
        context = av.CodecContext.create("mjpeg", "r")
        assert isinstance(context, VideoCodecContext)
        context.thread_count, context.options = 1, _STRICT
        try:
            pictures = context.decode(av.Packet(data))
        except (av.error.FFmpegError, ValueError):
            return None
        if not pictures or pictures[0].is_corrupt:
            return None
        look, full = self._scaler.looks(pictures[0])
        quarters = pictures[0].rotation // 90
        return _turned(look, quarters), None if full is None else _turned(full, quarters)


def _turned(image: Image, quarters: int) -> Image:
    """As the camera was held by its EXIF orientation: quarter turns against the clock."""
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
