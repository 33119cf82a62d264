"""Ways of telling what is new in a place and has stayed, behind one seam: ours, classical dual backgrounds, features.

Every one is given the same looks, the same passers-by to leave out and the same limits of size and compactness, so
that what is compared is how a method compares pictures and what it remembers. "Dual" is after Porikli et al. (EURASIP
JASP 2008:197875): foreground to a long memory and background to a short one has come and stayed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from vision.core.frames import Image
from vision.core.geometry import Box, Polygon, iou
from vision.core.registry import Zone, ZoneKind
from vision.detectors.change import ChangeDetector
from vision.detectors.change_memory import Mask
from vision.detectors.change_regions import regions
from vision.detectors.change_settings import ChangeSettings
from vision.detectors.letterbox import Letterbox, letterboxed
from vision.testing import EPOCH

LIMITS = ChangeSettings()
_WARM_LOOKS = 24
_SHORT_S = 20.0
_LONG_S = 7200.0  # a mixture takes in what has a tenth of its weight: after an eighth of this
_AVERAGE_S = 900.0
_STAYED_LOOKS = 3
_FOREGROUND = 255  # 127 is what the mixtures take for a shadow
_FAST = np.float32(0.4)  # of the way at each look
_SAME_IOU = 0.25
_STEADY_FEATURES = 0.7  # of the threshold

Features = NDArray[np.float32]
"""(C, h, w), unit length along C, and how it lies in the picture is the letterbox's."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One sample. `image`: (H, W, 3) uint8 BGR. `covers`: people and vehicles, 0–1. `features`: P3 and P4, if made."""

    at_s: float
    image: Image
    covers: tuple[Box, ...]
    features: tuple[NDArray[np.float32], ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a method says stands there now. `since_s`: scene time, by a method that says since when it is the same."""

    box: Box
    covered: bool = False
    since_s: float | None = None


class Method(Protocol):
    """One view's watcher."""

    def look(self, look: Look) -> list[Standing]:
        """Take one look in; what is new and has stayed."""
        ...


class Ours:
    """The product's own."""

    def __init__(self, polygon: Polygon, settings: ChangeSettings | None = None) -> None:
        self._detector = ChangeDetector([Zone("z", ZoneKind.KEEP_CLEAR, polygon)], settings)

    def look(self, look: Look) -> list[Standing]:
        found = self._detector.update(EPOCH + timedelta(seconds=look.at_s), look.image, look.covers)
        return [Standing(t.box, t.covered, (t.first_seen - EPOCH).total_seconds()) for t in found]


class _Pixels:
    """What the pixel methods share: the working picture, evidence that something stays, and regions of it."""

    def __init__(self, polygon: Polygon) -> None:
        self._polygon = polygon
        self._evidence: NDArray[np.int32] = np.zeros((1, 1), np.int32)
        self._last: Image | None = None
        self._ground: Mask = np.zeros((1, 1), np.bool_)
        self._last_s, self._looks = 0.0, 0

    def working(self, look: Look) -> tuple[Image, Mask]:
        """The small picture, passers-by replaced by what was last seen there, and where nobody was."""
        height, width = look.image.shape[:2]
        scale = min(1.0, LIMITS.width_px / width)
        small = cv2.resize(look.image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        picture = np.asarray(small, np.uint8)
        visible = unhidden(picture.shape[:2], look.covers)
        if self._last is None:
            self._evidence = np.zeros(visible.shape, np.int32)
            self._ground = filled(self._polygon, visible.shape)
        else:
            picture = np.where(visible[..., None], picture, self._last)
        self._last = picture
        self._looks += 1
        return picture, visible

    def rate(self, look: Look, constant_s: float) -> float:
        """By scene time; the first looks count alike."""
        wanted = 1 - float(np.exp(-(look.at_s - self._last_s) / constant_s))
        return max(wanted, 1 / self._looks) if self._looks <= _WARM_LOOKS else wanted

    def standing(self, look: Look, came: Mask, visible: Mask) -> list[Standing]:
        self._last_s = look.at_s
        self._evidence = np.where(
            visible, np.where(came, np.minimum(self._evidence + 1, _STAYED_LOOKS), self._evidence - 1), self._evidence
        ).clip(0)
        stayed = (self._evidence >= _STAYED_LOOKS) & self._ground
        return boxes_of(stayed)


class DualMixture(_Pixels):
    """Two of OpenCV's background models, MOG2 (Zivkovic, ICPR 2004) or KNN (Zivkovic & van der Heijden, PRL 2006)."""

    def __init__(self, polygon: Polygon, make: Callable[[], Any]) -> None:
        super().__init__(polygon)
        self._long, self._short = make(), make()

    def look(self, look: Look) -> list[Standing]:
        picture, visible = self.working(look)
        new = self._long.apply(picture, learningRate=self.rate(look, _LONG_S)) == _FOREGROUND
        moving = self._short.apply(picture, learningRate=self.rate(look, _SHORT_S)) == _FOREGROUND
        return self.standing(look, np.asarray(new & ~moving, np.bool_), visible)


class RunningAverage(_Pixels):
    """Two running averages of the brightness."""

    def __init__(self, polygon: Polygon, threshold: float) -> None:
        super().__init__(polygon)
        self._threshold = np.float32(threshold)
        self._slow: NDArray[np.float32] | None = None
        self._fast: NDArray[np.float32] | None = None

    def look(self, look: Look) -> list[Standing]:
        picture, visible = self.working(look)
        grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (0, 0), 1.0), np.float32)
        if self._slow is None or self._fast is None:
            self._slow, self._fast = grey.copy(), grey.copy()
        new = np.abs(grey - self._slow) > self._threshold
        moving = np.abs(grey - self._fast) > self._threshold
        self._slow += (grey - self._slow) * np.float32(self.rate(look, _AVERAGE_S))
        self._fast += (grey - self._fast) * np.float32(self.rate(look, _SHORT_S))
        return self.standing(look, np.asarray(new & ~moving, np.bool_), visible)


