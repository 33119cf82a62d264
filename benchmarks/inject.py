"""Recall on SYNTHETIC incidents: real cut-outs put into real fixed-camera footage at known times.

    vision bench inject --set held_out --sheet misses.png          the standard sites, cut-outs kept from development
    vision bench inject --video gate.mp4 --zone 0.2,0.6,0.8,0.6,0.8,0.95,0.2,0.95 --type garbage

The standard sites and cut-outs come in two sets: `development`, whose misses may be looked at and rules mended for, and
`held_out` (other clips, every second cut-out), which only measures. Some sites are dimmed to a night.

Engineers point it at their own camera's footage before go-live. The footage is looked at every `--every-s` seconds of
scene time, to and fro as often as the dwell needs, so a clip of seconds stands for minutes: time stretched, said so
in the names of the figures. Things are put into a zone of the kind that their type's rule serves. The first and the
last 100 s of an episode are empty; an alarm there is false. Things lower than 32 pixels in a look 640 wide are
reported apart.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import cv2
import numpy as np

from benchmarks import events, footage, harness
from benchmarks.events import Event, Played, Truth
from benchmarks.footage import NIGHT, Remembering, Site, Street
from benchmarks.harness import Result
from vision.core.errors import ConfigError, NotThereError
from vision.core.findings import ViolationType
from vision.core.frames import Frame, Image
from vision.core.geometry import Polygon, contains, share_inside
from vision.core.ports import Detector
from vision.core.registry import Zone, ZoneKind
from vision.rules.settings import RuleSettings
from vision.sandbox import injection as synthetic
from vision.sandbox.injection import Cutout, Injection

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
KIND_OF_TYPE = {
    ViolationType.BIKE_MISPARKED: ZoneKind.BIKE_NO_PARKING,
    ViolationType.GARBAGE: ZoneKind.PAVEMENT,
    ViolationType.OUT_OF_STORE: ZoneKind.SHOPFRONT,
}
_EMPTY_S = 100.0
_AFTER_DWELL_S = 120.0
_LEAST_HEIGHT_PX = 18
_LARGE_PX = 32
_FINE = 0.7  # pixels of a cut-out for each that it would take in the picture as filmed
_CAMPUS = Site("campus_road_high_80s.mp4", ((0.15, 0.47), (0.68, 0.40), (0.93, 0.62), (0.85, 0.95), (0.50, 0.95)))
_SHOPPING = Site("shopping_street_1080p_4s.mp4", ((0.30, 0.55), (0.62, 0.45), (0.80, 0.55), (0.80, 0.95), (0.25, 0.95)))
_CAR_PARK = Site("carpark_cyclist_38s.mp4", ((0.10, 0.30), (0.90, 0.30), (0.90, 0.90), (0.10, 0.90)), steadied=True)
_LANE = Site(
    "lane_night_parked_motorbike_43s.mp4", ((0.42, 0.70), (0.58, 0.38), (0.72, 0.48), (0.66, 0.92)), 4.0, night=True
)
_HIGH_ROAD = Site(
    "high_road_light_changes_1823f.mp4", ((0.20, 0.70), (0.80, 0.66), (0.95, 0.85), (0.80, 0.95), (0.30, 0.95))
)
_SIDE_ROAD = Site("sideroad_vehicles_11s.mp4", ((0.22, 0.95), (0.35, 0.62), (0.60, 0.50), (0.72, 0.95)))
_HALL = Site("hall_case_left_296f.mp4", ((0.30, 0.72), (0.70, 0.72), (0.90, 0.97), (0.15, 0.97)), 6.0)


def _dimmed(site: Site) -> Site:
    return replace(site, conditions=NIGHT, night=True)


SETS: dict[str, tuple[Site, ...]] = {
    "development": (_CAMPUS, _HALL, _LANE, _HIGH_ROAD, _dimmed(_CAMPUS)),
    "held_out": (_SHOPPING, _CAR_PARK, _SIDE_ROAD, _dimmed(_SHOPPING), _dimmed(_SIDE_ROAD)),
}


@dataclass(frozen=True, slots=True)
class Chain:
    """What every episode goes through: the detector, and how often it looks."""

    detector: Detector
    every_s: float


@dataclass(frozen=True, slots=True)
class Incident:
    """One synthetic incident and what became of it. `height_px`: of the thing, in a look 640 wide."""

    type: ViolationType
    height_px: float
    night: bool
    played: Played


def place(where: Street, cutout: Cutout, random: Random, span_s: tuple[float, float]) -> Injection | None:
    """Somewhere in the site's polygon where the whole thing fits and is large enough to be judged."""
    width, height = where.size()
    corners = np.array(where.site.polygon)
    low, high = corners.min(axis=0), corners.max(axis=0)
    for _ in range(200):
        foot = random.uniform(low[0], high[0]), random.uniform(low[1], high[1])
        thing = Injection(cutout, foot, *span_s, scale=random.uniform(0.9, 1.15), mirrored=random.random() < 0.5)
        box = synthetic.box_of(thing, where.plane, (width, height))
        if not contains(where.site.polygon, np.array([foot]))[0] or (box[3] - box[1]) * height < _LEAST_HEIGHT_PX:
            continue
        if box[0] < 0.01 or box[2] > 0.99 or box[1] < 0.01 or share_inside(where.site.polygon, box) < 0.3:
            continue
        return thing
    return None


