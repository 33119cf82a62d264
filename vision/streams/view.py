"""Is the camera still showing the view its zones were drawn on, and can anything be seen in it.

The background's edges are compared with the reference's, block by block, so that light (which changes brightness,
not edges) and passers-by (who hide some blocks) don't matter. Shifts come from phase correlation (Kuglin and
Hines, 1975) and count only when the blocks agree after undoing them.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.frames import Image
from vision.core.geometry import Polygon
from vision.core.registry import View

_Grey = NDArray[np.float32]

_WIDTH_PX = 320
_BLOCK_PX = 20
_STILL = 0.008
"""A shift below this share of the picture matters to no zone."""


class ViewState(StrEnum):
    GOOD = "good"
    SHIFTED = "shifted"  # a little: zones go with it
    MOVED = "moved"  # too far, turned, zoomed, or another scene altogether
    BLURRED = "blurred"
    COVERED = "covered"
    DARK = "dark"
    BRIGHT = "bright"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class ViewVerdict:
    """What a look says of its view.

    Attributes:
        usable: findings may be drawn from it; otherwise zones answer unknown.
        reason: for people; empty when good.
        shift: how far the picture has moved, (right, down) in 0–1 of its width and height.
        agreement: share of the background's blocks that look as in the reference, 0–1.
    """

    state: ViewState
    usable: bool
    reason: str = ""
    shift: tuple[float, float] = (0.0, 0.0)
    agreement: float = 1.0


@dataclass(frozen=True, slots=True)
class ViewLimits:
    """When a view is called what.

    Attributes:
        agree: a block agrees when its edges' correlation with the reference's is at least this.
        same_view: share of agreeing blocks from which it is the same view.
        most_shift: of the width or height; further is moved.
        sharp: edge strength relative to the reference below which a picture is blurred.
        confirm: looks in a row that must say the same before a good view is called bad, or a bad one good.
        frozen_looks: identical pictures in a row that no live camera sends.
        learn: how fast the reference follows the seasons, share per good look.
        young: good looks that a reference must have had; until then, looks that agree with each other and not with
            it replace it, since the first look of all may have been the odd one.
    """

    agree: float = 0.35
    same_view: float = 0.4
    most_shift: float = 0.06
    sharp: float = 0.45
    confirm: int = 2
    frozen_looks: int = 5
    learn: float = 0.02
    young: int = 3


@dataclass(slots=True)
class _Edges:
    """A picture's gradients at work size."""

    x: _Grey
    y: _Grey

    @property
    def magnitude(self) -> _Grey:
        return np.sqrt(self.x * self.x + self.y * self.y)


