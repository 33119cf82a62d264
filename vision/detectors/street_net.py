"""StreetNet: one YOLO11n backbone with two necks and heads, COCO's classes and the garbage classes; its own files."""

import math
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from ultralytics.nn.modules import Conv
from ultralytics.nn.tasks import DetectionModel

from vision.core.errors import ModelFileError
from vision.detectors.spec import OWN_FORMAT

BACKBONE_LAYERS = 11
"""Layers 0-10 of YOLO11 are the backbone, 11-23 neck and head."""
STRIDES_PX = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Raw:
    """One branch's raw predictions: boxes (B, 4*16, A) DFL logits, scores (B, C, A) class logits, feats P3-P5."""

    boxes: torch.Tensor
    scores: torch.Tensor
    feats: list[torch.Tensor]

    def as_dict(self) -> dict[str, Any]:
        """Return the predictions as Ultralytics' loss takes them, in float32."""
        return {"boxes": self.boxes.float(), "scores": self.scores.float(), "feats": self.feats}


class Branch(nn.Module):
    """Neck and head of YOLO11 (layers 11-23) over the backbone's saved feature maps."""

    def __init__(self, layers: Iterable[nn.Module], save: Iterable[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head.stride = torch.tensor(STRIDES_PX, dtype=torch.float32)
        self._save = frozenset(save)

    @property
    def head(self) -> Any:
        """The branch's detection head."""
        return self.layers[-1]

    def forward(self, maps: Mapping[int, torch.Tensor]) -> Raw:
        """Return raw predictions from the backbone's maps, keyed by layer number."""
        kept = dict(maps)
        x = kept[BACKBONE_LAYERS - 1]
        for number, layer in enumerate(self.layers[:-1], start=BACKBONE_LAYERS):
            x = layer(_inputs(layer, x, kept))
            if number in self._save:
                kept[number] = x
        head = self.head
        feats = [kept[i] for i in head.f]
        raw = head.forward_head(list(feats), **head.one2many)
        return Raw(raw["boxes"], raw["scores"], feats)

    def decode(self, raw: Raw) -> torch.Tensor:
        """Return (B, 4 + C, A): xywh in input pixels, then class scores in 0-1."""
        decoded: torch.Tensor = self.head._inference(raw.as_dict())  # noqa: SLF001 - the decoding has no public name
        return decoded


class StreetNet(nn.Module):
    """Two detectors over one backbone; `forward` gives each branch's raw predictions by its name."""

    def __init__(self, street_classes: int, garbage_classes: int) -> None:
        super().__init__()
        street = _yolo11n(street_classes, street_classes)
        self._save = frozenset(i for i in street.save if i < BACKBONE_LAYERS)
        self.backbone = nn.ModuleList(street.model[:BACKBONE_LAYERS])
        self.street = Branch(street.model[BACKBONE_LAYERS:], street.save)
        garbage = _yolo11n(street_classes, garbage_classes)
        self.garbage = Branch(garbage.model[BACKBONE_LAYERS:], garbage.save)

    def maps(self, images: torch.Tensor) -> dict[int, torch.Tensor]:
        """Return the backbone's feature maps that the branches read, keyed by layer number."""
        kept: dict[int, torch.Tensor] = {}
        x = images
        for number, layer in enumerate(self.backbone):
            x = layer(x)
            if number in self._save:
                kept[number] = x
        return kept

    def forward(self, images: torch.Tensor) -> dict[str, Raw]:
        """Take (B, 3, H, W) RGB in 0-1, H and W multiples of 32; return raw predictions of both branches."""
        maps = self.maps(images)
        return {"street": self.street(maps), "garbage": self.garbage(maps)}

    def decoded(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return both branches' decoded outputs, (B, 4 + C, A)."""
        raw = self(images)
        return {"street": self.street.decode(raw["street"]), "garbage": self.garbage.decode(raw["garbage"])}

    def fuse(self) -> "StreetNet":
        """Fold batch normalisation into the convolutions, in place (inference only)."""
        from ultralytics.utils.torch_utils import fuse_conv_and_bn

        for module in self.modules():
            if isinstance(module, Conv) and hasattr(module, "bn"):
                module.conv = fuse_conv_and_bn(module.conv, module.bn)
                delattr(module, "bn")
                module.forward = module.forward_fuse
        return self


def _yolo11n(width_classes: int, classes: int) -> DetectionModel:
    """Return YOLO11n with a head as wide as `width_classes` asks for, ending in `classes` scores.

    YOLO11 sizes the head's hidden layers by its number of classes; keeping COCO's size lets a head of few
    classes start from COCO's weights in all layers but the last.
    """
    model = DetectionModel("yolo11n.yaml", ch=3, nc=width_classes, verbose=False)
    head = model.model[-1]
    if classes != width_classes:
        for tower, stride in zip(head.cv3, STRIDES_PX, strict=True):
            last = nn.Conv2d(tower[-1].in_channels, classes, 1)
            assert last.bias is not None
            nn.init.constant_(last.bias, math.log(5 / classes / (640 / stride) ** 2))
            tower[-1] = last
        head.nc = classes
        head.no = classes + 4 * head.reg_max
    return model


def _inputs(layer: Any, x: torch.Tensor, kept: Mapping[int, torch.Tensor]) -> Any:
    """Return what a layer takes: the previous output, or the list its `f` names (-1 is the previous one)."""
    if layer.f == -1:
        return x
    return [x if i == -1 else kept[i] for i in layer.f]


def load_pt(path: Path) -> tuple[StreetNet, dict[str, Any]]:
    """Return the net (float32, eval) and the metadata of a file that `save_pt` wrote.

    Raises ModelFileError where the file is missing or not such a one.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        first = str(error).partition("\n")[0] or "it is empty"
        raise ModelFileError(f"{path}: should be a {OWN_FORMAT} file: {first}") from None
    if not isinstance(content, dict) or content.get("format") != OWN_FORMAT:
        raise ModelFileError(f"{path}: should be a {OWN_FORMAT} file")
    metadata = content["metadata"]
    street, garbage = (len(output["classes"]) for output in metadata["outputs"])
    net = StreetNet(street, garbage)
    missing, unknown = net.load_state_dict(
        {key: value.float() for key, value in content["state"].items()}, strict=False
    )
    wrong = unknown + [key for key in missing if not key.endswith("num_batches_tracked")]
    if wrong:
        raise ModelFileError(f"{path}: its weights do not fit the network, {wrong[0]} first")
    return net.eval(), metadata
