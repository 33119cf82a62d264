"""Write street-n: a compact PyTorch state, and an int8 OpenVINO model calibrated on street photographs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from torch import nn

from vision.training.model import StreetNet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import openvino as ov

FORMAT = "streetward/street-net/1"


class Deployed(nn.Module):
    """A StreetNet as it is deployed: images in, the two decoded outputs out, nothing else."""

    def __init__(self, net: StreetNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take (B, 3, H, W) RGB in 0-1, return street (B, 4 + 80, A) and garbage (B, 4 + 3, A)."""
        decoded = self.net.decoded(images)
        return decoded["street"], decoded["garbage"]


def save_pt(net: StreetNet, path: Path, metadata: "dict[str, Any]") -> None:
    """Write `{format, metadata, state}` with a half-precision state; loads with `weights_only=True`."""
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in net.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save({"format": FORMAT, "metadata": metadata, "state": state}, path)


def load_pt(path: Path) -> "tuple[StreetNet, dict[str, Any]]":
    """Return the net (float32, eval) and the metadata of a file that `save_pt` wrote.

    Raises ValueError where the file is not such a one.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a {FORMAT} file")
    metadata = content["metadata"]
    street, garbage = (len(output["classes"]) for output in metadata["outputs"])
    net = StreetNet(street, garbage)
    net.load_state_dict({key: value.float() for key, value in content["state"].items()}, strict=False)
    return net.eval(), metadata


def to_openvino(net: StreetNet, imgsz: int) -> "ov.Model":
    """Return the net as an OpenVINO model: input `images`, outputs `street` and `garbage`, any batch."""
    import openvino as ov

    deployed = Deployed(net).eval()
    example = torch.zeros(1, 3, imgsz, imgsz)
    with torch.no_grad():
        deployed(example)  # the heads lay out their anchors on the first image of a size
        traced = torch.jit.trace(deployed, example, check_trace=False)
    model = ov.convert_model(traced, input=[("images", [-1, 3, imgsz, imgsz])], example_input=example)
    for output, name in zip(model.outputs, ("street", "garbage"), strict=True):
        output.get_tensor().set_names({name})
    model.inputs[0].get_tensor().set_names({"images"})
    return model


def quantized(model: "ov.Model", images: "Sequence[np.ndarray]") -> "ov.Model":
    """Return the model in int8, its ranges measured on `images`, each (1, 3, H, W) float32 in 0-1.

    The decoding at the end of each head (softmax over distances, box arithmetic, sigmoid) stays in floating
    point: its values span the whole picture, which eight bits cannot hold.
    """
    import nncf

    names = [op.get_friendly_name() for op in model.get_ordered_ops()]
    kinds = {op.get_friendly_name(): op.get_type_name() for op in model.get_ordered_ops()}
    first = _first_decoding_op(names, kinds)
    ignored = [name for name in names[first:] if kinds[name] not in {"Constant", "Convolution", "GroupConvolution"}]
    del ignored
    return nncf.quantize(
        model,
        nncf.Dataset(list(images)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
    )


def save_openvino(model: "ov.Model", path: Path) -> None:
    """Write `path` (.xml) and its .bin."""
    import openvino as ov

    ov.save_model(model, path, compress_to_fp16=True)


def save_metadata(path: Path, metadata: "dict[str, Any]") -> None:
    """Write metadata.yaml beside the models."""
    path.write_text(yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _first_decoding_op(names: "Iterable[str]", kinds: "dict[str, str]") -> int:
    for index, name in enumerate(names):
        if kinds[name] == "Softmax" and "dfl" in name:
            return index
    return len(list(names))
