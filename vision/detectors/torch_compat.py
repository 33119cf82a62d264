"""Make torchvision importable beside a torch build that its operators were not compiled for.

torchvision's compiled operators (`nms` above all) load only with the exact torch build they were made
for; with torch's CPU wheel, `import torchvision` stops at "operator torchvision::nms does not exist".
`ensure_torchvision` declares the two missing operators and puts a plain torch version in place of
`torchvision.ops.nms`. Where torchvision works it changes nothing.
"""

import importlib
import sys
from typing import Any

import torch

# A Library's operators vanish when the object is collected, so it has to live as long as the process.
_declared: list[torch.library.Library] = []


def ensure_torchvision() -> bool:
    """Import torchvision, patching it first where its operators are missing.

    Returns whether it had to be patched. Raises ImportError where torchvision is not installed at all.
    """
    if _declared:
        return True
    try:
        importlib.import_module("torchvision.ops")
        _ = torch.ops.torchvision.nms
    except ImportError:
        raise
    except (RuntimeError, AttributeError):
        _patch()
        return True
    return False


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Return indices of the boxes kept by greedy non-maximum suppression, best score first.

    `boxes` is (N, 4) xyxy, `scores` (N,). Same meaning as `torchvision.ops.nms`.
    """
    x1, y1, x2, y2 = boxes.unbind(1)
    area = (x2 - x1) * (y2 - y1)
    order = scores.argsort(descending=True, stable=True)
    keep: list[torch.Tensor] = []
    while order.numel() > 0:
        best, rest = order[0], order[1:]
        keep.append(best)
        width = (torch.minimum(x2[best], x2[rest]) - torch.maximum(x1[best], x1[rest])).clamp_(min=0)
        height = (torch.minimum(y2[best], y2[rest]) - torch.maximum(y1[best], y1[rest])).clamp_(min=0)
        overlap = width * height
        # Written without a division, so that boxes of no area suppress nothing.
        order = rest[overlap <= iou_threshold * (area[best] + area[rest] - overlap)]
    return torch.stack(keep) if keep else order


def _patch() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what a failed import leaves behind
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch leaves it untyped
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _declared.append(library)
    ops: Any = importlib.import_module("torchvision.ops")
    ops.nms = nms
