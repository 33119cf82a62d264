from pathlib import Path

import pytest
import torch

from vision.core.errors import ModelFileError
from vision.detectors.spec import OWN_FORMAT
from vision.detectors.street_net import BACKBONE_LAYERS, StreetNet, load_pt
from vision.training.export import save_pt
from vision.training.model import from_checkpoints

pytestmark = pytest.mark.slow
METADATA = {"outputs": [{"name": "street", "classes": ["x"] * 80}, {"name": "garbage", "classes": ["a", "b", "c"]}]}


def test_branches_decode_in_the_agreed_layout() -> None:
    net = StreetNet(80, 3).eval()
    with torch.no_grad():
        decoded = net.decoded(torch.rand(1, 3, 64, 64))
    anchors = 8 * 8 + 4 * 4 + 2 * 2
    assert decoded["street"].shape == (1, 84, anchors)
    assert decoded["garbage"].shape == (1, 7, anchors)


def test_composed_street_branch_is_the_base_model(base_weights: Path) -> None:
    net = from_checkpoints(base_weights, None, 3).eval()
    base = torch.load(base_weights, weights_only=False)["model"].eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(net.decoded(images)["street"], base(images)[0])


def test_garbage_branch_starts_from_the_base_in_all_but_its_last_layer(base_weights: Path) -> None:
    net = from_checkpoints(base_weights, None, 3)
    base = torch.load(base_weights, weights_only=False)["model"]
    given, own = base.model[BACKBONE_LAYERS + 2].state_dict(), net.garbage.layers[2].state_dict()
    torch.testing.assert_close(own["cv1.conv.weight"], given["cv1.conv.weight"])
    assert net.garbage.head.cv3[0][-1].weight.shape[0] == 3


def test_fusing_changes_no_answer() -> None:
    net = StreetNet(80, 3).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = net.decoded(images)["garbage"]
        torch.testing.assert_close(net.fuse().decoded(images)["garbage"], before, rtol=1e-3, atol=1e-3)


def test_a_saved_net_is_small_and_comes_back(tmp_path: Path) -> None:
    net = StreetNet(80, 3).eval()
    path = tmp_path / "net.pt"
    save_pt(net, path, METADATA)
    again, metadata = load_pt(path)
    assert metadata == METADATA
    plain = sum(value.numel() for value in net.state_dict().values()) * 2
    assert path.stat().st_size < 0.95 * plain
    weight, back = (one.state_dict()["backbone.0.conv.weight"] for one in (net, again))
    torch.testing.assert_close(back, weight, rtol=2.5e-3, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_a_file_that_is_no_net_is_refused_in_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.pt"
    if content is None:
        torch.save({"state": {}}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=f"should be a {OWN_FORMAT} file") as caught:
        load_pt(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"format": OWN_FORMAT, "metadata": METADATA, "state": {"head.weight": torch.zeros(1)}}, path)
    with pytest.raises(ModelFileError, match=r"do not fit the network, head\.weight first"):
        load_pt(path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model": {}}, path)
    with pytest.raises(ModelFileError, match="should be an Ultralytics checkpoint"):
        from_checkpoints(path, None, 3)
