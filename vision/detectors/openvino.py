"""OpenVINO back end, the default on CPU: asynchronous requests, preprocessing compiled into the network."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError
from vision.core.frames import Image
from vision.detectors.boxes import gather
from vision.detectors.letterbox import PAD_VALUE, Letterbox, check_image, fill
from vision.detectors.modelfile import Metadata, check_files, read_metadata, version_of
from vision.detectors.spec import ModelSpec, NamedOutput, label

Done = Callable[[Detections | DetectorError], None]
_SPARE_REQUESTS = 2  # one being filled and one being read while every stream computes


class OpenVinoDetector:
    """Runs a fixed-size network, one picture a request, as many requests at once as the CPU has streams for.

    `start` hands in one picture and returns at once, so that filling, computing and reading overlap; `detect` is the
    same for a list. Pictures go in as bytes: colour order, scaling and layout are part of the compiled network.
    """

    def __init__(self, spec: ModelSpec, *, device: str = "cpu", precision: str = "auto", threads: int = 0) -> None:
        """`precision`: auto, f32 or bf16 for what is not int8. `threads`: 0 takes every core.

        Raises:
            ModelFileError: the model is missing, damaged or its classes do not fit its outputs.
        """
        check_files(spec)
        network = _read(spec)
        input_px = _input_px(spec, network)
        metadata = read_metadata(spec.file)
        self._reading = label(spec, _named_outputs(spec, network, metadata), input_px)
        self._version = version_of(spec, metadata)
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "THROUGHPUT"}
        if precision != "auto":
            settings["INFERENCE_PRECISION_HINT"] = precision
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        try:
            compiled = ov.Core().compile_model(_with_preprocessing(network, spec), device.upper(), settings)
        except RuntimeError as error:
            raise ModelFileError(f"{spec.file}: OpenVINO cannot compile it: {_first_line(error)}") from None
        self._slots = [
            _Slot(compiled.create_infer_request(), input_px)
            for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + _SPARE_REQUESTS)
        ]
        self._free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for slot in self._slots:
            self._free.put(slot)
        # Waited for one by one, oldest first: the runtime calls no callback for a request that fails.
        self._running: queue.SimpleQueue[_Slot | None] = queue.SimpleQueue()
        self._answers = threading.Thread(target=self._answer, name="openvino-answers", daemon=True)
        self._answers.start()

    @property
    def names(self) -> tuple[str, ...]:
        return self._reading.names

    @property
    def version(self) -> str:
        return self._version

    def start(self, image: Image, done: Done) -> None:
        """Begin one picture; waits only while every request is busy. `done` is called on the answering thread.

        Raises:
            DetectorError: the picture is not an 8-bit colour one; `done` is then never called.
        """
        check_image(image)
        slot = self._free.get()
        slot.load(image, done)
        slot.request.start_async()
        self._running.put(slot)

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        for image in images:
            check_image(image)
        answers: list[Detections | DetectorError] = [DetectorError("the picture was not looked at")] * len(images)
        left = threading.Semaphore(0)

        def done_at(index: int) -> Done:
            def done(answer: Detections | DetectorError) -> None:
                answers[index] = answer
                left.release()

            return done

        for index, image in enumerate(images):
            self.start(image, done_at(index))
        for _ in images:
            left.acquire()
        return [_unless_failed(answer) for answer in answers]

    def close(self) -> None:
        """Answer what is running; the detector is of no use afterwards."""
        self._running.put(None)
        self._answers.join()

    def _answer(self) -> None:
        while (slot := self._running.get()) is not None:
            done = slot.done
            answer: Detections | DetectorError
            try:
                slot.request.wait()
                tensors = [slot.request.get_output_tensor(i).data[0] for i in range(len(self._reading.outputs))]
                answer = gather(tensors, self._reading, slot.place)
            except Exception as error:  # noqa: BLE001 - thread top: the asker gets it as an answer
                answer = DetectorError(f"inference failed: {_first_line(error)}")
            self._free.put(slot)
            done(answer)


class _Slot:
    """A request with its input, (H, W, 3) uint8, and where the picture now in it lies."""

    def __init__(self, request: Any, input_px: tuple[int, int]) -> None:
        self.request = request
        self.place = Letterbox.of(input_px[1], input_px[0], input_px)
        self.done: Done = lambda _answer: None
        self._input_px = input_px
        self._input: NDArray[np.uint8] = request.get_input_tensor().data[0]
        self._input.fill(PAD_VALUE)

    def load(self, image: Image, done: Done) -> None:
        height, width = image.shape[:2]
        if (self.place.width_px, self.place.height_px) != (width, height):
            self.place = Letterbox.of(width, height, self._input_px)
            self._input.fill(PAD_VALUE)
        fill(image, self.place, self._input)
        self.done = done


def _read(spec: ModelSpec) -> Any:
    weights = spec.file.with_suffix(".bin")
    if spec.file.suffix == ".xml" and not weights.is_file():
        raise ModelFileError(f"{weights}: the weights of {spec.file.name} are not there")
    try:
        return ov.Core().read_model(spec.file)
    except RuntimeError as error:
        raise ModelFileError(f"{spec.file}: OpenVINO cannot read it: {_first_line(error)}") from None


def _input_px(spec: ModelSpec, network: Any) -> tuple[int, int]:
    """The network's input size; the batch is fixed at one."""
    shape = network.input(0).partial_shape
    if len(network.inputs) != 1 or len(shape) != 4 or shape[2].is_dynamic or shape[3].is_dynamic:
        raise ModelFileError(f"{spec.file}: should have one input of fixed size (N, 3, H, W), has {shape}")
    height, width = shape[2].get_length(), shape[3].get_length()
    network.reshape({network.input(0): [1, 3, height, width]})
    return height, width


def _named_outputs(spec: ModelSpec, network: Any, metadata: Metadata | None) -> list[NamedOutput]:
    described = set(metadata.classes) if metadata else set()
    found = []
    for index, port in enumerate(network.outputs):
        if port.partial_shape.is_dynamic:
            raise ModelFileError(f"{spec.file}: output {index} has no fixed shape, {port.partial_shape}")
        # A port may carry several names, or none.
        name = next(iter(sorted(port.names & described) or sorted(port.names)), str(index))
        found.append((name, tuple(port.shape)[1:]))
    return metadata.name_outputs(spec.file, found) if metadata else [NamedOutput(name, (), s) for name, s in found]


def _with_preprocessing(network: Any, spec: ModelSpec) -> Any:
    steps = PrePostProcessor(network)
    port = steps.input(0)
    port.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    port.model().set_layout(ov.Layout("NCHW"))
    port.preprocess().convert_element_type(ov.Type.f32)
    if not spec.bgr:
        port.preprocess().convert_color(ColorFormat.RGB)
    port.preprocess().scale(spec.divisor)
    return steps.build()


def _unless_failed(answer: Detections | DetectorError) -> Detections:
    if isinstance(answer, DetectorError):
        raise answer
    return answer


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[0]
