from pathlib import Path

import numpy as np
import pytest

from tests.detectors.networks import save_colour_network, save_failing_network
from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError
from vision.core.frames import Image
from vision.detectors.catalogue import open_detector
from vision.detectors.openvino import OpenVinoDetector


def painted(blue: int, green: int, red: int, size: tuple[int, int] = (64, 64)) -> Image:
    picture = np.zeros((*size, 3), np.uint8)
    picture[:] = blue, green, red
    return picture


def test_colours_arrive_in_the_networks_order_and_scale(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu")
    blue, red = detector.detect([painted(255, 0, 0), painted(0, 0, 128)])
    assert [blue.class_name(0), red.class_name(0)] == ["blue", "red"]
    assert blue.score[0] == pytest.approx(1.0, abs=0.01)
    assert red.score[0] == pytest.approx(128 / 255, abs=0.01)
    detector.close()


def test_boxes_come_back_in_each_pictures_own_pixels(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu", score=0.1)
    pictures = [painted(255, 0, 0, size) for size in [(64, 64), (128, 128), (31, 77), (720, 1280)]]
    for _ in range(3):  # slots are reused for other sizes
        square, twice, odd, wide = detector.detect(pictures)
        np.testing.assert_allclose(square.xyxy, [[16, 24, 48, 40]])
        np.testing.assert_allclose(twice.xyxy, [[32, 48, 96, 80]])
        np.testing.assert_allclose(odd.xyxy, [[77 / 4, 5.5, 77 * 3 / 4, 25.5]], atol=1)
        np.testing.assert_allclose(wide.xyxy, [[320, 200, 960, 520]], atol=1)
    detector.close()


def test_order_is_kept_over_many_requests(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu", score=0.01)
    levels = list(range(10, 250, 5))
    seen = detector.detect([painted(level, 0, 0) for level in levels])
    np.testing.assert_allclose([one.score[0] for one in seen], np.array(levels) / 255, atol=0.01)
    detector.close()


def test_a_picture_that_is_none_is_told_not_swallowed(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu")
    with pytest.raises(DetectorError, match="grey"):
        detector.detect([painted(0, 0, 0), np.zeros((10, 10), np.uint8)])
    detector.close()


def test_a_failing_inference_is_told_and_the_next_one_goes_on(tmp_path: Path) -> None:
    detector = open_detector(save_failing_network(tmp_path), device="cpu")
    for _ in range(10):  # more often than there are requests: none may be lost
        with pytest.raises(DetectorError, match="inference failed"):
            detector.detect([painted(0, 0, 255)])
    assert [len(seen) for seen in detector.detect([painted(0, 0, 0)] * 10)] == [0] * 10
    detector.close()


def test_what_runs_is_answered_before_the_detector_closes(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu")
    assert isinstance(detector, OpenVinoDetector)
    answers: list[Detections | DetectorError] = []
    for _ in range(20):
        detector.start(painted(255, 0, 0), answers.append)
    detector.close()
    assert len(answers) == 20


def test_a_missing_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.xml: this model file is not there"):
        open_detector(tmp_path / "nowhere.xml")


def test_missing_weights_are_told(tmp_path: Path) -> None:
    file = save_colour_network(tmp_path)
    file.with_suffix(".bin").unlink()
    with pytest.raises(ModelFileError, match=r"colours\.bin: the weights of colours\.xml are not there"):
        open_detector(file)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
def test_a_truncated_model_is_one_sentence(tmp_path: Path, suffix: str) -> None:
    file = save_colour_network(tmp_path).with_suffix(suffix)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(ModelFileError, match="OpenVINO cannot") as caught:
        open_detector(file.with_suffix(".xml"))
    assert "\n" not in str(caught.value)


def test_classes_that_do_not_fit_the_output_are_told(tmp_path: Path) -> None:
    file = save_colour_network(tmp_path, classes=("red", "green"))
    with pytest.raises(ModelFileError, match=r"has 3 classes, but 2 are named \(red, green\)"):
        open_detector(file)


def test_classes_are_mapped_to_the_products_names(tmp_path: Path) -> None:
    file = save_colour_network(tmp_path)
    detector = open_detector(file, device="cpu", classes={"red": "garbage", "blue": "garbage", "green": None})
    assert detector.names == ("garbage",)
    red, green = detector.detect([painted(0, 0, 255), painted(0, 255, 0)])
    assert (len(red), len(green)) == (1, 0)
    detector.close()


def test_a_map_of_classes_the_model_does_not_have_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="the class map names purple, but the model has blue, green, red"):
        open_detector(save_colour_network(tmp_path), classes={"purple": "garbage"})


def test_the_version_tells_two_models_apart(tmp_path: Path) -> None:
    detector = open_detector(save_colour_network(tmp_path), device="cpu")
    name, version, fingerprint = detector.version.split()
    assert (name, version, len(fingerprint)) == ("colours", "1", 10)
    detector.close()
