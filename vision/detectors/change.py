"""Static change: what is new in a zone against its clear reference and has stayed, of whatever class.

Two memories are compared (after dual-background methods, e.g. Porikli et al., EURASIP JASP 2008:197875): a reference
that follows the light slowly and the median of the last few looks. People and vehicles are left out of both. The
comparison is by normalised gradients, so that light which comes, goes or drifts changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import cv2
import numpy as np

from vision.core.frames import Image
from vision.core.geometry import Box, iou
from vision.core.registry import Zone, ZoneKind
from vision.core.scene import ChangeObject
from vision.detectors import change_record as record
from vision.detectors.change_measure import MEASURES, Plane, structure
from vision.detectors.change_memory import Lately, Mask, Past, ShortMemory, in_light_of, moved_back, shake
from vision.detectors.change_regions import Region, regions
from vision.detectors.change_settings import ChangeSettings

_COVER_MARGIN = 0.12  # of a passer-by's box, each way: shadow, bag, motion blur
_SAME_IOU = 0.25
_LEFT_BELOW = 0.75
_CAME_ABOVE = 1.15  # edges now over edges before: put-down things measured 1.1 to 5.5, shadows 0.8 to 1.0
_VISIBLE_SHARE = 0.5
_KEEP_EVERY_S = 300.0
_STILL_CHANGED_SHARE = 0.5
_SHAKES = sorted(
    ((dy, dx) for dy in range(-3, 4) for dx in range(-3, 4)), key=lambda shift: shift[0] ** 2 + shift[1] ** 2
)
_SAME_VIEW = 0.4
_FITS = 0.8
_FITS_AT_ALL = 0.4
_STRUCTURED = 6.0  # grey levels a pixel
_LEAST_STRUCTURE = 0.002


@dataclass(slots=True)
class _Thing:
    id: int
    region: Region
    portrait: Plane | None  # how it looked when it came
    first_seen: datetime
    last_seen: datetime
    missed: int = 0
    covered: bool = False
    held: Plane | None = None  # how it looked when the reference was learnt anew around it


class ChangeDetector:
    """The changed things of one view's zones, look by look."""

    def __init__(self, zones: Sequence[Zone], settings: ChangeSettings | None = None) -> None:
        self._settings = settings or ChangeSettings()
        self._measure = MEASURES[self._settings.measure]
        self._zones = tuple(zone for zone in zones if zone.kind is not ZoneKind.IGNORE)
        self._ignored = tuple(zone for zone in zones if zone.kind is ZoneKind.IGNORE)
        self._ground: Mask = np.zeros((1, 1), np.bool_)
        self._reference: Plane | None = None
        self._valid: Mask | None = None
        self._memory = ShortMemory(self._settings)
        self._things: list[_Thing] = []
        self._last_look: datetime | None = None
        self._adrift = 0
        self._next_id = 0
        self._kept: tuple[datetime, str, str] | None = None
        self._now: Mask | None = None

    @property
    def adrift(self) -> bool:
        """Whether the last look did not fit the reference: the view moved or its light changed all over."""
        return self._adrift > 0

    def update(self, at: datetime, image: Image, covers: Sequence[Box]) -> tuple[ChangeObject, ...]:
        """Take one look in.

        Args:
            at: scene time; a look not after the last one changes nothing.
            image: (H, W, 3) uint8 BGR.
            covers: boxes in 0–1 of people and vehicles at this look: never part of a change.
        """
        if not self._zones or (self._last_look is not None and at <= self._last_look):
            return self.objects()
        picture = self._working(image)
        visible = _visible(picture, covers)
        if self._reference is None or self._valid is None or self._reference.shape != picture.shape:
            self._start(picture, visible)
        steadied = self._steadied(picture, visible)
        if steadied is None:
            self._drift(picture, visible)
            return self.objects()
        picture = steadied
        gap_s = 0.0 if self._last_look is None else (at - self._last_look).total_seconds()
        self._last_look = at
        self._memory.add(Past(at, picture, visible))
        self._compare(at, picture, visible, gap_s)
        return self.objects()

    def objects(self) -> tuple[ChangeObject, ...]:
        """What stands there as of the last look, oldest first."""
        things = sorted(self._things, key=lambda thing: thing.first_seen)
        return tuple(
            ChangeObject(t.id, t.region.box, t.region.area, t.first_seen, t.last_seen, t.region.score, t.covered)
            for t in things
        )

    def dismiss(self, ids: Collection[int]) -> None:
        """These are people after all: whatever stays there begins anew when they are gone."""
        for thing in self._things:
            if thing.id in ids and self._last_look is not None:
                thing.first_seen, thing.portrait = self._last_look, self._memory.looks[-1].picture

    def novelty(self, box: Box) -> float | None:
        """Share (0–1) of a box that differs from the reference at the last look; None where none is known."""
        if self._now is None or self._valid is None:
            return None
        height, width = self._now.shape
        rows = slice(int(box[1] * height), max(int(box[1] * height) + 1, int(box[3] * height)))
        columns = slice(int(box[0] * width), max(int(box[0] * width) + 1, int(box[2] * width)))
        known = self._valid[rows, columns]
        if not known.size or known.mean() < _VISIBLE_SHARE:
            return None
        return float(self._now[rows, columns][known].mean())

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values, some 20 kB; the reference is encoded anew every five minutes of scene time."""
        if self._reference is None or self._valid is None or self._last_look is None:
            return {}
        if self._kept is None or (self._last_look - self._kept[0]).total_seconds() > _KEEP_EVERY_S:
            kept = record.of_plane(self._reference), record.of_mask(self._valid)
            self._kept = (self._last_look, *kept)
        things = [
            {
                "id": thing.id,
                "region": record.of_region(thing.region),
                "first_seen": record.of_time(thing.first_seen),
                "last_seen": record.of_time(thing.last_seen),
                "held": None if thing.held is None else record.of_plane(thing.held),
            }
            for thing in self._things
        ]
        return {
            "reference": self._kept[1],
            "valid": self._kept[2],
            "last_look": record.of_time(self._last_look),
            "next_id": self._next_id,
            "things": things,
        }

    def restore(self, memory: dict[str, Any]) -> None:
        """The inverse of `to_record`, for the same or redrawn zones.

        Raises:
            ValueError, KeyError, TypeError: the memory is not a change detector's; nothing was changed.
        """
        if not memory:
            return
        reference, valid = record.plane_of(memory["reference"]), record.mask_of(memory["valid"])
        if reference.shape != valid.shape:
            raise ValueError(f"reference and mask should be alike, got {reference.shape} and {valid.shape}")
        things = [
            _Thing(
                int(row["id"]),
                record.region_of(row["region"], reference.shape),
                None,
                datetime.fromisoformat(row["first_seen"]),
                datetime.fromisoformat(row["last_seen"]),
                held=None if row["held"] is None else record.plane_of(row["held"]),
            )
            for row in memory["things"]
        ]
        last_look, next_id = datetime.fromisoformat(memory["last_look"]), int(memory["next_id"])
        self._start(reference, valid)
        self._things, self._last_look, self._next_id = things, last_look, next_id

    def _working(self, image: Image) -> Plane:
        height, width = image.shape[:2]
        scale = min(1.0, self._settings.width_px / width)
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32)
        gain = np.clip(self._settings.night_to_levels / max(1.0, float(grey.mean())), 1.0, self._settings.night_gain)
        return np.asarray(grey * np.float32(gain), np.float32)

    def _start(self, picture: Plane, visible: Mask) -> None:
        self._reference, self._valid = picture.copy(), visible.copy()
        self._memory = ShortMemory(self._settings)
        self._things, self._adrift, self._now = [], 0, None
        self._ground = _filled(self._zones, visible.shape) & ~_filled(self._ignored, visible.shape)

    def _compare(self, at: datetime, picture: Plane, visible: Mask, gap_s: float) -> None:
        assert self._reference is not None
        assert self._valid is not None
        lately = self._memory.lately()
        difference = self._measure(lately.picture, self._reference)
        changed = (difference > self._settings.threshold) & lately.steady & self._valid
        self._adrift = 0
        found = regions(changed & self._ground, difference, lately.picture, self._reference, self._settings)
        self._keep(at, [region for region in found if region.added >= _CAME_ABOVE], picture, visible)
        self._follow(lately, difference, [region for region in found if region.added < _LEFT_BELOW], gap_s)

    def _keep(self, at: datetime, found: Sequence[Region], picture: Plane, visible: Mask) -> None:
        """Carry known things on, take new ones in, let go of those that are no longer there."""
        assert self._reference is not None
        self._now = now = self._measure(picture, self._reference) > self._settings.threshold
        free = list(found)
        for thing in self._things:
            match = max(free, key=lambda region: iou(region.box, thing.region.box), default=None)
            if match is not None and iou(match.box, thing.region.box) >= _SAME_IOU:
                free.remove(match)
                thing.region = match
            else:
                match = None
            area = thing.region.mask
            thing.covered = bool(visible[area].mean() < _VISIBLE_SHARE)
            if thing.covered:
                continue
            if match is not None or self._is_there(thing, now, picture, visible):
                thing.last_seen, thing.missed = at, 0
                if not self._is_same(thing, picture, visible):
                    thing.first_seen, thing.portrait = at, picture
            else:
                thing.missed += 1
        self._things = [thing for thing in self._things if thing.missed < self._settings.gone_looks]
        for region in free:
            self._next_id += 1
            self._things.append(_Thing(self._next_id, region, picture, self._since(region), at))
        del self._things[self._settings.most_objects :]

    def _is_there(self, thing: _Thing, changed: Mask, picture: Plane, visible: Mask) -> bool:
        seen = thing.region.mask & visible
        if thing.held is not None:
            return float(self._measure(picture, thing.held)[seen].mean()) < self._settings.threshold
        return float(changed[seen].mean()) >= _STILL_CHANGED_SHARE * thing.region.fill

    def _is_same(self, thing: _Thing, picture: Plane, visible: Mask) -> bool:
        """Whether it still looks as it did when it came, where it was or a shake of the camera beside it."""
        if thing.portrait is None:  # remembered by a worker before us
            thing.portrait = picture
            return True
        rows, columns = np.nonzero(thing.region.mask)
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        seen = (thing.region.mask & visible)[top:bottom, left:right]
        portrait = thing.portrait[top:bottom, left:right]
        for dy, dx in _SHAKES:
            if top + dy < 0 or left + dx < 0 or bottom + dy > picture.shape[0] or right + dx > picture.shape[1]:
                continue
            now = picture[top + dy : bottom + dy, left + dx : right + dx]
            if float(self._measure(now, portrait)[seen].mean()) <= self._settings.same_below:
                return True
        return False

    def _since(self, region: Region) -> datetime:
        """When it came: the eldest look of the short memory, counted back from now, that shows it too."""
        now = self._memory.looks[-1]
        since = now.at
        for past in reversed(self._memory.looks):
            seen = region.mask & past.visible & now.visible
            if seen.sum() < _VISIBLE_SHARE * region.mask.sum():
                continue
            if self._measure(past.picture, now.picture)[seen].mean() > self._settings.threshold / 2:
                break
            since = past.at
        return since

    def _steadied(self, picture: Plane, visible: Mask) -> Plane | None:
        """The picture as it fits the reference: as it is, or with the camera's shake taken out; None when neither."""
        assert self._reference is not None
        assert self._valid is not None
        both = visible & self._valid
        lit, fit = self._fitted(picture, both)
        if fit >= _FITS:
            return lit
        dx, dy = shake(picture, self._reference)
        if max(abs(dx), abs(dy)) <= self._settings.most_shift_px:
            back, better = self._fitted(moved_back(picture, dx, dy), both)
            lit, fit = (back, better) if better > fit else (lit, fit)
        return lit if fit >= _FITS_AT_ALL else None

    def _fitted(self, picture: Plane, both: Mask) -> tuple[Plane, float]:
        """The picture in the reference's light, and the share (0–1) of the reference's structure that it shows too."""
        assert self._reference is not None
        lit = in_light_of(picture, self._reference, both, self._settings.light_reach_px)
        ground = both & (structure(self._reference) > _STRUCTURED)
        if ground.sum() < _LEAST_STRUCTURE * ground.size:
            return lit, 1.0
        return lit, float((self._measure(lit, self._reference)[ground] < self._settings.threshold).mean())

    def _drift(self, picture: Plane, visible: Mask) -> None:
        """Say nothing until the view has stayed as it is now; then go on by the new light, or in the new place."""
        self._adrift += 1
        if self._adrift < self._settings.adrift_looks:
            return
        if self._is_same_view(picture, visible):
            self._relearn(picture, visible)
        else:
            self._start(picture, visible)

    def _is_same_view(self, picture: Plane, visible: Mask) -> bool:
        """Edges are where they were, whatever the light makes of them: by the correlation of edge strengths."""
        assert self._reference is not None
        assert self._valid is not None
        both = visible & self._valid
        here, there = structure(picture)[both], structure(self._reference)[both]
        if here.size < 2 or here.std() == 0 or there.std() == 0:
            return False
        return float(np.corrcoef(here, there)[0, 1]) >= _SAME_VIEW

    def _relearn(self, picture: Plane, known: Mask) -> None:
        """The light of the whole view changed: this is how it looks from now on, with the things that stood in it."""
        assert self._reference is not None
        assert self._valid is not None
        self._reference = np.where(known, picture, self._reference)
        self._memory = ShortMemory(self._settings)
        for thing in self._things:
            thing.held, thing.portrait = self._reference, None
            self._valid &= ~thing.region.mask
        self._adrift = 0

    def _follow(self, lately: Lately, difference: Plane, left: Sequence[Region], gap_s: float) -> None:
        """Let the reference follow the light, take in what no passer-by hides any more and what went away."""
        assert self._reference is not None
        assert self._valid is not None
        kept = np.zeros(lately.known.shape, np.bool_)
        for thing in self._things:
            kept |= thing.region.mask
        gone = np.zeros(lately.known.shape, np.bool_)
        for region in left:
            gone |= region.mask
        quiet = difference < self._settings.threshold / 2
        rate = np.where(quiet, _rate(gap_s, self._settings.follow_s), _rate(gap_s, self._settings.forget_s))
        rate = np.where(kept | ~lately.known | ~lately.steady, 0.0, rate)
        rate = np.where((~self._valid | gone) & ~kept & lately.steady, 1.0, rate)
        self._reference += (lately.picture - self._reference) * rate.astype(np.float32)
        self._valid |= lately.steady & ~kept


def _rate(gap_s: float, constant_s: float) -> float:
    return float(1 - np.exp(-gap_s / constant_s))


def _filled(zones: Sequence[Zone], shape: tuple[int, ...]) -> Mask:
    height, width = shape[:2]
    filled = np.zeros((height, width), np.uint8)
    for zone in zones:
        corners = np.round(np.array(zone.polygon) * (width, height)).astype(np.int32)
        cv2.fillPoly(filled, [corners], 1)
    return filled.astype(np.bool_)


def _visible(picture: Plane, covers: Sequence[Box]) -> Mask:
    height, width = picture.shape[:2]
    visible = np.ones((height, width), np.bool_)
    for x1, y1, x2, y2 in covers:
        dx, dy = (x2 - x1) * _COVER_MARGIN + 2 / width, (y2 - y1) * _COVER_MARGIN + 2 / height
        left, right = max(0, int((x1 - dx) * width)), max(0, int(np.ceil((x2 + dx) * width)))
        top, bottom = max(0, int((y1 - dy) * height)), max(0, int(np.ceil((y2 + dy) * height)))
        visible[top:bottom, left:right] = False
    return visible