@dataclass(slots=True)
class ViewGuard:
    """Judges one view's looks, in order. The first look is the reference unless `learn` was given a better one."""

    limits: ViewLimits = field(default_factory=ViewLimits)
    _reference: _Edges | None = None
    _sharpness: float = 0.0
    _where: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), np.bool_))
    _held: ViewVerdict = field(default_factory=lambda: ViewVerdict(ViewState.GOOD, usable=True))
    _doubts: deque[ViewVerdict] = field(default_factory=deque)
    _last: Image | None = None
    _shape: tuple[int, ...] = ()
    _same: int = 0
    _good: int = 0
    learned: int = 0
    """How often the reference was taken anew."""

    def learn(self, *images: Image) -> None:
        """Take the view as it is now for its reference; several looks cancel passers-by out."""
        self.learned += 1
        greys = [_grey(image) for image in images]
        self._shape = images[0].shape
        self._reference = _edges(np.median(np.stack(greys), axis=0).astype(np.float32))
        self._where = _where_edges(images[0])
        self._sharpness = float(np.mean([_fine(image, self._where) for image in images]))
        self._doubts.clear()
        self._good = self.limits.young + 1
        self._held = ViewVerdict(ViewState.GOOD, usable=True)

    def look(self, image: Image) -> ViewVerdict:
        """The verdict after this look; it changes only when `confirm` looks in a row agree on the change."""
        if self._reference is None or image.shape != self._shape:
            self.learn(image)  # the first look, or the camera's resolution was changed
            self._good = 0
        verdict = self._judge(image)
        self._good += verdict.usable
        if verdict.state is self._held.state:
            self._doubts.clear()
            self._held = verdict
            return verdict
        if self._doubts and self._doubts[-1].usable is not verdict.usable:
            self._doubts.clear()
        self._doubts.append(verdict)
        if len(self._doubts) >= self.limits.confirm:
            if verdict.state is ViewState.MOVED and self._good <= self.limits.young:
                self.learn(image)
                self._good = 0
                return self._held
            self._doubts.clear()
            self._held = verdict
            return verdict
        if self._held.usable and not verdict.usable:
            # One look in doubt is not yet an alarm, but nothing should be concluded from it either.
            return replace(verdict, state=self._held.state, reason=f"unsure: {verdict.reason}")
        return self._held

    def _judge(self, image: Image) -> ViewVerdict:
        reference, limits = self._reference, self.limits
        assert reference is not None
        grey = _grey(image)
        for state, found in ((ViewState.FROZEN, self._frozen(image)), *_exposure(grey)):
            if found:
                return ViewVerdict(state, usable=False, reason=found, agreement=0.0)
        edges = _edges(grey)
        agreement = _agreement(reference, edges, limits.agree)
        dx, dy = 0, 0
        if agreement < 0.9:
            found_dx, found_dy = _shift(reference, edges)
            after = _agreement(reference, _undone(edges, found_dx, found_dy), limits.agree)
            if (found_dx or found_dy) and after > agreement + 0.05 and after >= limits.same_view:
                agreement, dx, dy = after, found_dx, found_dy
        height, width = grey.shape
        shift = (dx / width, dy / height)
        scale = self._where.shape[1] / width
        where = np.roll(self._where, (round(dy * scale), round(dx * scale)), axis=(0, 1))
        if agreement < self.limits.same_view:
            where = _where_edges(image)  # another scene has its edges elsewhere
        return self._named(edges, _fine(image, where), agreement, shift)

    def _named(self, edges: _Edges, fine: float, agreement: float, shift: tuple[float, float]) -> ViewVerdict:
        limits = self.limits
        sharpness = fine / max(self._sharpness, 1e-6)
        if sharpness < limits.sharp:
            covered = agreement < limits.same_view
            state = ViewState.COVERED if covered else ViewState.BLURRED
            reason = "something covers the lens" if covered else f"out of focus ({sharpness:.0%} of its sharpness)"
            return ViewVerdict(state, usable=False, reason=reason, agreement=agreement)
        if agreement < limits.same_view:
            reason = f"not the view the zones were drawn on ({agreement:.0%} of it recognised)"
            return ViewVerdict(ViewState.MOVED, usable=False, reason=reason, agreement=agreement)
        far = max(abs(shift[0]), abs(shift[1]))
        if far > limits.most_shift:
            reason = f"the picture has moved by {far:.0%}"
            return ViewVerdict(ViewState.MOVED, usable=False, reason=reason, shift=shift, agreement=agreement)
        if far > _STILL:
            reason = f"the picture has moved by {far:.1%}; zones go with it"
            return ViewVerdict(ViewState.SHIFTED, usable=True, reason=reason, shift=shift, agreement=agreement)
        if agreement > 0.6:
            self._follow(edges, fine)
        return ViewVerdict(ViewState.GOOD, usable=True, agreement=agreement)

    def _follow(self, edges: _Edges, fine: float) -> None:
        """Let the reference follow slow change (leaves, snow, shadows of the season)."""
        reference, rate = self._reference, self.limits.learn
        assert reference is not None
        reference.x += rate * (edges.x - reference.x)
        reference.y += rate * (edges.y - reference.y)
        self._sharpness += rate * (fine - self._sharpness)

    def _frozen(self, image: Image) -> str:
        """Sensor noise makes every live picture differ; identical ones are one picture sent again."""
        last, self._last = self._last, image
        self._same = self._same + 1 if last is not None and np.array_equal(last, image) else 0
        return "the same picture again and again" if self._same >= self.limits.frozen_looks else ""


