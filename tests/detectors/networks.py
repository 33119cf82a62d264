"""Tiny real networks for tests: a whole-picture box per colour, scored by how much of that colour there is."""

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

COLOURS = ("red", "green", "blue")
ANCHORS = 12
INPUT_PX = 64


def save_colour_network(folder: Path, name: str = "colours", classes: tuple[str, ...] = COLOURS) -> Path:
    """An OpenVINO IR in Ultralytics' layout, (1, 4 + 3, 12), whose first anchor scores the mean of each channel."""
    picture = ops.parameter([1, 3, INPUT_PX, INPUT_PX], np.float32, name="images")
    mean = ops.reshape(ops.reduce_mean(picture, np.array([2, 3]), keep_dims=False), np.array([1, 3, 1]), False)
    first = np.zeros((1, 1, ANCHORS), np.float32)
    first[..., 0] = 1
    scores = ops.multiply(mean, ops.constant(first))
    box = np.zeros((1, 4, ANCHORS), np.float32)
    box[0, :, 0] = INPUT_PX / 2, INPUT_PX / 2, INPUT_PX / 2, INPUT_PX / 4
    out = ops.concat([ops.constant(box), scores], axis=1)
    out.output(0).set_names({"street"})
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.xml"
    ov.save_model(ov.Model([out], [picture], name), file)
    listed = "\n".join(f"  {index}: {label}" for index, label in enumerate(classes))
    (folder / "metadata.yaml").write_text(f"version: 1\nnames:\n{listed}\n", encoding="utf-8")
    return file
