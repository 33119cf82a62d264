"""Four ways to see COCO's classes and the garbage classes, as the training loop and the cost measurement take them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vision.detectors.street_net import BACKBONE_LAYERS, Branch, Raw, StreetNet
from vision.training.model import from_checkpoints

COCO_CLASSES = 80


class _Kept(Branch):
    """A garbage branch that COCO's classes pass too: its batch statistics stay theirs, as the street branch's do."""

    def train(self, mode: bool = True) -> "_Kept":  # noqa: ARG002, FBT001, FBT002 - torch's signature
        super().train(mode=False)
        return self


class _Head(Branch):
    """A head over a neck that has run already; what neck there is among the layers, `SharedNeck.maps` runs."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__(layers, ())

    def forward(self, maps: Mapping[int, torch.Tensor]) -> Raw:
        feats = [maps[i] for i in self.head.f]
        raw = self.head.forward_head(list(feats), **self.head.one2many)
        return Raw(raw["boxes"], raw["scores"], feats)

    def train(self, mode: bool = True) -> "_Head":  # noqa: FBT001, FBT002 - torch's signature
        super().train(mode)
        self.layers[:-1].eval()  # COCO's classes pass the neck: its batch statistics stay theirs
        return self


class SharedNeck(StreetNet):
    """Backbone and neck of one YOLO11n under two heads. The neck is the garbage branch's, so trained at its rate."""

    def __init__(self, whole: StreetNet) -> None:
        super().__init__(whole.street.head.nc, whole.garbage.head.nc)
        self.backbone = whole.backbone
        self.street = _Head([whole.street.head])
        self.garbage = _Head(whole.garbage.layers)

    def maps(self, images: torch.Tensor) -> dict[int, torch.Tensor]:
        kept = super().maps(images)
        x = kept[BACKBONE_LAYERS - 1]
        neck: Iterable[Any] = self.garbage.layers[:-1]
        for number, layer in enumerate(neck, start=BACKBONE_LAYERS):
            x = kept[number] = layer(x if layer.f == -1 else [x if i == -1 else kept[i] for i in layer.f])
        return kept


@dataclass(frozen=True, slots=True)
class Layout:
    """`passes`: the branches that each run over an image answers with; `coco`: the branch that sees COCO's classes.

    `hold` changes the recipe's distillation. `untouched`: COCO's classes come from the base model itself.
    """

    title: str
    build: Callable[[Path, int], StreetNet]
    passes: tuple[tuple[str, ...], ...]
    coco: str = "street"
    hold: dict[str, float] = field(default_factory=dict)
    pseudo_labels: bool = False
    untouched: bool = False


def _two_necks(base: Path, garbage_classes: int) -> StreetNet:
    return from_checkpoints(base, None, garbage_classes)


def _shared_neck(base: Path, garbage_classes: int) -> StreetNet:
    return SharedNeck(from_checkpoints(base, None, garbage_classes))


def _one_head(base: Path, garbage_classes: int) -> StreetNet:
    """COCO's head with as many scores more; the garbage branch is the model, the street branch is left unused."""
    net = from_checkpoints(base, None, COCO_CLASSES + garbage_classes)
    with torch.no_grad():
        for ours, theirs in zip(net.garbage.head.cv3, net.street.head.cv3, strict=True):
            ours[-1].weight[:COCO_CLASSES] = theirs[-1].weight
            ours[-1].bias[:COCO_CLASSES] = theirs[-1].bias
    net.garbage = _Kept(net.garbage.layers, net.garbage._save)  # noqa: SLF001 - the same branch, its statistics kept
    return net


_UNHELD = {"share": 0.0}
LAYOUTS: Mapping[str, Layout] = {
    "two_models": Layout("two separate models", _two_necks, (("street",), ("garbage",)), hold=_UNHELD, untouched=True),
    "two_necks": Layout("one backbone, two necks and heads", _two_necks, (("street", "garbage"),)),
    # Held as hard as a neck of its own, the shared one could not change for the garbage classes.
    "shared_neck": Layout(
        "one backbone and neck, two heads", _shared_neck, (("street", "garbage"),), hold={"features": 1.0}
    ),
    "one_head": Layout(
        "one head of 83 classes, pseudo-labels", _one_head, (("garbage",),), "garbage", _UNHELD, pseudo_labels=True
    ),
}


class Pass(nn.Module):
    """One run over an image: the backbone, and the branches that answer with it. Holds no other weights."""

    def __init__(self, net: StreetNet, branches: tuple[str, ...]) -> None:
        super().__init__()
        self.backbone = net.backbone
        self._branches: Iterable[Any] = nn.ModuleList(getattr(net, name) for name in branches)
        self._maps = net.maps

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Take (B, 3, H, W) RGB in 0-1; return each branch's (B, 4 + C, A)."""
        maps = self._maps(images)
        return tuple(branch.decode(branch(maps)) for branch in self._branches)
