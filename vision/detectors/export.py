"""Turns a PyTorch checkpoint into an OpenVINO or ONNX model with its metadata.yaml beside it."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from vision.core.errors import ConfigError, NotThereError
from vision.detectors.labelled import read_picture
from vision.detectors.letterbox import letterboxed
from vision.detectors.modelfile import Metadata, check_files
from vision.detectors.spec import ModelSpec
from vision.detectors.ultralytics import Forward, load_network

_OPSET = 17


def export(
    spec: ModelSpec,
    folder: Path,
    *,
    to: str = "openvino",
    input_px: tuple[int, int] = (640, 640),
    calibration: Sequence[Path] = (),
) -> Path:
    """Write the network of a `.pt` into `folder`, for pictures of `input_px` (height, width), and return its file.

    `to` is openvino or onnx. With `calibration` pictures an OpenVINO model is quantised to int8: weights and
    activations of the convolutions, their ranges measured on those pictures (NNCF post-training quantisation).

    Raises:
        ModelFileError: the checkpoint is missing or damaged, or a calibration picture cannot be read.
        ConfigError: it is no checkpoint, or there is no such format.
    """
    if spec.kind != "ultralytics":
        raise ConfigError(f"{spec.file}: only a .pt checkpoint can be exported")
    if to not in {"openvino", "onnx"}:
        raise ConfigError(f"a model is exported to openvino or onnx, not to {to}")
    check_files(spec)
    network, forward, metadata = load_network(spec)
    wrapped = _Outputs(network, forward).eval()
    example = torch.zeros(1, 3, *input_px)
    names = [name for name in metadata.classes if name] or ["output"]
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():  # not inference_mode: what heads keep from this call goes into the traced network
        wrapped(example)  # heads lay out their anchors on the first picture of a size
    if to == "onnx":
        file = folder / f"{spec.file.stem}.onnx"
        _write_onnx(wrapped, example, file, names)
    else:
        file = folder / f"{spec.file.stem}.xml"
        _write_openvino(wrapped, example, file, names, _calibration(calibration, input_px, spec))
    _write_metadata(folder / "metadata.yaml", spec, metadata, names, input_px)
    return file


class _Outputs(torch.nn.Module):
    """A network that gives its decoded outputs and nothing else."""

    def __init__(self, network: torch.nn.Module, forward: Forward) -> None:
        super().__init__()
        self.network = network
        self._run = forward

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self._run(images))


def _write_onnx(network: torch.nn.Module, example: torch.Tensor, file: Path, names: list[str]) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of shapes it takes as fixed: they are meant to be
        torch.onnx.export(
            network,
            (example,),
            file,
            input_names=["images"],
            output_names=names,
            opset_version=_OPSET,
            dynamic_axes={name: {0: "batch"} for name in ["images", *names]},
            dynamo=False,
        )


def _write_openvino(
    network: torch.nn.Module, example: torch.Tensor, file: Path, names: list[str], pictures: list[Any]
) -> None:
    import openvino as ov

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        shape = [-1, *example.shape[1:]]
        model = ov.convert_model(traced, input=[("images", shape)], example_input=example)
    model.inputs[0].get_tensor().set_names({"images"})
    for output, name in zip(model.outputs, names, strict=True):
        output.get_tensor().set_names({name})
    if pictures:
        model = _quantised(model, pictures)
    ov.save_model(model, file, compress_to_fp16=bool(pictures))


def _quantised(model: Any, pictures: list[Any]) -> Any:
    """Int8, but for what follows a head's last convolutions: its values span the picture, too much for eight bits."""
    try:
        import nncf
    except ImportError:
        raise NotThereError("quantising needs nncf: pip install 'streetward[train]'") from None
    return nncf.quantize(
        model,
        nncf.Dataset(pictures),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(names=decoding_ops(model)),
    )


def decoding_ops(model: Any) -> list[str]:
    """Names of the operations between a head's last convolutions and the network's outputs."""
    found: list[str] = []
    waiting = list(model.get_results())
    seen = set()
    while waiting:
        node = waiting.pop()
        kind, name = node.get_type_name(), node.get_friendly_name()
        if name in seen or (kind.endswith("Convolution") and not _is_distance_sum(node)):
            continue
        seen.add(name)
        if kind not in {"Constant", "Result"}:
            found.append(name)
        waiting += [port.get_source_output().get_node() for port in node.inputs()]
    return found


def _is_distance_sum(node: Any) -> bool:
    """The convolution by which Ultralytics' heads take the mean of a distribution of distances: one output channel."""
    return bool(node.get_type_name() == "Convolution" and node.input(1).get_partial_shape()[0] == 1)


def _calibration(files: Sequence[Path], input_px: tuple[int, int], spec: ModelSpec) -> list[Any]:
    pictures = []
    for file in files:
        fitted, _ = letterboxed(read_picture(file), input_px)
        ordered = fitted if spec.bgr else fitted[..., ::-1]
        pictures.append(np.ascontiguousarray(ordered.transpose(2, 0, 1)[None], np.float32) / spec.divisor)
    return pictures


def _write_metadata(
    file: Path, spec: ModelSpec, metadata: Metadata, names: list[str], input_px: tuple[int, int]
) -> None:
    single = metadata.classes.get("", ())
    document = {
        "name": metadata.name or spec.name,
        "version": spec.version or metadata.version,
        "imgsz": list(input_px),
        "outputs": [{"name": name, "classes": list(metadata.classes.get(name, single))} for name in names],
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
