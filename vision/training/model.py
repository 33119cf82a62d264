"""Begin a StreetNet from Ultralytics checkpoints."""

from pathlib import Path

import torch
from torch import nn
from ultralytics.nn.tasks import DetectionModel

from vision.core.errors import ModelFileError
from vision.detectors.street_net import BACKBONE_LAYERS, StreetNet


def from_checkpoints(street: Path, garbage: Path | None, garbage_classes: int) -> StreetNet:
    """Compose a StreetNet from Ultralytics YOLO11n checkpoints.

    Backbone and street branch come from `street`; the garbage branch from `garbage`, or, where that is
    None, from `street` again with a fresh last class layer. Ultralytics checkpoints hold pickled classes:
    load only files you trust. Raises ModelFileError.
    """
    base = _load_checkpoint(street)
    net = StreetNet(base.model[-1].nc, garbage_classes)
    net.backbone.load_state_dict(_slice(base, 0, BACKBONE_LAYERS))
    net.street.layers.load_state_dict(_slice(base, BACKBONE_LAYERS, None))
    donor = base if garbage is None else _load_checkpoint(garbage)
    own, given = net.garbage.layers.state_dict(), _slice(donor, BACKBONE_LAYERS, None)
    fitting = {key: value for key, value in given.items() if own[key].shape == value.shape}
    if garbage is not None and len(fitting) != len(own):
        raise ModelFileError(f"{garbage}: should be a YOLO11n with {garbage_classes} classes")
    net.garbage.layers.load_state_dict(fitting, strict=False)
    return net


def _load_checkpoint(path: Path) -> DetectionModel:
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    model = checkpoint.get("ema") or checkpoint.get("model") if isinstance(checkpoint, dict) else None
    if not isinstance(model, DetectionModel):
        raise ModelFileError(f"{path}: should be an Ultralytics checkpoint of a YOLO11n detector")
    return model.float()


def _slice(model: DetectionModel, first: int, last: int | None) -> dict[str, torch.Tensor]:
    """Return the state of layers [first, last) with the numbering starting at zero."""
    return nn.ModuleList(model.model[first:last]).state_dict()
