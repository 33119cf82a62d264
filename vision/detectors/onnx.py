"""ONNX Runtime back end: the portable fallback, and the way in for models of other projects."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError
from vision.core.frames import Image
from vision.detectors.boxes import gather
from vision.detectors.letterbox import check_image, letterboxed
from vision.detectors.modelfile import Metadata, check_files, names_of, read_metadata, version_of
from vision.detectors.spec import ModelSpec, NamedOutput, label

_QUIET = 3  # errors only: the runtime otherwise warns on standard error about what it optimised away
# The runtime's errors share no base class of their own.
_RUNTIME_ERRORS = (
    errors.EPFail,
    errors.EngineError,
    errors.Fail,
    errors.InvalidArgument,
    errors.InvalidGraph,
    errors.InvalidProtobuf,
    errors.NoModel,
    errors.NoSuchFile,
    errors.NotImplemented,
    errors.RuntimeException,
    RuntimeError,
)
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxDetector:
    """Runs a fixed-size ONNX network, in batches where its first axis is free, else picture by picture."""

    def __init__(self, spec: ModelSpec, *, device: str = "cpu", threads: int = 0) -> None:
        """`threads`: 0 takes every core.

        Raises:
            ModelFileError: the model is missing, damaged or its classes do not fit its outputs.
        """
        check_files(spec)
        options = ort.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = threads
        provider = _PROVIDERS.get(device.partition(":")[0], device)
        try:
            self._session = ort.InferenceSession(str(spec.file), options, providers=[provider])
        except _RUNTIME_ERRORS as error:
            raise ModelFileError(f"{spec.file}: ONNX Runtime cannot read it: {_first_line(error)}") from None
        self._input, input_px, self._any_batch = _input(spec, self._session)
        self._spec = spec
        metadata = read_metadata(spec.file) or _embedded_metadata(spec, self._session)
        self._reading = label(spec, self._named_outputs(metadata, input_px), input_px)
        self._version = version_of(spec, metadata)

    @property
    def names(self) -> tuple[str, ...]:
        return self._reading.names

    @property
    def version(self) -> str:
        return self._version

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        if not images:
            return []
        for image in images:
            check_image(image)
        fitted = [letterboxed(image, self._reading.input_px) for image in images]
        blob: NDArray[Any] = cv2.dnn.blobFromImages(
            [picture for picture, _ in fitted], 1 / self._spec.divisor, swapRB=not self._spec.bgr
        )
        together = len(images) if self._any_batch else 1
        found = []
        for first in range(0, len(images), together):
            outputs = self._run(blob[first : first + together])
            for row, (_, place) in enumerate(fitted[first : first + together]):
                found.append(gather([output[row] for output in outputs], self._reading, place))
        return found

    def close(self) -> None:
        """Nothing runs between calls; memory goes with the object."""

    def _named_outputs(self, metadata: Metadata, input_px: tuple[int, int]) -> list[NamedOutput]:
        """Shapes come from a blank picture: exporters leave some without a number."""
        blank: NDArray[np.float32] = np.zeros((1, 3, *input_px), np.float32)
        outputs = self._run(blank)
        found = [
            (port.name, tuple(output.shape[1:]))
            for port, output in zip(self._session.get_outputs(), outputs, strict=True)
        ]
        return metadata.name_outputs(self._spec.file, found)

    def _run(self, blob: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        try:
            outputs: list[NDArray[np.float32]] = self._session.run(None, {self._input: blob})
        except _RUNTIME_ERRORS as error:
            raise DetectorError(f"inference failed: {_first_line(error)}") from None
        return outputs


def _input(spec: ModelSpec, session: Any) -> tuple[str, tuple[int, int], bool]:
    """The input's name, (height, width), and whether it takes any number of pictures at once."""
    inputs = session.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
        raise ModelFileError(f"{spec.file}: should have one input of fixed size (N, 3, H, W), has {shape}")
    return inputs[0].name, (shape[2], shape[3]), not isinstance(shape[0], int)


def _embedded_metadata(spec: ModelSpec, session: Any) -> Metadata:
    """What Ultralytics writes into the file itself; empty where nothing is written."""
    written = session.get_modelmeta().custom_metadata_map
    if "names" not in written:
        return Metadata("", "", {})
    return Metadata("", written.get("version", ""), {"": names_of(written["names"], spec.file)})


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
