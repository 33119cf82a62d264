"""Fixed-camera footage that stands for hours: sites, their looks to and fro, and light, noise and shake put over them.

A clip of seconds is looped, so it shows the same passers-by again and again: figures from it say "looped".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from math import pi, sin
from pathlib import Path
from random import Random

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.clock import Clock
from vision.core.detections import Detections
from vision.core.errors import NotThereError
from vision.core.frames import Frame, Image, TimeSource
from vision.core.geometry import Box, Polygon
from vision.core.ports import Detector
from vision.core.registry import Camera, SourceKind
from vision.detectors.change_memory import shake
from vision.pipeline.draw import shrunk
from vision.sandbox import injection as synthetic
from vision.sandbox.injection import GroundPlane
from vision.streams.files import FileSource
from vision.testing import EPOCH, ManualClock

LOOK_PX = 640
_NOISE_PX = 512
_SWING_S = 1800.0
_SHAKE_S = 30.0
_NIGHT_COLOUR = 0.5
_STEADYING_PX = 480


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a camera's pictures differ from the clip's own; the same at the same scene time.

    Attributes:
        name: what figures and sheets call it.
        gain: share of the brightness that is left; below 0.6 half of the colour goes too, as by lamp light.
        swing: share by which the light rises and falls within half an hour.
        noise_levels: standard deviation of a sensor's noise, grey levels.
        shake_px: how far a swaying mast moves the picture each way, at 640 px of width.
    """

    name: str = "as filmed"
    gain: float = 1.0
    swing: float = 0.0
    noise_levels: float = 0.0
    shake_px: float = 0.0


AS_FILMED = Conditions()
NIGHT = Conditions("at night", gain=0.35, noise_levels=4.0)
VARIED = (
    Conditions("clouds", swing=0.25, noise_levels=2.0, shake_px=1.0),
    Conditions("lamps", gain=0.35, swing=0.15, noise_levels=4.0, shake_px=1.0),
    Conditions("gusts", swing=0.5, noise_levels=4.0, shake_px=2.0),
)
"""What hours of watching are made of: one third each."""


@dataclass(frozen=True, slots=True)
class Site:
    """A piece of ground in a clip where something can be put.

    Attributes:
        from_s: where the clip's steady view begins.
        steadied: the camera wandered; its motion is taken out, for what is put down must not glide over the ground.
    """

    clip: str
    polygon: Polygon
    from_s: float = 0.0
    conditions: Conditions = AS_FILMED
    night: bool = False
    steadied: bool = False

    @property
    def name(self) -> str:
        place = self.clip.split("_")[0]
        return place if self.conditions == AS_FILMED else f"{place} {self.conditions.name}"


@dataclass(slots=True)
class Street:
    """A clip's looks, what is known of its ground, and who walks where in it.

    Attributes:
        pictures: looks as the detector takes them; `empty` is what they show without anybody.
        seen: what is detected in each look.
        sharp: the looks as filmed, where that is larger; `sharp_empty` belongs to them.
    """

    site: Site
    pictures: list[Image]
    people: list[tuple[Box, ...]]
    empty: Image
    plane: GroundPlane
    seen: list[Detections]
    sharp: list[Image] = field(default_factory=list)
    sharp_empty: Image | None = None

    def as_filmed(self, look: int) -> tuple[Image, Image]:
        """The look's picture and the empty street, both as large as there are."""
        if self.sharp_empty is None:
            return self.pictures[self.index(look)], self.empty
        return self.sharp[self.index(look)], self.sharp_empty

    def size(self) -> tuple[int, int]:
        return self.pictures[0].shape[1], self.pictures[0].shape[0]

    def index(self, look: int) -> int:
        """To and fro through the clip."""
        last = len(self.pictures) - 1
        return last - abs(last - look % (2 * last)) if last else 0


class Remembering:
    """A detector that has seen a street's own pictures before, and computes only what was changed in them."""

    def __init__(self, detector: Detector, where: Street) -> None:
        self._detector, self._where = detector, where
        self._known = {id(picture): seen for picture, seen in zip(where.pictures, where.seen, strict=True)}

    @property
    def names(self) -> tuple[str, ...]:
        return self._detector.names

    @property
    def version(self) -> str:
        return self._detector.version

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        return [
            self._known[id(image)] if id(image) in self._known else self._detector.detect([image])[0]
            for image in images
        ]

    def close(self) -> None:
        """The detector is the caller's."""


def looks(clip: Path, every_s: float, clock: Clock) -> Iterator[Frame]:
    """The clip's looks as a worker gets them."""
    camera = Camera(clip.stem, str(clip), kind=SourceKind.FILE, sample_s=every_s, options=(("pace", "fast"),))
    source = FileSource(camera, clock)
    source.open()
    try:
        yield from source.frames()
    finally:
        source.close()


def length_s(clip: Path) -> float:
    """Raises NotThereError when there is no such clip or it can't be read."""
    try:
        with av.open(str(clip)) as container:
            return float(container.duration or 0) / av.time_base
    except (OSError, av.error.FFmpegError) as error:
        raise NotThereError(f"cannot play {clip}: {error}") from None