def moved(view: View, shift: tuple[float, float]) -> View:
    """The view with its zones where they are in a picture that has moved by `shift`."""
    return replace(view, zones=tuple(replace(zone, polygon=_moved(zone.polygon, shift)) for zone in view.zones))


def _moved(polygon: Polygon, shift: tuple[float, float]) -> Polygon:
    return tuple((min(1.0, max(0.0, x + shift[0])), min(1.0, max(0.0, y + shift[1]))) for x, y in polygon)


def _grey(image: Image) -> _Grey:
    height = max(_BLOCK_PX, round(image.shape[0] * _WIDTH_PX / image.shape[1]))
    small = cv2.resize(image, (_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)


def _edges(grey: _Grey) -> _Edges:
    """Gradients at a scale where sensor noise and codec blocks are smoothed away, equalised over the picture."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.2)
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    # Divided by the edge strength around: shadow and sun then weigh the same.
    around = cv2.GaussianBlur(np.sqrt(x * x + y * y), (0, 0), 15) + 4.0
    return _Edges(np.asarray(x / around, np.float32), np.asarray(y / around, np.float32))


def _fine(image: Image, where: NDArray[np.bool_]) -> float:
    """Fine edges relative to coarse ones where the background has edges: falls with blur, not with light."""
    grey = _sharp_grey(image)
    fine = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    smooth = cv2.GaussianBlur(grey, (0, 0), 4)
    coarse = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return float(fine[where].mean() / (coarse[where].mean() + 1.0))


def _sharp_grey(image: Image) -> _Grey:
    """Grey at a size that still has fine edges."""
    width = 2 * _WIDTH_PX
    if image.shape[1] > width:
        image = np.asarray(cv2.resize(image, (width, round(image.shape[0] * width / image.shape[1]))), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)


def _where_edges(image: Image) -> NDArray[np.bool_]:
    """The tenth of the picture with the strongest edges."""
    smooth = cv2.GaussianBlur(_sharp_grey(image), (0, 0), 1.0)
    strength = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(strength >= np.percentile(strength, 90), np.bool_)


def _exposure(grey: _Grey) -> tuple[tuple[ViewState, str], ...]:
    dark = "black picture" if np.percentile(grey, 99) < 30 else ""
    bright = "overexposed" if np.percentile(grey, 40) > 245 else ""
    flat = "something covers the lens" if not dark and not bright and grey.std() < 4.0 else ""
    return ((ViewState.DARK, dark), (ViewState.BRIGHT, bright), (ViewState.COVERED, flat))


def _agreement(reference: _Edges, edges: _Edges, agree: float) -> float:
    """Share of the reference's textured blocks whose gradients point the same way in both."""
    dot = _block_sums(reference.x * edges.x + reference.y * edges.y)
    ours = _block_sums(reference.x**2 + reference.y**2)
    theirs = _block_sums(edges.x**2 + edges.y**2)
    textured = ours > max(0.25 * float(np.median(ours)), 1.0)
    correlation = dot / np.sqrt(ours * theirs + 1e-9)
    return float((correlation[textured] >= agree).mean()) if textured.any() else 0.0


def _block_sums(values: _Grey) -> NDArray[np.float32]:
    rows, columns = values.shape[0] // _BLOCK_PX, values.shape[1] // _BLOCK_PX
    cropped = values[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    return np.asarray(cropped.reshape(rows, _BLOCK_PX, columns, _BLOCK_PX).sum(axis=(1, 3)), np.float32)


def _shift(reference: _Edges, edges: _Edges) -> tuple[int, int]:
    """How far the picture has moved from the reference, work pixels (right, down)."""
    ours, theirs = reference.magnitude, edges.magnitude
    window = cv2.createHanningWindow((ours.shape[1], ours.shape[0]), cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(ours, theirs, window)
    return round(dx), round(dy)


def _undone(edges: _Edges, dx: int, dy: int) -> _Edges:
    """The gradients moved back; what came from outside the picture is empty."""
    return _Edges(_rolled(edges.x, -dx, -dy), _rolled(edges.y, -dx, -dy))


def _rolled(values: _Grey, dx: int, dy: int) -> _Grey:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(values, matrix, (values.shape[1], values.shape[0])), np.float32)