def episode(where: Street, thing: Injection, length_s: float, every_s: float) -> Iterator[Frame]:
    """Looks every `every_s` of scene time; the thing stands there from its start to its end.

    It is put into the picture as filmed, or into the look where the cut-out has too few pixels for that: enlarged, it
    would be blurred as nothing that stands in a sharp street is.
    """
    high = synthetic.box_of(thing, where.plane, where.size())
    sharp_px = (high[3] - high[1]) * where.as_filmed(0)[0].shape[0]
    fine = thing.cutout.bgra.shape[0] >= _FINE * sharp_px
    for frame in footage.looped(where, length_s, every_s):
        if thing.start_s <= frame.pts_s < thing.end_s:
            picture, empty = where.as_filmed(frame.seq) if fine else (frame.image, where.empty)
            picture = synthetic.paste(picture, thing, where.plane, empty, where.people[where.index(frame.seq)])
            yield footage.frame_of(where, frame.seq, frame.pts_s, picture)
        else:
            yield frame


def zones_of(polygon: Polygon, *kinds: ZoneKind) -> tuple[Zone, ...]:
    return tuple(Zone(kind.value, kind, polygon) for kind in kinds)


def dwell_s(of_type: ViolationType) -> float:
    settings = RuleSettings()
    return {
        ViolationType.BIKE_MISPARKED: settings.bikes.dwell_s,
        ViolationType.GARBAGE: settings.garbage.dwell_s,
        ViolationType.OUT_OF_STORE: settings.out_of_store.dwell_s,
    }[of_type]


def incident(where: Street, of_type: ViolationType, cutout: Cutout, random: Random, chain: Chain) -> Incident | None:
    """One synthetic incident through the chain; None where the thing fits nowhere."""
    end_s = _EMPTY_S + dwell_s(of_type) + _AFTER_DWELL_S
    thing = place(where, cutout, random, (_EMPTY_S, end_s))
    if thing is None:
        return None
    kind = KIND_OF_TYPE[of_type]
    truth = Truth(zones_of(where.site.polygon, kind), (Event(of_type, kind.value, _EMPTY_S, end_s),))
    name = f"{synthetic.LABEL} {where.site.name} {cutout.name}"
    box = synthetic.box_of(thing, where.plane, where.size())
    frames = episode(where, thing, end_s + _EMPTY_S, chain.every_s)
    played = events.play(name, truth, frames, Remembering(chain.detector, where))
    height_px = (box[3] - box[1]) * where.size()[1] * 640 / where.size()[0]
    return Incident(of_type, height_px, where.site.night, played)


def cutouts_of(folder: Path, of_type: ViolationType, which: str) -> list[Cutout]:
    """The cut-outs of a set: of each kind's files in the order of their names, the second, fourth… are held out.

    Raises:
        NotThereError: there is none.
    """
    kinds = synthetic.CUTOUTS_OF_TYPE[of_type.value]
    found = synthetic.read_cutouts(folder, kinds)
    held_out = {file.stem for kind in kinds for file in sorted((folder / kind).glob("*.*"))[1::2]}
    wanted = [one for one in found if which == "all" or (one.name in held_out) == (which == "held_out")]
    if not wanted:
        raise NotThereError(f"no cut-outs of {', '.join(kinds)} in {folder} for --set {which}")
    return wanted


def polygon_of(text: str) -> Polygon:
    """`x,y,x,y,…` in 0–1."""
    try:
        numbers = [float(part) for part in text.replace(" ", ",").split(",") if part]
    except ValueError:
        raise ConfigError(f"--zone: should be x,y,x,y,… in 0–1 (got {text})") from None
    points = tuple(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) % 2 or len(points) < 3 or not all(0 <= n <= 1 for n in numbers):
        raise ConfigError(f"--zone: should be at least three corners x,y in 0–1 (got {text})")
    return points


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--video", action="append", type=Path, default=[], help="a fixed camera's clip")
    parser.add_argument("--zone", default="", metavar="X,Y,…", help="corners in 0–1 of the ground to put things on")
    parser.add_argument("--type", choices=[t.value for t in ViolationType], default=None, help="one type only")
    parser.add_argument("--count", type=int, default=4, help="incidents for each clip and type")
    parser.add_argument("--every-s", type=float, default=10.0, help="scene seconds between looks")
    parser.add_argument("--cutouts", type=Path, default=SHARED / "cutouts", help="folder of KIND/*.png|webp with alpha")
    parser.add_argument("--set", choices=["all", *SETS], default="all", help="which of the standard sites and cut-outs")
    parser.add_argument("--hours", type=float, default=0.25, help="hours of each site without incidents")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--model", default="", help="model of the catalogue, or a file; the default model if unset")
    parser.add_argument("--sheet", type=Path, default=None, metavar="PNG", help="draw misses and false alarms")


