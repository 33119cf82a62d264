"""Still pictures: JPEG bytes to looks, by FFmpeg's decoder, which refuses what is damaged instead of greying it."""

import av
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
        return self._scaler.looks(pictures[0]) if pictures and not pictures[0].is_corrupt else None
