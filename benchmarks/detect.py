"""`vision bench detect`: what the batcher makes of the runtime's own limit, and the back ends side by side."""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import openvino as ov

from benchmarks import harness
from benchmarks.harness import Result
from vision.core.errors import NotThereError
from vision.core.frames import Image
from vision.core.ports import Detector
from vision.detectors.batcher import Batcher
from vision.detectors.catalogue import CATALOGUE_FILE, find_spec, open_detector
from vision.detectors.spec import ModelSpec

PICTURE_PX = (720, 1280)
_PICTURES = 12
_SHARE = 0.9
_BATCHES = (1, 4, 16)
_WARM_UP = 8


@dataclass(frozen=True, slots=True)
class Speed:
    """One round: images each wall second, and each CPU second of this process (all threads)."""

    images_per_s: float
    images_per_cpu_s: float


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", help="a name in the catalogue (its default without) or an OpenVINO file")
    parser.add_argument("--checkpoint", default="", help="the same as .pt, for the other back ends")
    parser.add_argument("--catalogue", type=Path, default=CATALOGUE_FILE, metavar="FILE", help="a models.yaml")
    parser.add_argument("--clip", type=Path, default=None, help="take pictures from this clip (made-up ones without)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured, in turn")
    parser.add_argument("--device", default="cpu", help="device of the torch rows: cpu or cuda")
    parser.add_argument("--no-backends", action="store_true", help="only the batcher against the runtime")


def run(args: argparse.Namespace) -> list[Result]:
    images = _pictures(args.clip)
    rounds, count = (3, 60) if args.quick else (args.rounds, 200)
    spec = find_spec(args.model, "cpu", args.catalogue)
    results = _against_raw(spec, images, rounds, count)
    if not args.quick and not args.no_backends:
        results += _back_ends(args, images, rounds)
    return results


def main(argv: list[str] | None = None) -> int:
    return harness.main("detect", run, extend, argv)


def _against_raw(spec: ModelSpec, images: Sequence[Image], rounds: int, count: int) -> list[Result]:
    """The pipeline (letterbox, inference, decoding, suppression, futures) and the bare runtime, in turn."""
    raw = _raw_rounds(spec)
    detector = open_detector(spec, device="cpu")
    batcher = Batcher(detector, capacity=count)
    _through(batcher, images, _WARM_UP)
    pairs = [(raw(count), _through(batcher, images, count)) for _ in range(rounds)]
    batcher.close()
    raws, ours = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    share = median(b.images_per_cpu_s / a.images_per_cpu_s for a, b in pairs)
    wall_share = median(b.images_per_s / a.images_per_s for a, b in pairs)
    print(f"{detector.version}: {rounds} rounds of {count} pictures of {images[0].shape[1]}×{images[0].shape[0]} each")
    return [
        Result("raw_images_per_cpu_s", median(one.images_per_cpu_s for one in raws), "images/CPU s"),
        Result("pipeline_images_per_cpu_s", median(one.images_per_cpu_s for one in ours), "images/CPU s"),
        harness.at_least("pipeline_share_of_raw", share, "of CPU time", _SHARE),
        Result("raw_images_per_s", median(one.images_per_s for one in raws), "images/s"),
        Result("pipeline_images_per_s", median(one.images_per_s for one in ours), "images/s"),
        Result("pipeline_share_of_raw_wall", wall_share, "of wall time"),
    ]


