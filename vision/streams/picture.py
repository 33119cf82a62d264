"""Decoded pictures to BGR arrays: converted and scaled once, by libswscale, never enlarged."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from vision.core.frames import Image, Later


def fitted(width: int, height: int, longest_px: int) -> tuple[int, int]:
    """The size with its longest side at most `longest_px`, same shape, both sides even, never larger."""
    scale = min(1.0, longest_px / max(width, height))
    if scale == 1.0:
        return width, height
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


_SCALED_AS_THEY_ARE = frozenset({"yuv420p", "yuvj420p", "nv12"})
"""Scaled first and made BGR afterwards: libswscale has a quick way for each of the two, and none for both at once."""


class Scaler:
    """Turns one camera's decoded pictures into looks. Keeps libswscale's contexts between pictures."""

    def __init__(self, look_px: int, *, keep_full: bool) -> None:
        self.look_px, self.keep_full = look_px, keep_full
        self._small, self._look, self._full = VideoReformatter(), VideoReformatter(), VideoReformatter()

    def looks(self, picture: VideoFrame) -> tuple[Image, Image | None]:
        """The look with its longest side at most `look_px`, and the full picture where it was asked for."""
        width, height = fitted(picture.width, picture.height, self.look_px)
        same = (width, height) == (picture.width, picture.height)
        small = picture
        if not same and picture.format.name in _SCALED_AS_THEY_ARE:
            small = _reformatted(self._small, picture, width, height, picture.format.name)
        image = _bgr(self._look, small, width, height)
        if not self.keep_full:
            return image, None
        return image, image if same else _bgr(self._full, picture, picture.width, picture.height)


def held(picture: VideoFrame, look: Image) -> Later | None:
    """The full picture of which `look` is the small one, made BGR when it is wanted; None where that is full already.

    Until then the decoder's own picture is held, 3 MB at 1080p.
    """
    if look.shape[:2] == (picture.height, picture.width):
        return None
    return Later(lambda: _bgr(VideoReformatter(), picture, picture.width, picture.height))


def _bgr(reformatter: VideoReformatter, picture: VideoFrame, width: int, height: int) -> Image:
    image: Image = np.ascontiguousarray(
        _reformatted(reformatter, picture, width, height, "bgr24").to_ndarray(), dtype=np.uint8
    )
    return image


def _reformatted(
    reformatter: VideoReformatter, picture: VideoFrame, width: int, height: int, pixels: str
) -> VideoFrame:
    return reformatter.reformat(picture, width, height, pixels, interpolation=Interpolation.AREA, threads=1)
