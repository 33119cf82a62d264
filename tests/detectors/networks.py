"""Tiny real networks for tests, in every format: a whole-picture box per colour, scored by how much of it there is.

Output (1, 4 + 3, 12) in Ultralytics' layout: the first anchor's box is the middle of the input, its scores are the
means of the red, green and blue channels in 0-1.
"""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

COLOURS = ("red", "green", "blue")
ANCHORS = 12
INPUT_PX = 64


def save_colour_network(folder: Path, name: str = "colours", classes: tuple[str, ...] = COLOURS) -> Path:
    """As OpenVINO IR, with a metadata.yaml that names the classes."""
    picture = ops.parameter([1, 3, INPUT_PX, INPUT_PX], np.float32, name="images")
    mean = ops.reshape(ops.reduce_mean(picture, np.array([2, 3]), keep_dims=False), np.array([1, 3, 1]), False)
    scores = ops.multiply(mean, ops.constant(first_anchor()))
    out = ops.concat([ops.constant(middle_box()), scores], axis=1)
    out.output(0).set_names({"street"})
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.xml"
    ov.save_model(ov.Model([out], [picture], name), file)
    listed = "\n".join(f"  {index}: {label}" for index, label in enumerate(classes))
    (folder / "metadata.yaml").write_text(f"version: 1\nnames:\n{listed}\n", encoding="utf-8")
    return file


def save_failing_network(folder: Path) -> Path:
    """OpenVINO IR that fails on a picture whose first pixel is red, and else sees nothing: (1, 7, 12)."""
    picture = ops.parameter([1, 3, INPUT_PX, INPUT_PX], np.float32, name="images")
    flat = ops.reshape(picture, np.array([1, -1]), False)
    red = ops.convert(ops.round(ops.gather(flat, np.array([0]), np.array(1)), "half_to_even"), "i64")
    rows = ops.add(ops.constant(np.array([7], np.int64)), ops.reshape(red, np.array([1]), False))
    shape = ops.concat([ops.constant(np.array([1], np.int64)), rows, ops.constant(np.array([ANCHORS], np.int64))], 0)
    table = ops.reshape(ops.gather(flat, np.arange(7 * ANCHORS), np.array(1)), shape, False)
    total = ops.reduce_sum(table, np.array([0, 1, 2]), keep_dims=True)
    out = ops.multiply(total, ops.constant(np.zeros((1, 7, ANCHORS), np.float32)))
    file = folder / "failing.xml"
    ov.save_model(ov.Model([out], [picture], "failing"), file)
    (folder / "metadata.yaml").write_text("names: [red, green, blue]\n", encoding="utf-8")
    return file


def save_colour_onnx(folder: Path, classes: tuple[str, ...] = COLOURS) -> Path:
    """As ONNX, with the classes inside as Ultralytics writes them."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["column"]),
        helper.make_node("Mul", ["column", "first"], ["scores"]),
        helper.make_node("Concat", ["box", "scores"], ["output0"], axis=1),
    ]
    constants: dict[str, NDArray[Any]] = {
        "axes": np.array([2, 3], np.int64),
        "shape": np.array([1, 3, 1], np.int64),
        "first": first_anchor(),
        "box": middle_box(),
    }
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, INPUT_PX, INPUT_PX])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, 7, ANCHORS])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"names": str(dict(enumerate(classes)))})
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "colours.onnx"
    onnx.save(model, file)
    return file


def save_colour_checkpoint(folder: Path, classes: tuple[str, ...] = COLOURS) -> Path:
    """As a checkpoint like Ultralytics' own: a pickled module in a dictionary."""
    import torch  # takes seconds, and most tests need the other formats

    from tests.detectors.colour_net import ColourNet

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "colours.pt"
    torch.save({"model": ColourNet(classes), "version": "1"}, file)
    return file


def first_anchor() -> NDArray[np.float32]:
    first = np.zeros((1, 1, ANCHORS), np.float32)
    first[..., 0] = 1
    return first


def middle_box() -> NDArray[np.float32]:
    box = np.zeros((1, 4, ANCHORS), np.float32)
    box[0, :, 0] = INPUT_PX / 2, INPUT_PX / 2, INPUT_PX / 2, INPUT_PX / 4
    return box