def street(site: Site, folder: Path, detector: Detector) -> Street:
    """Read a site's clip; at least twenty looks of it, at most 0.4 s apart.

    Raises:
        NotThereError: there is no such clip.
    """
    clip = folder / site.clip
    if not clip.is_file():
        raise NotThereError(f"there is no clip {clip}")
    frames = looks(clip, max(0.4, min(1.0, length_s(clip) / 20)), ManualClock(EPOCH))
    filmed = [frame.best for frame in frames if frame.pts_s >= site.from_s]
    sharp = [under(image, 0.0, site.conditions) for image in (_steadied(filmed) if site.steadied else filmed)]
    pictures = [shrunk(image, LOOK_PX) for image in sharp]
    seen = [detector.detect([picture])[0] for picture in pictures]
    people = [_people(found, picture) for found, picture in zip(seen, pictures, strict=True)]
    plane = synthetic.ground_plane([box for look in people for box in look])
    every = max(1, len(pictures) // 25)
    made = Street(site, pictures, people, synthetic.background(pictures[::every]), plane, seen)
    if sharp[0].shape != pictures[0].shape:
        made.sharp, made.sharp_empty = sharp, synthetic.background(sharp[::every])
    return made


def looped(where: Street, length_s: float, every_s: float, conditions: Conditions = AS_FILMED) -> Iterator[Frame]:
    """Looks every `every_s` of scene time, to and fro through the clip as often as it takes, under `conditions`."""
    for look in range(int(length_s / every_s) + 1):
        sharp, _empty = where.as_filmed(look)
        if conditions == AS_FILMED:
            yield _frame(where, look, look * every_s, where.pictures[where.index(look)], sharp)
        else:
            yield frame_of(where, look, look * every_s, under(sharp, look * every_s, conditions))


def frame_of(where: Street, look: int, now_s: float, picture: Image) -> Frame:
    """The look that a worker gets of a picture as large as the camera films it."""
    return _frame(where, look, now_s, shrunk(picture, LOOK_PX), picture)


def _frame(where: Street, look: int, now_s: float, image: Image, full: Image) -> Frame:
    captured_at = EPOCH + timedelta(seconds=now_s)
    sharper = None if full.shape == image.shape else full
    return Frame(where.site.clip, "main", 0, look, now_s, captured_at, TimeSource.FILE, image, sharper)


def under(picture: Image, now_s: float, conditions: Conditions) -> Image:
    """The picture as it would look at `now_s` under `conditions`; untouched as filmed."""
    if conditions == AS_FILMED:
        return picture
    gain = conditions.gain * (1 + conditions.swing * sin(2 * pi * now_s / _SWING_S))
    lit = _shaken(picture, now_s, conditions.shake_px * picture.shape[1] / 640).astype(np.float32)
    if conditions.gain < 0.6:
        lit = lit * _NIGHT_COLOUR + lit.mean(axis=2, keepdims=True) * (1 - _NIGHT_COLOUR)
    lit = lit * np.float32(gain) + _noise(picture.shape[:2], now_s) * np.float32(conditions.noise_levels)
    return np.asarray(lit.clip(0, 255), np.uint8)


def _steadied(pictures: Sequence[Image]) -> list[Image]:
    """Every picture moved to where the middle one was filmed from."""
    scale = pictures[0].shape[1] / _STEADYING_PX
    middle = _small(pictures[len(pictures) // 2])
    moves = [shake(_small(picture), middle) for picture in pictures]
    return [_moved(picture, -dx * scale, -dy * scale) for picture, (dx, dy) in zip(pictures, moves, strict=True)]


def _small(picture: Image) -> NDArray[np.float32]:
    high = round(picture.shape[0] * _STEADYING_PX / picture.shape[1])
    small = cv2.resize(picture, (_STEADYING_PX, high), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)


def _moved(picture: Image, dx_px: float, dy_px: float) -> Image:
    matrix = np.array([[1, 0, dx_px], [0, 1, dy_px]])
    size = (picture.shape[1], picture.shape[0])
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _shaken(picture: Image, now_s: float, reach_px: float) -> Image:
    if not reach_px:
        return picture
    random = Random(int(now_s / _SHAKE_S))
    return _moved(picture, random.uniform(-reach_px, reach_px), random.uniform(-reach_px, reach_px))


def _noise(shape: tuple[int, int], now_s: float) -> NDArray[np.float32]:
    """(H, W, 1) of standard deviation 1: one field, begun elsewhere at every look.

    As coarse as a look's pixels, so that a larger picture made small is no less noisy than before.
    """
    random = Random(int(now_s * 10))
    rolled = np.roll(_field(), (random.randrange(_NOISE_PX), random.randrange(_NOISE_PX)), axis=(0, 1))
    scale = min(1.0, LOOK_PX / max(shape))
    height, width = max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
    field_of_look = np.tile(rolled, (-(-height // _NOISE_PX), -(-width // _NOISE_PX)))[:height, :width]
    enlarged = cv2.resize(field_of_look, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(enlarged, np.float32)[..., None]


@lru_cache(maxsize=1)
def _field() -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 1, (_NOISE_PX, _NOISE_PX)).astype(np.float32)


def _people(found: Detections, picture: Image) -> tuple[Box, ...]:
    persons = found.of("person").normalised(picture.shape[1], picture.shape[0])
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in persons)
