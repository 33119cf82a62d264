import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.core.errors import DetectorError
from vision.detectors.letterbox import PAD_VALUE, Letterbox, check_image, letterboxed

sides = st.integers(1, 4000)


@given(sides, sides)
def test_a_picture_lies_inside_the_input_and_touches_two_edges(width: int, height: int) -> None:
    place = Letterbox.of(width, height, (384, 640))
    assert place.x_px >= 0
    assert place.y_px >= 0
    assert place.fit_width_px <= 640
    assert place.fit_height_px <= 384
    assert place.fit_width_px == 640 or place.fit_height_px == 384


@given(sides, sides)
def test_the_place_of_the_whole_picture_is_the_whole_picture(width: int, height: int) -> None:
    place = Letterbox.of(width, height, (640, 640))
    corners = [place.x_px, place.y_px, place.x_px + place.fit_width_px, place.y_px + place.fit_height_px]
    back = place.undo(np.array([corners], np.float32))
    np.testing.assert_allclose(back, [[0, 0, width, height]], rtol=1e-5, atol=1e-3)


def test_boxes_are_cut_at_the_picture() -> None:
    place = Letterbox.of(100, 50, (100, 100))
    np.testing.assert_array_equal(place.undo(np.array([[-5, 0, 120, 100]], np.float32)), [[0, 0, 100, 50]])


def test_margins_are_grey_and_the_picture_is_kept() -> None:
    picture = np.full((10, 20, 3), 200, np.uint8)
    out, place = letterboxed(picture, (20, 20))
    assert (out[:5] == PAD_VALUE).all()
    assert (out[5:15] == 200).all()
    assert (place.x_px, place.y_px) == (0, 5)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (np.zeros((10, 10), np.uint8), "a grey one"),
        (np.zeros((10, 10, 4), np.uint8), "4 channels"),
        (np.zeros((10, 10, 3), np.uint16), "uint16"),
        (np.zeros((0, 10, 3), np.uint8), "empty"),
        (None, "no array"),
    ],
)
def test_what_is_no_8_bit_colour_picture_is_refused_in_a_sentence(picture: object, told: str) -> None:
    with pytest.raises(DetectorError, match=told):
        check_image(picture)
