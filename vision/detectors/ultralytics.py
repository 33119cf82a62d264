"""PyTorch back end, the choice on a GPU: this project's own networks and any Ultralytics detection checkpoint.

On a GPU it runs in half precision with channels last; pictures travel as bytes, and only the best candidates travel
back.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from vision.core.detections import Detections
from vision.core.errors import DetectorError, ModelFileError, NotThereError
from vision.core.frames import Image
from vision.detectors.boxes import gather
from vision.detectors.letterbox import check_image, letterboxed
from vision.detectors.modelfile import Metadata, check_files, names_of, version_of
from vision.detectors.spec import OWN_FORMAT, ModelSpec, label

log = structlog.get_logger()
Forward = Callable[[torch.Tensor], Sequence[torch.Tensor]]
Run = Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
_CHECKPOINTS_BEGIN = (b"PK", b"\x80")  # a zip archive; a bare pickle, as torch wrote them before 1.6
_MAX_BATCH = 64
_INPUT_PX = (640, 640)


class UltralyticsDetector:
    """Runs a checkpoint in batches; `half` is the default on a GPU, where results come in float16's grain."""

    def __init__(self, spec: ModelSpec, *, device: str = "cpu", half: bool | None = None) -> None:
        """Run at the spec's input size, (640, 640) where it names none.

        Raises:
            ModelFileError: the model is missing, damaged or its classes do not fit its outputs.
            NotThereError: the device is not there.
        """
        check_files(spec)
        self._device = _device(device)
        self._type = torch.float16 if (self._device.type == "cuda" if half is None else half) else torch.float32
        self._spec = spec
        input_px = spec.input_px or _INPUT_PX
        network, self._forward, metadata = load_network(spec)
        network.to(device=self._device, dtype=self._type)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
        with torch.inference_mode():
            blank = torch.zeros(1, 3, *input_px, device=self._device, dtype=self._type)
            shapes = [tuple(output.shape[1:]) for output in self._forward(blank)]
        named = metadata.name_outputs(spec.file, list(zip(_output_names(metadata, shapes), shapes, strict=True)))
        self._reading = label(spec, named, input_px)
        self._version = version_of(spec, metadata)
        self._most = _MAX_BATCH

    @property
    def names(self) -> tuple[str, ...]:
        return self._reading.names

    @property
    def version(self) -> str:
        return self._version

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        for image in images:
            check_image(image)
        found: list[Detections] = []
        while len(found) < len(images):
            chunk = images[len(found) : len(found) + self._most]
            fitted = [letterboxed(image, self._reading.input_px) for image in chunk]
            outputs, self._most = fitting(self._run, np.stack([picture for picture, _ in fitted]), self._most)
            for row, (_, place) in enumerate(fitted[: len(outputs[0])]):
                found.append(gather([output[row] for output in outputs], self._reading, place))
        return found

    def close(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _run(self, pictures: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """The output tensors of (B, H, W, 3) uint8 BGR pictures."""
        try:
            with torch.inference_mode():
                batch = torch.from_numpy(pictures).to(self._device, non_blocking=True).permute(0, 3, 1, 2)
                batch = (batch if self._spec.bgr else batch.flip(1)).to(self._type) / self._spec.divisor
                outputs = self._forward(batch.contiguous(memory_format=torch.channels_last))
                if self._device.type == "cuda":
                    outputs = [self._best(output) for output in outputs]
                return [output.float().cpu().numpy() for output in outputs]
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise DetectorError(f"inference failed: {str(error).splitlines()[0]}") from None

    def _best(self, output: torch.Tensor) -> torch.Tensor:
        """The columns of (B, 4 + C, A) with the best scores: 8,400 would be 2.7 MB a picture over the bus."""
        count = self._reading.decoding.candidates
        if output.shape[2] <= count or output.shape[1] < 5:
            return output
        columns = output[:, 4:].amax(dim=1).topk(count, dim=1).indices
        return output.gather(2, columns[:, None].expand(-1, output.shape[1], -1))


def fitting(run: Run, pictures: NDArray[np.uint8], most: int) -> tuple[list[NDArray[np.float32]], int]:
    """The outputs of as many of the first pictures as the device's memory takes, and how many that is at most.

    A batch that does not fit is halved until it does, and later ones begin at that size: a GPU is shared with other
    processes, and a look that fails for its neighbours' sake is a look lost.

    Raises:
        DetectorError: not even one picture fits, or inference fails.
    """
    count = min(most, len(pictures))
    while True:
        try:
            return run(pictures[:count]), most
        except torch.OutOfMemoryError as error:
            if count == 1:
                reason = str(error).partition("\n")[0]
                raise DetectorError(f"inference failed: not one picture fits into the memory: {reason}") from None
            count = most = count // 2
            log.warning("batch_halved", pictures=count)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _device(name: str) -> torch.device:
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise NotThereError(f"device {name}: this machine has no CUDA GPU that torch can use")
    try:
        return torch.device(name)
    except RuntimeError:
        raise NotThereError(f"device {name}: torch knows no such device") from None


def load_network(spec: ModelSpec) -> tuple[torch.nn.Module, Forward, Metadata]:
    """The network, how to run it (decoded outputs without the rest), and its class names."""
    content = _plain_content(spec)
    if isinstance(content, Mapping) and content.get("format") == OWN_FORMAT:
        from vision.detectors.street_net import load_pt

        try:
            net, described = load_pt(spec.file)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelFileError(f"{spec.file}: not a whole checkpoint: {str(error).splitlines()[0]}") from None
        classes = {one["name"]: tuple(one["classes"]) for one in described["outputs"]}
        net.fuse()
        metadata = Metadata(str(described.get("name", "")), str(described.get("version", "")), classes)
        return net, lambda batch: [net.decoded(batch)[name] for name in classes], metadata
    return _load_checkpoint(spec)


def _plain_content(spec: ModelSpec) -> Any:
    """What the file holds if it is plain data; None if it also holds code, as Ultralytics' own do."""
    try:
        with spec.file.open("rb") as stream:
            begins = stream.read(2)
        if not begins.startswith(_CHECKPOINTS_BEGIN):
            raise ModelFileError(
                f"{spec.file}: is no PyTorch checkpoint, expected a .pt as torch or Ultralytics writes it"
            )
        return torch.load(spec.file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return None
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise ModelFileError(f"{spec.file}: is cut off or no PyTorch checkpoint: {_first_sentence(error)}") from None


def _first_sentence(error: Exception) -> str:
    """Torch's own words go on for a paragraph."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.partition(". ")[0]


def _load_checkpoint(spec: ModelSpec) -> tuple[torch.nn.Module, Forward, Metadata]:
    """An Ultralytics checkpoint. It is a pickle, which runs code of its maker's choosing: the log says so."""
    from vision.detectors.torch_compat import ensure_torchvision

    ensure_torchvision()
    log.warning("checkpoint_with_code_loaded", file=str(spec.file))
    try:
        content = torch.load(spec.file, map_location="cpu", weights_only=False)
        network = (content.get("ema") or content["model"]).float()
        task = getattr(network, "task", "detect")
        names = names_of(network.names, spec.file)
    except (
        pickle.UnpicklingError,
        EOFError,
        RuntimeError,
        ImportError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        reason = _first_sentence(error)
        raise ModelFileError(f"{spec.file}: not an Ultralytics detection checkpoint: {reason}") from None
    if task != "detect":
        raise ModelFileError(f"{spec.file}: is a {task} model, expected a detection one")
    network = network.fuse(verbose=False).eval()
    metadata = Metadata("", str(content.get("version", "")), {"": names})
    return network, lambda batch: [network(batch)[0]], metadata


def _output_names(metadata: Metadata, shapes: Sequence[tuple[int, ...]]) -> list[str]:
    described = [name for name in metadata.classes if name]
    return described or [str(index) for index in range(len(shapes))]
