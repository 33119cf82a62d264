"""Fits a picture into a model's input without changing its shape, and takes boxes back."""

from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.errors import DetectorError
from vision.core.frames import Image

PAD_VALUE = 114  # the grey that Ultralytics and YOLOX models were trained with


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where a picture lies in the model's input.

    Attributes:
        width_px, height_px: the picture's own size.
        x_px, y_px: left and top margin in the input.
        fit_width_px, fit_height_px: the picture's size in the input.
    """

    width_px: int
    height_px: int
    x_px: int
    y_px: int
    fit_width_px: int
    fit_height_px: int

    @classmethod
    def of(cls, width_px: int, height_px: int, into: tuple[int, int]) -> Self:
        """The largest centred place in an input of `into` = (height, width) pixels; small pictures are enlarged."""
        high, wide = into
        scale = min(high / height_px, wide / width_px)
        fit_w, fit_h = max(1, round(width_px * scale)), max(1, round(height_px * scale))
        return cls(width_px, height_px, (wide - fit_w) // 2, (high - fit_h) // 2, fit_w, fit_h)

    def undo(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 4) boxes of the input, in the picture's own pixels and cut at its edges."""
        scale_x, scale_y = self.width_px / self.fit_width_px, self.height_px / self.fit_height_px
        margin = np.array([self.x_px, self.y_px, self.x_px, self.y_px], np.float32)
        back = (xyxy - margin) * np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
        edge = np.array([self.width_px, self.height_px, self.width_px, self.height_px], np.float32)
        cut: NDArray[np.float32] = np.clip(back, 0, edge).astype(np.float32, copy=False)
        return cut


def check_image(image: Any) -> None:
    """Refuse what is not a colour picture of eight bits.

    Raises:
        DetectorError: says what came and what was expected.
    """
    shape, kind = getattr(image, "shape", None), getattr(image, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or kind != np.uint8:
        raise DetectorError(f"a picture should be (H, W, 3) uint8 BGR, got {_described(shape, kind)}")
    if shape[0] == 0 or shape[1] == 0:
        raise DetectorError(f"a picture should have at least one pixel, got an empty one of shape {shape}")


def fill(image: Image, place: Letterbox, out: NDArray[np.uint8]) -> None:
    """Scale the picture into its place in `out`, (H, W, 3) uint8, whose margin the caller has greyed."""
    target = out[place.y_px : place.y_px + place.fit_height_px, place.x_px : place.x_px + place.fit_width_px]
    if image.shape == target.shape:
        np.copyto(target, image)
        return
    cv2.resize(image, (place.fit_width_px, place.fit_height_px), dst=target, interpolation=cv2.INTER_LINEAR)


def letterboxed(image: Image, into: tuple[int, int]) -> tuple[NDArray[np.uint8], Letterbox]:
    """The picture in a new (H, W, 3) uint8 input, and where it lies there."""
    place = Letterbox.of(image.shape[1], image.shape[0], into)
    out = np.full((*into, 3), PAD_VALUE, np.uint8)
    fill(image, place, out)
    return out, place


def _described(shape: tuple[int, ...] | None, kind: object) -> str:
    if shape is None:
        return "something that is no array"
    channels = {2: "a grey one"}.get(len(shape), f"{shape[2]} channels" if len(shape) == 3 else f"{len(shape)} axes")
    return f"{channels}: shape {shape}, {kind}"