def _raw_rounds(spec: ModelSpec) -> Callable[[int], Speed]:
    """OpenVINO alone, as its benchmark_app runs a model: throughput hint, asynchronous requests, one ready input."""
    network = ov.Core().read_model(spec.file)
    shape = [1, *(side.get_length() for side in list(network.input(0).partial_shape)[1:])]
    network.reshape({network.input(0): shape})
    compiled = ov.Core().compile_model(network, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
    requests = ov.AsyncInferQueue(compiled)
    for request in requests:
        request.get_input_tensor().data[:] = np.random.default_rng(1).random(shape, np.float32)

    def once(count: int) -> Speed:
        return _timed(count, lambda: _flood(requests, count))

    once(_WARM_UP)
    return once


def _flood(requests: Any, count: int) -> None:
    for _ in range(count):
        requests.start_async()
    requests.wait_all()


def _through(batcher: Batcher, images: Sequence[Image], count: int) -> Speed:
    def work() -> None:
        futures = [batcher.submit(images[index % len(images)], "bench") for index in range(count)]
        for future in futures:
            future.result()

    return _timed(count, work)


def _timed(count: int, work: Callable[[], None]) -> Speed:
    wall, cpu = time.perf_counter(), harness.cpu_seconds()
    work()
    return Speed(count / (time.perf_counter() - wall), count / (harness.cpu_seconds() - cpu))


def _back_ends(args: argparse.Namespace, images: Sequence[Image], rounds: int) -> list[Result]:
    """One checkpoint in full precision through every back end, in turn; and torch by size of batch."""
    if importlib.util.find_spec("torch") is None:
        print("back ends: only OpenVINO, torch is not installed")
        return []
    from vision.detectors.export import export

    spec = find_spec(args.checkpoint or args.model, "cuda", args.catalogue)
    if spec.kind != "ultralytics":
        print(f"back ends: left out, {spec.name} has no .pt (name one with --checkpoint)")
        return []
    with tempfile.TemporaryDirectory() as folder:
        xml = export(spec, Path(folder) / "openvino")
        onnx = export(spec, Path(folder) / "onnx", to="onnx")
        opened: dict[str, Detector] = {
            "openvino_f32": open_detector(xml, device="cpu", precision="f32"),
            "openvino_bf16": open_detector(xml, device="cpu", precision="bf16"),
            "onnx_f32": open_detector(onnx, device="cpu"),
            f"torch_{args.device}": open_detector(spec, device=args.device),
        }
        results = _side_by_side(opened, images, rounds)
        results += _by_batch(opened[f"torch_{args.device}"], images, args.device)
        for detector in opened.values():
            detector.close()
    return results


def _side_by_side(opened: dict[str, Detector], images: Sequence[Image], rounds: int) -> list[Result]:
    batchers = {name: Batcher(detector, max_batch=8) for name, detector in opened.items()}
    speeds: dict[str, list[Speed]] = {name: [] for name in opened}
    for batcher in batchers.values():
        _through(batcher, images, _WARM_UP)
    for _ in range(rounds):
        for name, batcher in batchers.items():
            speeds[name].append(_through(batcher, images, len(images)))
    results = []
    for name, rows in speeds.items():
        results += [
            Result(f"{name}_images_per_cpu_s", median(one.images_per_cpu_s for one in rows), "images/CPU s"),
            Result(f"{name}_images_per_s", median(one.images_per_s for one in rows), "images/s"),
        ]
    return results


def _by_batch(detector: Detector, images: Sequence[Image], device: str) -> list[Result]:
    """Throughput and latency of whole `detect` calls, letterboxing and decoding included."""
    results = []
    for size in _BATCHES if device == "cpu" else (*_BATCHES, 32, 64):
        batch = [images[index % len(images)] for index in range(size)]
        detector.detect(batch)
        took_s = []
        for _ in range(2 if device == "cpu" else 20):
            began = time.perf_counter()
            detector.detect(batch)
            took_s.append(time.perf_counter() - began)
        results += [
            Result(f"torch_{device}_batch{size}_images_per_s", size / median(took_s), "images/s"),
            Result(f"torch_{device}_batch{size}_latency_ms", 1000 * median(took_s), "ms"),
        ]
    return results


def _pictures(clip: Path | None) -> list[Image]:
    """Evenly from a clip; else smooth made-up ones, which cost the same to scale and show nothing to detect."""
    if clip is None:
        rng = np.random.default_rng(7)
        coarse = rng.integers(0, 255, (_PICTURES, 9, 16, 3), np.uint8)
        return [_uint8(cv2.resize(one, PICTURE_PX[::-1], interpolation=cv2.INTER_CUBIC)) for one in coarse]
    capture = cv2.VideoCapture(str(clip))
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    found: list[Image] = []
    for index in range(_PICTURES):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index * frames // _PICTURES)
        read, picture = capture.read()
        if read:
            found.append(_uint8(picture))
    capture.release()
    if not found:
        raise NotThereError(f"{clip}: no clip that can be read is there")
    return found


def _uint8(picture: Any) -> Image:
    image: Image = picture
    return image
