"""Static change side by side: our detector, classical dual backgrounds, and the network's own backbone features.

    vision bench change                                 development and held-out sites, a look every 5 s
    vision bench change --set held_out --every-s 10

SYNTHETIC: real cut-outs are put into real fixed-camera footage and taken away again, and shadow, lamp, rain and falling
light are drawn over it (`benchmarks/disturbances.py`). Twelve minutes an episode, the clip looped: empty for five, then
two things stand for five, one of them with a person before it for a minute, then empty again. All methods see the same
looks in one run. Thresholds of the methods that are not ours were chosen on the development sites (`--thresholds`).
A thing is found when a region on it is told no later than its dwell plus N looks and still at the end of its stay. A
region that stands for the dwell where nothing was put is false; ours says itself since when a thing is the same (one
that shifts, as people who stand about do, begins anew), the others' regions count from when they are first told.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import cv2
import numpy as np

from benchmarks import events, footage, harness, inject
from benchmarks.change_methods import Backbone, Look, Method, Standing, methods
from benchmarks.disturbances import DISTURBANCES, somebody
from benchmarks.footage import Site, Street
from benchmarks.harness import Result
from vision.core.errors import ConfigError
from vision.core.geometry import Box, iou
from vision.detectors.catalogue import CATALOGUE_FILE
from vision.sandbox import injection as synthetic
from vision.sandbox.injection import Cutout, Injection

THRESHOLDS: Mapping[str, float] = {
    "mog2_dual": 16.0,
    "knn_dual": 400.0,
    "average_dual": 25.0,
    "features": 0.24,
    "confirmed": 0.24,
}
"""Chosen on the development sites: variance, squared distance, grey levels, cosine distance twice."""

PUT_S, TAKEN_S, LENGTH_S = 300.0, 600.0, 720.0
DWELL_S = 60.0
_STANDS_S = (450.0, 510.0)  # somebody, before the first thing
_THINGS = 2
_SWEEP = (0.6, 1.0, 1.6)
_LEAST_SIDE_PX = 22  # of a thing, in a look 640 wide: below it nothing is looked for
_SAME_IOU = 0.25
_MISSED_LOOKS = 2
_ON_IT = 0.5
_TOO_LARGE = 8.0
_KINDS = ("garbage_bag", "carton", "chair", "other", "table", "potted_plant")
_PEOPLE_AND_VEHICLES = ("person", "car", "truck", "bus", "train")


@dataclass(slots=True)
class Seen:
    """One region that a method holds, look after look."""

    box: Box
    since_s: float
    missed: int = 0
    thing: int | None = None
    told: bool = False


@dataclass(slots=True)
class Score:
    """What one method did in one episode. Times by thing, in seconds of the scene."""

    false: int = 0
    found_s: dict[int, float] = field(default_factory=dict)
    at_end: set[int] = field(default_factory=set)
    gone_s: dict[int, float] = field(default_factory=dict)
    through_person: bool | None = None
    said_covered: list[bool] = field(default_factory=list)
    cpu_s: float = 0.0
    looks: int = 0


class Judge:
    """Follows one method's regions through an episode whose truth is known."""

    def __init__(self, things: Sequence[Box]) -> None:
        self._things, self._seen, self.score = things, list[Seen](), Score()

    def look(self, now_s: float, told: Sequence[Standing]) -> None:
        free = list(told)
        for seen in self._seen:
            match = max(free, key=lambda one: iou(one.box, seen.box), default=None)
            if match is not None and iou(match.box, seen.box) >= _SAME_IOU:
                free.remove(match)
                seen.box, seen.missed = match.box, 0
                seen.since_s = seen.since_s if match.since_s is None else match.since_s
            else:
                seen.missed += 1
        self._seen = [seen for seen in self._seen if seen.missed < _MISSED_LOOKS]
        self._seen += [Seen(one.box, now_s if one.since_s is None else one.since_s) for one in free]
        for seen in self._seen:
            self._judge(seen, now_s)
        self._note(now_s, told)

    def _judge(self, seen: Seen, now_s: float) -> None:
        on = next((i for i, box in enumerate(self._things) if covers(seen.box, box)), None)
        if on is not None and PUT_S <= now_s < TAKEN_S:
            seen.thing = on
            self.score.found_s.setdefault(on, now_s)
        if seen.thing is None and not seen.told and now_s - seen.since_s >= DWELL_S:
            seen.told = True
            self.score.false += 1

    def _note(self, now_s: float, told: Sequence[Standing]) -> None:
        held = {seen.thing for seen in self._seen if seen.thing is not None}
        if now_s < TAKEN_S:
            self.score.at_end = held
        else:
            for thing in self.score.at_end - held:
                self.score.gone_s.setdefault(thing, now_s)
        begin_s, end_s = _STANDS_S
        if begin_s <= now_s < end_s and 0 in self.score.found_s:
            self.score.said_covered.append(any(one.covered and covers(one.box, self._things[0]) for one in told))
        if self.score.through_person is None and now_s >= end_s and 0 in self.score.found_s:
            self.score.through_person = any(seen.thing == 0 and seen.since_s < begin_s for seen in self._seen)


