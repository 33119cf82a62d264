from pathlib import Path

import pytest
import yaml

from tests.detectors.networks import save_colour_network
from vision.core.errors import ConfigError, ModelFileError, NotThereError
from vision.detectors import catalogue
from vision.detectors.modelfile import sha256
from vision.detectors.openvino import OpenVinoDetector


def catalogue_of(folder: Path, **changes: object) -> Path:
    """A models.yaml in `folder` with one real network, `colours`."""
    network = save_colour_network(folder / "colours")
    files = [network, network.with_suffix(".bin"), network.parent / "metadata.yaml"]
    entry: dict[str, object] = {
        "version": "2.1",
        "licence": "AGPL-3.0",
        "input_px": [64, 64],
        "backends": {"openvino": "colours/colours.xml"},
        "files": {f"colours/{one.name}": {"sha256": sha256(one), "bytes": one.stat().st_size} for one in files},
    }
    file = folder / "models.yaml"
    file.write_text(yaml.safe_dump({"default": "colours", "models": {"colours": entry | changes}}), encoding="utf-8")
    return file


def test_another_least_score_leaves_the_models_own_decoding(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path, decoding={"iou": 0.45, "vote": 0.9, "limit": 7})
    detector = catalogue.open_detector("colours", device="cpu", score=0.1, catalogue_file=file)
    assert isinstance(detector, OpenVinoDetector)
    decoding = detector._reading.decoding
    detector.close()
    assert (decoding.score, decoding.iou, decoding.vote, decoding.limit) == (0.1, 0.45, 0.9, 7)


def test_the_shipped_catalogue_reads() -> None:
    shipped = catalogue.read_catalogue()
    assert shipped.default == "street-n"
    assert all(entry.files for entry in shipped.models.values())


def test_the_shipped_models_are_whole() -> None:
    assert catalogue.verify(catalogue.read_catalogue(), catalogue.CATALOGUE_FILE.parent) == []


def test_a_model_opens_by_name_and_by_default(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path)
    for name in ("", "colours"):
        detector = catalogue.open_detector(name, device="cpu", catalogue_file=file)
        assert detector.version.startswith("colours 2.1 (")
        detector.close()


def test_a_model_opens_by_its_folder(tmp_path: Path) -> None:
    detector = catalogue.open_detector(save_colour_network(tmp_path / "mine").parent, device="cpu")
    assert detector.names == ("red", "green", "blue")
    detector.close()


def test_a_model_of_ones_own_needs_no_digests_and_may_rename_classes(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path, files={}, classes={"red": "garbage", "blue": None})
    detector = catalogue.open_detector("colours", device="cpu", catalogue_file=file)
    assert detector.names == ("garbage",)
    detector.close()


def test_an_unknown_model_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model 'colors', the catalogue has colours"):
        catalogue.open_detector("colors", catalogue_file=catalogue_of(tmp_path))


@pytest.mark.parametrize("name", ["colours.bin", "colours.xml", "metadata.yaml"])
def test_a_tampered_file_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    file = catalogue_of(tmp_path)
    victim = tmp_path / "colours" / name
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    with pytest.raises(ModelFileError, match=rf"{name}: damaged or changed, its sha256 is"):
        catalogue.open_detector("colours", catalogue_file=file)
    assert [name in problem for problem in catalogue.verify(catalogue.read_catalogue(file), tmp_path)] == [True]


def test_a_good_catalogue_verifies(tmp_path: Path) -> None:
    assert catalogue.verify(catalogue.read_catalogue(catalogue_of(tmp_path)), tmp_path) == []


def test_every_mistake_of_a_catalogue_is_told_at_once(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path, licence=None, divisor=0, speed="fast")
    with pytest.raises(ConfigError) as caught:
        catalogue.read_catalogue(file)
    assert len(caught.value.problems) == 3
    assert any("models.colours.speed" in problem for problem in caught.value.problems)


def test_a_catalogue_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    file = catalogue_of(tmp_path, backends={"tensorrt": "colours/other.engine"}, layout="ssd")
    with pytest.raises(ConfigError) as caught:
        catalogue.read_catalogue(file)
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("content", ["models: [", "just text", "\0"])
def test_a_broken_catalogue_is_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"models\.yaml"):
        catalogue.read_catalogue(file)


def test_no_catalogue_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match=r"models\.yaml"):
        catalogue.read_catalogue(tmp_path / "models.yaml")


def test_a_back_end_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    absent = catalogue.Backend("vision.detectors.nothing", "Nothing", "no_such_package", "gpu")
    monkeypatch.setattr(catalogue, "BACKENDS", {"openvino": absent})
    with pytest.raises(NotThereError, match=r"needs no_such_package: pip install 'streetward\[gpu\]'"):
        catalogue.open_detector(save_colour_network(tmp_path))


def test_a_file_of_no_known_kind_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"should end in \.xml, \.onnx, \.pt"):
        catalogue.open_detector(tmp_path / "model.engine")


def test_classes_that_rules_want_and_the_model_lacks_are_all_told(tmp_path: Path) -> None:
    detector = catalogue.open_detector(save_colour_network(tmp_path), device="cpu")
    catalogue.require_classes(detector, {"rule bike": ["red"]}, tmp_path / "models.yaml")
    with pytest.raises(ConfigError) as caught:
        wanted = {"rule bike": ["bicycle", "red"], "zone gate": ["garbage"]}
        catalogue.require_classes(detector, wanted, tmp_path / "models.yaml")
    assert all(f"{tmp_path / 'models.yaml'} does not detect" in problem for problem in caught.value.problems)
    assert [problem.split(",")[0] for problem in caught.value.problems] == [
        "rule bike wants bicycle",
        "zone gate wants garbage",
    ]
    detector.close()