class BackboneFeatures:
    """Cosine distance of the network's own P3 and P4 maps from a slowly learnt reference."""

    def __init__(self, polygon: Polygon, threshold: float) -> None:
        self._polygon, self._threshold = polygon, threshold
        self._reference: list[Features] = []
        self._fast: list[Features] = []
        self._seen: Mask = np.zeros((1, 1), np.bool_)
        self._changed: Mask = np.zeros((1, 1), np.bool_)
        self._new: NDArray[np.float32] = np.zeros((1, 1), np.float32)
        self._looks, self._last_s = 0, 0.0

    def look(self, look: Look) -> list[Standing]:
        maps = [_unit(_cropped(one, look.image.shape[:2])) for one in look.features]
        shape = maps[0].shape[1:]
        visible = unhidden(shape, look.covers)
        if not self._reference:
            self._reference, self._fast = [one.copy() for one in maps], [one.copy() for one in maps]
            self._seen, self._changed = visible.copy(), np.zeros(shape, np.bool_)
        self._looks += 1
        gap_s, self._last_s = look.at_s - self._last_s, look.at_s
        for now, fast in zip(maps, self._fast, strict=True):
            np.add(fast, (now - fast) * (_FAST * _sized(visible, now)), out=fast)
        self._new = new = self.distance(self._fast, self._reference)
        moving = self.distance(maps, self._fast) > _STEADY_FEATURES * self._threshold
        # What somebody hides is as it was last seen.
        self._changed = changed = np.where(visible, (new > self._threshold) & ~moving & self._seen, self._changed)
        self._learn(maps, visible, changed, gap_s)
        stayed = changed & filled(self._polygon, shape)
        picture = cv2.resize(
            stayed.astype(np.uint8), (LIMITS.width_px, _height(look.image)), interpolation=cv2.INTER_NEAREST
        )
        return boxes_of(picture > 0)

    def _learn(self, maps: Sequence[Features], visible: Mask, changed: Mask, gap_s: float) -> None:
        rate = max(1 - float(np.exp(-gap_s / LIMITS.follow_s)), 1 / self._looks if self._looks <= _WARM_LOOKS else 0)
        slow = 1 - float(np.exp(-gap_s / _LONG_S))
        rates = np.where(visible, np.where(changed, slow, rate), 0.0).astype(np.float32)
        rates = np.where(visible & ~self._seen, np.float32(1), rates)
        self._seen |= visible
        for now, reference in zip(maps, self._reference, strict=True):
            np.add(reference, (now - reference) * _sized(rates, now), out=reference)

    def changed(self, box: Box) -> float:
        """Mean distance of the more changed half of a box from the reference, as of the last look."""
        height, width = self._new.shape
        rows = slice(int(box[1] * height), max(int(box[1] * height) + 1, int(np.ceil(box[3] * height))))
        columns = slice(int(box[0] * width), max(int(box[0] * width) + 1, int(np.ceil(box[2] * width))))
        inside = np.sort(self._new[rows, columns].ravel())
        return float(inside[inside.size // 2 :].mean())

    def distance(self, now: Sequence[Features], before: Sequence[Features]) -> NDArray[np.float32]:
        """(h, w) of P3: one minus the cosine, the mean of both maps, less the whole view's own (its light)."""
        shape = now[0].shape[1:]
        far = np.zeros(shape, np.float32)
        for a, b in zip(now, before, strict=True):
            cosine = (a * b).sum(axis=0) / np.maximum(np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0), 1e-6)
            far += cv2.resize(np.asarray(1 - cosine, np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
        far /= len(now)
        return far - np.float32(np.median(far))


class Confirmed:
    """Ours, told only where the network's features have changed as well; what was once confirmed stays so."""

    def __init__(self, polygon: Polygon, threshold: float) -> None:
        self._ours, self._features = Ours(polygon), BackboneFeatures(polygon, threshold)
        self._threshold = threshold
        self._sure = list[Box]()

    def look(self, look: Look) -> list[Standing]:
        told = self._ours.look(look)
        self._features.look(look)
        sure = [one for one in told if self._known(one.box) or self._features.changed(one.box) > self._threshold]
        self._sure = [one.box for one in sure]
        return sure

    def _known(self, box: Box) -> bool:
        return any(iou(box, other) >= _SAME_IOU for other in self._sure)


class Backbone:
    """The detector's network, ended where its P3 and P4 maps leave the backbone."""

    def __init__(self, model: Path, layers: Sequence[int] = (4, 6)) -> None:
        core = ov.Core()
        network = core.read_model(model)
        wanted = [_leaving(network, layer) for layer in layers]
        cut = ov.Model(wanted, network.get_parameters(), "backbone")
        self._input_px = (640, 640)
        cut.reshape({cut.input(0): [1, 3, *self._input_px]})
        steps = PrePostProcessor(cut)
        port = steps.input(0)
        port.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
        port.model().set_layout(ov.Layout("NCHW"))
        port.preprocess().convert_element_type(ov.Type.f32).convert_color(ColorFormat.RGB).scale(255)
        self._compiled = core.compile_model(steps.build(), "CPU")

    def maps(self, image: Image) -> tuple[NDArray[np.float32], ...]:
        """P3 (C, 80, 80) and P4 (C, 40, 40) of the letterboxed picture."""
        answer = self._compiled(letterboxed(image, self._input_px)[0][None])
        return tuple(np.array(answer[i][0], np.float32) for i in range(len(self._compiled.outputs)))


def methods(polygon: Polygon, thresholds: Mapping[str, float], factors: Sequence[float] = (1.0,)) -> dict[str, Method]:
    """Ours and every other for one view, by the name that the table gives them; the others at each factor."""
    found: dict[str, Method] = {"ours": Ours(polygon)}
    for name, threshold in thresholds.items():
        for factor in factors:
            label = name if factor == 1 else f"{name}_x{factor:g}"
            found[label] = _method(name, polygon, threshold * factor)
    return found


def _method(name: str, polygon: Polygon, threshold: float) -> Method:
    if name == "mog2_dual":
        return DualMixture(polygon, lambda: cv2.createBackgroundSubtractorMOG2(varThreshold=threshold))
    if name == "knn_dual":
        return DualMixture(polygon, lambda: cv2.createBackgroundSubtractorKNN(dist2Threshold=threshold))
    if name == "average_dual":
        return RunningAverage(polygon, threshold)
    return Confirmed(polygon, threshold) if name == "confirmed" else BackboneFeatures(polygon, threshold)


def boxes_of(stayed: Mask) -> list[Standing]:
    """Regions as large, thick and compact as ours have to be."""
    opened = cv2.morphologyEx(stayed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    plane = opened.astype(np.float32)
    return [Standing(region.box) for region in regions(np.asarray(opened, np.bool_), plane, plane, plane, LIMITS)]


def unhidden(shape: tuple[int, ...], covers: Sequence[Box]) -> Mask:
    """Where nobody stands, an eighth of each box's size around it left out too."""
    height, width = shape[:2]
    visible = np.ones((height, width), np.bool_)
    for x1, y1, x2, y2 in covers:
        dx, dy = (x2 - x1) / 8 + 2 / width, (y2 - y1) / 8 + 2 / height
        rows = slice(max(0, int((y1 - dy) * height)), max(0, int(np.ceil((y2 + dy) * height))))
        visible[rows, max(0, int((x1 - dx) * width)) : max(0, int(np.ceil((x2 + dx) * width)))] = False
    return visible


def filled(polygon: Polygon, shape: tuple[int, ...]) -> Mask:
    plane = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(plane, [np.round(np.array(polygon) * (shape[1], shape[0])).astype(np.int32)], 1)
    return np.asarray(plane > 0, np.bool_)


def _leaving(network: Any, layer: int) -> Any:
    """The output of a backbone layer: what its last convolution's activation gives, by the name that export kept."""
    name = f"__module.net.backbone.{layer}.cv2.conv/aten::_convolution/Add"
    found = next((op for op in network.get_ordered_ops() if op.get_friendly_name() == name), None)
    if found is None:
        raise ValueError(f"the network has no operation {name}")
    (activation,) = {target.get_node() for target in found.output(0).get_target_inputs()}
    return activation.output(0)


def _cropped(one: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """A map without the letterbox's margin."""
    place = Letterbox.of(size[1], size[0], (one.shape[1], one.shape[2]))
    rows = slice(place.y_px, place.y_px + place.fit_height_px)
    return one[:, rows, place.x_px : place.x_px + place.fit_width_px]


def _unit(one: NDArray[np.float32]) -> Features:
    return np.asarray(one / np.maximum(np.linalg.norm(one, axis=0, keepdims=True), 1e-6), np.float32)


def _sized(plane: NDArray[Any], like: Features) -> NDArray[np.float32]:
    sized = cv2.resize(plane.astype(np.float32), like.shape[:0:-1], interpolation=cv2.INTER_NEAREST)
    return np.asarray(sized, np.float32)


def _height(image: Image) -> int:
    return int(image.shape[0] * LIMITS.width_px / image.shape[1] + 0.5)
