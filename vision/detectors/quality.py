"""The image-quality gate: a picture too dark, washed out, blurred or seen through rain says nothing about a street.

Darkness has a floor of its own. Everything else is judged against how sharp the same ground of the same view usually
is: plain asphalt is not a blurred picture, and a sharp picture gone dull is, whatever the camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.core.findings import Why
from vision.core.frames import Image
from vision.core.geometry import Box
from vision.core.scene import Quality

_WIDTH_PX = 320
_ROWS, _COLUMNS = 6, 8

Blocks = NDArray[np.float32]
"""(6, 8), one value for each block of the picture."""


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Attributes:
    dark_level: the picture's brightest hundredth is darker than this (grey levels): nothing can be seen.
    bright_level, bright_share: so large a share brighter than that: washed out.
    flat_levels: difference of the brightest and the darkest hundredth below which nothing stands out: a wall, fog.
    structured: mean edge strength (grey levels) from which a block can lose its sharpness.
    dull_below: edge strength against the usual from which a block has lost it.
    blurred_share: of the structured blocks dull at once: the whole picture is blurred.
    drops_share: of them dull while the others are not: drops or dirt on the glass.
    usual_s: time constant at which the usual sharpness follows; a dull view becomes usual six times as slowly.
    night_level: mean grey level below which a view is compared with its nights, above it with its days.
    learn_looks: looks before anything is compared.
    """

    dark_level: float = 40.0
    bright_level: float = 245.0
    bright_share: float = 0.6
    flat_levels: float = 16.0
    structured: float = 3.0
    dull_below: float = 0.4
    blurred_share: float = 0.7
    drops_share: float = 0.3
    usual_s: float = 3600.0
    night_level: float = 60.0
    learn_looks: int = 5


_DARK = Why("画面过暗,无法判断", "the picture is too dark to judge")
_DULL_SLOWER = 6.0
_WASHED_OUT = Why("画面过曝或逆光,无法判断", "the picture is washed out")
_FLAT = Why("画面无对比度(雾、遮挡或黑屏),无法判断", "the picture has no contrast: fog, a covered lens or a blank")
_BLURRED = Why("画面模糊(失焦、雾或抖动),无法判断", "the picture is blurred: out of focus, fog or shaking")
_DROPS = Why("镜头有雨滴或污渍,无法判断", "rain or dirt on the lens")


@dataclass(slots=True)
class _Usual:
    """How sharp a view usually is by one light."""

    sharp: Blocks
    looks: int
    last: datetime


@dataclass(slots=True)
class QualityGate:
    """Judges the pictures of one view, and remembers how sharp it usually is by day and by night."""

    settings: QualitySettings = field(default_factory=QualitySettings)
    _usual: dict[str, _Usual] = field(default_factory=dict)

    def judge(self, at: datetime, image: Image, covers: Sequence[Box] = ()) -> Quality:
        """Whether this look can be used.

        Args:
            at: scene time.
            image: (H, W, 3) uint8 BGR.
            covers: boxes in 0–1 of people and vehicles, whose own sharpness says nothing of the view's.
        """
        grey = _small(image)
        wrong = self._exposed_wrongly(grey)
        if wrong is not None:
            return Quality(usable=False, why=wrong)
        sharp, free = _sharpness(grey), _free(covers)
        light = "night" if float(grey.mean()) < self.settings.night_level else "day"
        usual = self._usual.setdefault(light, _Usual(sharp.copy(), 0, at))
        wrong = self._dull(usual, sharp, free)
        self._learn(usual, at, sharp, free, dull=wrong is not None)
        return Quality() if wrong is None else Quality(usable=False, why=wrong)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            light: [np.round(usual.sharp, 2).tolist(), usual.looks, usual.last.isoformat()]
            for light, usual in self._usual.items()
        }

    def restore(self, record: dict[str, Any]) -> None:
        """The inverse of `to_record`; raises ValueError, KeyError or TypeError when the record is no gate's."""
        restored = {}
        for light, (blocks, looks, last) in record.items():
            sharp = np.array(blocks, np.float32)
            if sharp.shape != (_ROWS, _COLUMNS):
                raise ValueError(f"usual sharpness should be {_ROWS} × {_COLUMNS}, got {sharp.shape}")
            restored[light] = _Usual(sharp, int(looks), datetime.fromisoformat(last))
        self._usual = restored

    def _exposed_wrongly(self, grey: NDArray[np.float32]) -> Why | None:
        settings = self.settings
        darkest, brightest = np.percentile(grey, [1, 99])
        if brightest < settings.dark_level:
            return _DARK
        if float((grey > settings.bright_level).mean()) > settings.bright_share:
            return _WASHED_OUT
        return _FLAT if brightest - darkest < settings.flat_levels else None

    def _dull(self, usual: _Usual, sharp: Blocks, free: NDArray[np.bool_]) -> Why | None:
        settings = self.settings
        judged = free & (usual.sharp >= settings.structured)
        if usual.looks < settings.learn_looks or judged.sum() < _COLUMNS:
            return None
        lost = float((sharp[judged] < settings.dull_below * usual.sharp[judged]).mean())
        if lost >= settings.blurred_share:
            return _BLURRED
        return _DROPS if lost >= settings.drops_share else None

    def _learn(self, usual: _Usual, at: datetime, sharp: Blocks, free: NDArray[np.bool_], *, dull: bool) -> None:
        gap_s = max(0.0, (at - usual.last).total_seconds())
        constant_s = self.settings.usual_s * (_DULL_SLOWER if dull else 1.0)
        rate = 1 - float(np.exp(-gap_s / constant_s))
        if not dull:
            usual.looks += 1
            rate = max(rate, 1 / usual.looks)
        usual.last = at
        usual.sharp = np.where(free, usual.sharp + (sharp - usual.sharp) * np.float32(rate), usual.sharp)


def _small(image: Image) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    scale = min(1.0, _WIDTH_PX / width)
    size = max(_COLUMNS * 2, round(width * scale)), max(_ROWS * 2, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)


def _sharpness(grey: NDArray[np.float32]) -> Blocks:
    """Mean strength of fine detail (Laplacian of a lightly smoothed picture) by block, free of the exposure."""
    fine = np.abs(cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.8), cv2.CV_32F))
    exposed = fine * (np.float32(110) / (np.float32(grey.mean()) + 10))
    return np.asarray(cv2.resize(exposed, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA), np.float32)


def _free(covers: Sequence[Box]) -> NDArray[np.bool_]:
    free = np.ones((_ROWS, _COLUMNS), np.bool_)
    for x1, y1, x2, y2 in covers:
        rows = slice(int(max(0, y1) * _ROWS), int(np.ceil(y2 * _ROWS)))
        free[rows, int(max(0, x1) * _COLUMNS) : int(np.ceil(x2 * _COLUMNS))] = False
    return free
