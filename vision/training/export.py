"""Write street-n: a compact PyTorch state, and an int8 OpenVINO model calibrated on street photographs."""

import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import nn

from vision.detectors.spec import OWN_FORMAT
from vision.detectors.street_net import StreetNet

_MANTISSA_BITS = 8


class Deployed(nn.Module):
    """A StreetNet as it is deployed: images in, the two decoded outputs out, nothing else."""

    def __init__(self, net: StreetNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take (B, 3, H, W) RGB in 0-1, return street (B, 4 + 80, A) and garbage (B, 4 + 3, A)."""
        decoded = self.net.decoded(images)
        return decoded["street"], decoded["garbage"]


def save_pt(net: StreetNet, path: Path, metadata: dict[str, Any]) -> None:
    """Write `{format, metadata, state}`, small; `street_net.load_pt` reads it.

    Weights become half precision with two bits of their fraction rounded off, so that the archive deflates:
    their relative error of 1/1000 is a fifth of what bfloat16 inference adds.
    """
    state = {
        key: _rounded(value)
        for key, value in net.state_dict().items()
        if not key.endswith("num_batches_tracked")  # only training counts batches
    }
    torch.save({"format": OWN_FORMAT, "metadata": metadata, "state": state}, path)
    _deflate(path)


def to_openvino(net: StreetNet, imgsz: int) -> Any:
    """Return the fused net as an `openvino.Model`: input `images`, outputs `street` and `garbage`, any batch."""
    import openvino as ov

    deployed = Deployed(net).eval()
    example = torch.zeros(1, 3, imgsz, imgsz)
    with torch.no_grad(), warnings.catch_warnings():
        # The heads compare shapes to reuse their anchors; the exported size is fixed, so they may.
        warnings.filterwarnings("ignore", message="Converting a tensor to a Python boolean")
        deployed(example)  # the heads lay out their anchors on the first image of a size
        traced = torch.jit.trace(deployed, example, check_trace=False)  # type: ignore[no-untyped-call]
    model = ov.convert_model(traced, input=[("images", [-1, 3, imgsz, imgsz])], example_input=example)
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, ("street", "garbage"), strict=True):
        output.get_tensor().set_names({name})
    return model


def quantized(model: Any, images: Sequence[NDArray[np.float32]]) -> Any:
    """Return the model in int8, its ranges measured on `images`, each (1, 3, H, W) in 0-1.

    The decoding after each head (softmax over distances, box arithmetic, sigmoid) stays in floating point:
    its values span the whole picture, which eight bits hold only to 2.5 px.
    """
    import nncf

    decoding = [
        op.get_friendly_name()
        for op in model.get_ordered_ops()
        if op.get_type_name() not in {"Constant", "Parameter", "Result"} and _decodes(op.get_friendly_name())
    ]
    return nncf.quantize(
        model,
        nncf.Dataset(list(images)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(images),
        ignored_scope=nncf.IgnoredScope(names=decoding),
    )


def save_openvino(model: Any, path: Path) -> None:
    """Write `path` (.xml) without indentation, a seventh smaller, and its .bin."""
    import openvino as ov

    ov.save_model(model, path, compress_to_fp16=True)
    path.write_text(re.sub(r">\s+<", "><", path.read_text(encoding="utf-8")), encoding="utf-8")


def save_metadata(path: Path, metadata: dict[str, Any]) -> None:
    """Write metadata.yaml beside the models."""
    path.write_text(yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _decodes(name: str) -> bool:
    """Whether an operation belongs to the decoding: in no layer of the net, or in a head's `dfl`."""
    in_layer = name.startswith(
        ("__module.net.backbone.", "__module.net.street.layers.", "__module.net.garbage.layers.")
    )
    return not in_layer or ".dfl/" in name


def _rounded(value: torch.Tensor) -> torch.Tensor:
    if not value.is_floating_point():
        return value
    half = value.half().contiguous()
    if half.ndim < 2:
        return half
    drop = 10 - _MANTISSA_BITS
    bits = half.numpy().view(np.uint16).astype(np.int64)
    kept = (bits + (1 << (drop - 1))) >> drop << drop
    return torch.from_numpy(kept.astype(np.uint16).view(np.float16).copy())


def _deflate(path: Path) -> None:
    """Pack torch's own zip archive, which it writes unpacked and reads either way."""
    packed = path.with_name(path.name + ".part")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    packed.replace(path)