def sites(args: argparse.Namespace) -> list[tuple[Path, Site]]:
    if not args.video:
        chosen = [site for name, sites in SETS.items() if args.set in {name, "all"} for site in sites]
        return [(SHARED / "clips", site) for site in (chosen[:2] if args.quick else chosen)]
    if not args.zone:
        raise ConfigError("--video needs --zone: the corners of the ground to put things on")
    return [(video.parent, Site(video.name, polygon_of(args.zone))) for video in args.video]


def run(args: argparse.Namespace) -> list[Result]:
    types = [ViolationType(args.type)] if args.type else list(ViolationType)
    count = 1 if args.quick else args.count
    detector = events.open_model(args.model)
    chain = Chain(detector, args.every_s)
    done: list[Incident] = []
    empty: list[Played] = []
    sheet: list[Image] = []
    print(f"{synthetic.LABEL}: cut-outs pasted into real footage, {args.every_s:g} s between looks, time stretched")
    try:
        for folder, site in sites(args):
            where = footage.street(site, folder, detector)
            zones = zones_of(site.polygon, *KIND_OF_TYPE.values())
            watched = events.watch(where, zones, detector, args.hours, args.every_s) if args.hours else []
            print(events.account(watched), flush=True)
            empty += watched
            sheet += [_captioned(alarm.look, f"FALSE {one.clip}") for one in watched for alarm in one.false]
            for of_type in types:
                cutouts = cutouts_of(args.cutouts, of_type, args.set)
                draw = Random(f"{args.seed} {site.name} {of_type}")
                for cutout in draw.sample(cutouts, min(count, len(cutouts))):
                    seed = f"{args.seed} {site.name} {of_type} {cutout.name}"  # so that one incident can be repeated
                    played = incident(where, of_type, cutout, Random(seed), chain)
                    if played is not None:
                        done.append(played)
                        print(events.account([played.played]), flush=True)
                        sheet += mistakes(where, cutout, played, Random(seed))
    finally:
        detector.close()
    if args.sheet is not None and sheet:
        write_sheet(sheet, args.sheet)
    return figures(done, empty)


def figures(done: Sequence[Incident], empty: list[Played]) -> list[Result]:
    """Recall of each type for things of judgeable size, of all small things, and what was told falsely."""
    rows = []
    for of_type in ViolationType:
        large = [one.played for one in done if one.type is of_type and one.height_px >= _LARGE_PX]
        if large:
            share = sum(bool(played.found) for played in large) / len(large)
            rows.append(harness.at_least(f"synthetic_{of_type}_event_recall", share, "share", 0.9))
            rows.append(Result(f"synthetic_{of_type}_incidents", len(large), "incidents"))
        for light, night in (("day", False), ("night", True)):
            part = [one.played for one in done if one.type is of_type and one.night is night]
            part = [one for one in part if one in large]
            if part:
                share = sum(bool(played.found) for played in part) / len(part)
                rows.append(Result(f"synthetic_{of_type}_recall_by_{light}", share, f"of {len(part)}"))
    small = [one.played for one in done if one.height_px < _LARGE_PX]
    if small:
        share = sum(bool(played.found) for played in small) / len(small)
        rows.append(Result("synthetic_small_event_recall", share, "share"))
        rows.append(Result("synthetic_small_incidents", len(small), "incidents"))
    rows += events.results([one.played for one in done], prefix="synthetic_all_")
    rows += [row for row in events.results(empty, prefix="looped_") if "alarms" in row.name or "hours" in row.name]
    return rows


def mistakes(where: Street, cutout: Cutout, done: Incident, random: Random) -> list[Image]:
    """Pictures of what went wrong: the moment of each false alarm, the thing that was missed."""
    played = done.played
    pictures = [_captioned(alarm.look, f"FALSE {alarm.finding.type} {played.clip}") for alarm in played.false]
    if played.missed:
        thing = place(where, cutout, random, (0, 1))
        assert thing is not None
        picture = synthetic.paste(where.pictures[0], thing, where.plane, where.empty, where.people[0])
        width, height = where.size()
        x1, y1, x2, y2 = synthetic.box_of(thing, where.plane, (width, height))
        corners = (round(x1 * width), round(y1 * height)), (round(x2 * width), round(y2 * height))
        picture = np.asarray(cv2.rectangle(picture.copy(), *corners, (0, 255, 255), 1), np.uint8)
        pictures.append(_captioned(picture, f"MISSED {done.type} {played.clip}"))
    return pictures


def _captioned(picture: Image, text: str) -> Image:
    tile = np.asarray(cv2.resize(picture, (480, 300)), np.uint8)
    cv2.putText(tile, text[:62], (4, 292), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.putText(tile, text[:62], (4, 292), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 160), 1, cv2.LINE_AA)
    return tile


def write_sheet(tiles: Sequence[Image], file: Path) -> None:
    padded = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % 3)]
    cv2.imwrite(str(file), np.vstack([np.hstack(padded[i : i + 3]) for i in range(0, len(padded), 3)]))


def main(argv: list[str] | None = None) -> int:
    return harness.main("inject", run, extend, argv)