@dataclass(frozen=True, slots=True)
class Episode:
    """One site under one disturbance, and every method's score."""

    disturbance: str
    things: int
    scores: Mapping[str, Score]


def covers(told: Box, thing: Box) -> bool:
    """Whether a region is on a thing: half of the smaller within the other, and not all the street."""
    wide, high = min(told[2], thing[2]) - max(told[0], thing[0]), min(told[3], thing[3]) - max(told[1], thing[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (told, thing)]
    return wide > 0 and high > 0 and wide * high >= _ON_IT * min(areas) and areas[0] <= _TOO_LARGE * areas[1]


def put(where: Street, cutouts: Sequence[Cutout], random: Random) -> list[Injection]:
    """Things that are large enough and apart from one another; fewer where the ground has no room."""
    size, chosen = where.size(), list[Injection]()
    taken = list[Box]()
    for cutout in random.sample(list(cutouts), min(30, len(cutouts))):
        thing = inject.place(where, cutout, random, (PUT_S, TAKEN_S))
        if thing is None:
            continue
        box = synthetic.box_of(thing, where.plane, size)
        side_px = min((box[2] - box[0]) * 640, (box[3] - box[1]) * 640 * size[1] / size[0])
        if side_px < _LEAST_SIDE_PX or any(iou(_wider(box), _wider(other)) > 0 for other in taken):
            continue
        chosen.append(thing)
        taken.append(box)
        if len(chosen) == _THINGS:
            break
    return chosen


def looks(where: Street, things: Sequence[Injection], disturbance: str, every_s: float) -> Iterator[Look]:
    """The episode's samples, without features."""
    stands = _before(synthetic.box_of(things[0], where.plane, where.size())) if things else None
    for frame in footage.looped(where, LENGTH_S, every_s):
        index, now_s = where.index(frame.seq), frame.pts_s
        picture = frame.image
        for thing in things:
            if thing.start_s <= now_s < thing.end_s:
                picture = synthetic.paste(picture, thing, where.plane, where.empty, where.people[index])
        seen = where.seen[index].of(*_PEOPLE_AND_VEHICLES).normalised(*where.size())
        told = () if disturbance == "unnamed_passers_by" else tuple((a, b, c, d) for a, b, c, d in seen.tolist())
        if stands is not None and _STANDS_S[0] <= now_s < _STANDS_S[1]:
            picture, told = somebody(picture, stands), (*told, stands)
        yield Look(now_s, DISTURBANCES[disturbance](picture, now_s, where.site.polygon), told)


def episode(where: Street, things: Sequence[Injection], disturbance: str, tools: "Tools") -> Episode:
    """Every method over the same looks."""
    boxes = [synthetic.box_of(thing, where.plane, where.size()) for thing in things]
    watching: dict[str, tuple[Method, Judge]] = {
        name: (method, Judge(boxes))
        for name, method in methods(where.site.polygon, tools.thresholds, tools.factors).items()
    }
    for look in looks(where, things, disturbance, tools.every_s):
        with_maps = Look(look.at_s, look.image, look.covers, tools.backbone.maps(look.image))
        for method, judge in watching.values():
            begun_s = time.process_time()
            told = method.look(with_maps)
            judge.score.cpu_s += time.process_time() - begun_s
            judge.score.looks += 1
            judge.look(look.at_s, told)
    return Episode(disturbance, len(things), {name: judge.score for name, (_, judge) in watching.items()})


@dataclass(frozen=True, slots=True)
class Tools:
    """What every episode needs.

    Attributes:
        late_looks: N, looks after the dwell within which a thing has to be found.
        factors: of the thresholds, each a column of its own.
    """

    backbone: Backbone
    every_s: float
    thresholds: Mapping[str, float]
    late_looks: int
    factors: Sequence[float] = (1.0,)


def figures(done: Sequence[Episode], tools: Tools) -> list[Result]:
    """Per method: over everything, then by disturbance."""
    rows = []
    for name in done[0].scores:
        rows += _over_all(name, [one.scores[name] for one in done], sum(one.things for one in done), tools)
        for disturbance in dict.fromkeys(one.disturbance for one in done):
            part = [one for one in done if one.disturbance == disturbance]
            scores, things = [one.scores[name] for one in part], sum(one.things for one in part)
            rows.append(Result(f"{name}_{disturbance}_recall", _recall(scores, things, tools), "share"))
            rows.append(Result(f"{name}_{disturbance}_false_per_camera_hour", _false(scores), "1/h"))
    return rows


def _over_all(name: str, scores: Sequence[Score], things: int, tools: Tools) -> list[Result]:
    left = [score.gone_s.get(thing, np.inf) - TAKEN_S for score in scores for thing in score.at_end]
    through = [score.through_person for score in scores if score.through_person is not None]
    covered = [said for score in scores for said in score.said_covered]
    looks_seen = sum(score.looks for score in scores)
    return [
        Result(f"{name}_recall", _recall(scores, things, tools), "share"),
        Result(f"{name}_false_per_camera_hour", _false(scores), "1/h"),
        Result(f"{name}_removal_noticed", float(np.mean(np.isfinite(left))) if left else 0.0, "share"),
        Result(f"{name}_removal_median_s", float(np.median(left)) if left else 0.0, "s"),
        Result(f"{name}_same_after_a_person", float(np.mean(through)) if through else 0.0, "share"),
        Result(f"{name}_said_occluded", float(np.mean(covered)) if covered else 0.0, "share"),
        Result(f"{name}_cpu_ms_a_look", 1000 * sum(score.cpu_s for score in scores) / looks_seen, "ms"),
    ]


def _recall(scores: Sequence[Score], things: int, tools: Tools) -> float:
    by_s = PUT_S + DWELL_S + tools.late_looks * tools.every_s
    found = sum(at_s <= by_s and thing in score.at_end for score in scores for thing, at_s in score.found_s.items())
    return found / max(1, things)


def _false(scores: Sequence[Score]) -> float:
    return sum(score.false for score in scores) / (len(scores) * LENGTH_S / 3600)


def side_by_side(rows: Sequence[Result], names: Sequence[str]) -> str:
    """One line a figure, one column a method."""
    by_name = {row.name: row.value for row in rows}
    kinds = [row.name.removeprefix(f"{names[0]}_") for row in rows if row.name.startswith(f"{names[0]}_")]
    lines = [f"| figure | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for kind in kinds:
        values = [f"{by_name[f'{name}_{kind}']:.3g}" for name in names]
        lines.append(f"| {kind} | {' | '.join(values)} |")
    return "\n".join(lines)


def _wider(box: Box) -> Box:
    return box[0] - 0.03, box[1] - 0.03, box[2] + 0.03, box[3] + 0.03


def _before(thing: Box) -> Box:
    """Where somebody stands who hides a thing: nearer, and much taller."""
    high, middle = thing[3] - thing[1], (thing[0] + thing[2]) / 2
    half = max(0.6 * (thing[2] - thing[0]), 0.3 * high)
    foot = min(0.995, thing[3] + 0.15 * high)
    return max(0.0, middle - half), max(0.0, foot - 2.6 * high), min(1.0, middle + half), foot


def thresholds_of(text: str) -> Mapping[str, float]:
    """`name=value,…` over the defaults.

    Raises:
        ConfigError: another method's name, or no number.
    """
    chosen = dict(THRESHOLDS)
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in chosen or not value.replace(".", "", 1).isdigit():
            raise ConfigError(f"--thresholds should be NAME=NUMBER,… of {', '.join(chosen)} (got {part})")
        chosen[name] = float(value)
    return chosen


def extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", choices=["all", *inject.SETS], default="all", help="which of the standard sites")
    parser.add_argument("--every-s", type=float, default=5.0, help="scene seconds between looks")
    parser.add_argument(
        "--late-looks", type=int, default=6, help="N: looks after the dwell in which a thing must be told"
    )
    parser.add_argument("--thresholds", default="", metavar="NAME=X,…", help="of the methods that are not ours")
    parser.add_argument("--sweep", action="store_true", help="the others at half to twice their thresholds")
    parser.add_argument("--disturbance", choices=[*DISTURBANCES], default=None, help="only this one")
    parser.add_argument("--cutouts", type=Path, default=inject.SHARED / "cutouts")
    parser.add_argument("--clips", type=Path, default=inject.SHARED / "clips")
    parser.add_argument("--seed", type=int, default=3)


def sites(args: argparse.Namespace) -> list[Site]:
    """By what they are filmed as: the dimmed ones are footage under another disturbance."""
    chosen = [site for name, group in inject.SETS.items() if args.set in {name, "all"} for site in group]
    filmed = [site for site in chosen if site.conditions == footage.AS_FILMED]
    return filmed[:1] if args.quick else filmed


def run(args: argparse.Namespace) -> list[Result]:
    cv2.setRNGSeed(args.seed)
    which = "all" if args.set == "all" else args.set
    wanted = [args.disturbance] if args.disturbance else list(DISTURBANCES)
    wanted = ["passers_by"] if args.quick and not args.disturbance else wanted
    cutouts = [one for kind in _KINDS for one in _of_kind(args.cutouts, kind, which)]
    model = CATALOGUE_FILE.parent / "street-n" / "street-n.xml"
    factors = _SWEEP if args.sweep else (1.0,)
    tools = Tools(Backbone(model), args.every_s, thresholds_of(args.thresholds), args.late_looks, factors)
    print(
        f"{synthetic.LABEL}: things and disturbances drawn over real footage, looped, {args.every_s:g} s between looks"
    )
    done = list[Episode]()
    detector = events.open_model("")
    try:
        for site in sites(args):
            where = footage.street(site, args.clips, detector)
            for disturbance in wanted:
                things = put(where, cutouts, Random(f"{args.seed} {site.name} {disturbance}"))
                done.append(episode(where, things, disturbance, tools))
                told = ", ".join(f"{n} {len(s.at_end)}/{len(things)} +{s.false}" for n, s in done[-1].scores.items())
                print(f"{site.name} {disturbance}: {told}", flush=True)
    finally:
        detector.close()
    rows = figures(done, tools)
    print(side_by_side(rows, list(done[0].scores)))
    return rows


def _of_kind(folder: Path, kind: str, which: str) -> list[Cutout]:
    files = sorted((folder / kind).glob("*.*"))
    held_out = {file.stem for file in files[1::2]}
    found = synthetic.read_cutouts(folder, [kind])
    return [one for one in found if which == "all" or (one.name in held_out) == (which == "held_out")]


def main(argv: list[str] | None = None) -> int:
    return harness.main("change", run, extend, argv)
