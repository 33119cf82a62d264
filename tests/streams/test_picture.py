"""Pictures of every kind of camera become the same looks, whichever way libswscale takes."""

import hypothesis.strategies as st
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from hypothesis import given

from vision.sandbox.camera_footage import street_pictures
from vision.streams.picture import Scaler, fitted


@pytest.fixture(scope="module")
def street() -> VideoFrame:
    return VideoFrame.from_ndarray(next(street_pictures(1280, 720, 1)), format="bgr24")


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "yuv420p10le"])
def test_every_pixel_format_gives_the_same_look(street: VideoFrame, pixels: str) -> None:
    sent = street.reformat(format=pixels)
    look, full = Scaler(640, keep_full=True).looks(sent)
    expected = sent.reformat(640, 360, "bgr24", interpolation=Interpolation.AREA).to_ndarray().astype(int)
    assert look.shape == (360, 640, 3)
    assert full is not None
    assert full.shape == (720, 1280, 3)
    # A wrong colour range or swapped planes would be off by ten and more.
    assert np.abs(look - expected).mean() < 3
    assert np.abs((look - expected).mean(axis=(0, 1))).max() < 1.5


def test_picture_of_the_looks_size_is_only_converted(street: VideoFrame) -> None:
    small = street.reformat(640, 360, "yuv420p")
    look, full = Scaler(640, keep_full=True).looks(small)
    assert look is full
    assert np.array_equal(look, small.reformat(format="bgr24").to_ndarray())


@given(width=st.integers(16, 8000), height=st.integers(16, 8000), longest_px=st.integers(160, 2000))
def test_fitted_keeps_the_shape_and_never_enlarges(width: int, height: int, longest_px: int) -> None:
    w, h = fitted(width, height, longest_px)
    assert max(w, h) <= max(longest_px + 1, 2)
    assert (w, h) == (width, height) if max(width, height) <= longest_px else w % 2 == h % 2 == 0
    assert abs(w / width - h / height) <= 2 / min(width, height)
