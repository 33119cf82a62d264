"""Events on clips: the worker's own chain over footage with known truth; precision, recall, false alarms, delay.

    vision bench events CLIP --truth TRUTH.yaml        one clip
    vision bench events FOLDER --truth FOLDER/truth    every clip of a folder that has a truth of the same name
    vision bench events A.mp4 B.mp4 --truth A.yaml --truth B.yaml
    vision bench events FOLDER --looped-h 2            two hours of every clip in which nothing happens

A truth file lists `zones: [{id, kind, polygon, dwell_s}]` and `events: [{type, zone, start_s, end_s}]`, times in the
clip. An alarm is what the incident engine would open: a finding that is present and whose dwell is over; it closes
after `ABSENT_LOOKS` absent findings in a row. Unknown neither opens nor closes.

`--looped-h` plays the negative clips to and fro at a look every 10 s under changing light, noise and shake, with the
dwell that the product has when a zone sets none: camera-hours for the rate of false alarms, of looped footage.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml

from benchmarks import footage, harness
from benchmarks.footage import VARIED, Remembering, Site, Street, length_s
from benchmarks.harness import Result
from vision.core.errors import ConfigError, NotThereError
from vision.core.findings import Finding, FindingState, ViolationType
from vision.core.frames import Frame, Image
from vision.core.ports import Detector
from vision.core.registry import Camera, SourceKind, View, Zone, ZoneKind
from vision.pipeline.draw import annotate
from vision.pipeline.scene import SceneAnalyser
from vision.rules.settings import RuleSettings
from vision.testing import EPOCH, ManualClock

ABSENT_LOOKS = 3
CLIPS = (".mp4", ".mkv", ".avi", ".mov", ".ts")
DETECTOR_SCORE = 0.2
LOOPED_EVERY_S = 10.0
_GRACE_S = 5.0  # an alarm may come this long after its event's end: the looks are this far apart


@dataclass(frozen=True, slots=True)
class Event:
    """What truly happens: a violation of `type` in `zone` from `start_s` to `end_s` of the clip."""

    type: ViolationType
    zone: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Truth:
    zones: tuple[Zone, ...]
    events: tuple[Event, ...]


@dataclass(slots=True)
class Alarm:
    """One incident as the engine would see it. `look` is the annotated picture of the moment it opened."""

    clip: str
    finding: Finding
    opened_s: float
    look: Image
    event: Event | None = None
    absent: int = 0

    @property
    def site(self) -> tuple[ViolationType, str]:
        return self.finding.type, self.finding.zone_id


@dataclass(slots=True)
class Played:
    """What one clip gave."""

    clip: str
    truth: Truth
    seconds: float = 0.0
    looks: int = 0
    unknown: int = 0
    findings: int = 0
    alarms: list[Alarm] = field(default_factory=list)

    @property
    def found(self) -> list[Event]:
        return [event for event in self.truth.events if any(alarm.event is event for alarm in self.alarms)]

    @property
    def missed(self) -> list[Event]:
        return [event for event in self.truth.events if event not in self.found]

    @property
    def false(self) -> list[Alarm]:
        return [alarm for alarm in self.alarms if alarm.event is None]


def read_truth(file: Path) -> Truth:
    """Raises ConfigError naming the file when it is not a truth file, NotThereError when it is not there."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        zones = tuple(
            Zone(
                str(row["id"]),
                ZoneKind(row["kind"]),
                tuple((float(x), float(y)) for x, y in row["polygon"]),
                dwell_s=float(row["dwell_s"]) if row.get("dwell_s") is not None else None,
                shop_id=row.get("shop_id"),
                allowed=frozenset(row.get("allowed", ())),
            )
            for row in document["zones"]
        )
        events = tuple(
            Event(ViolationType(row["type"]), str(row["zone"]), float(row["start_s"]), float(row["end_s"]))
            for row in document.get("events") or ()
        )
    except OSError as error:
        raise NotThereError(f"no truth file {file}: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{file}: should list zones and events (docs/rules.md), {type(error).__name__}: {error}"
        ) from None
    unknown = {event.zone for event in events} - {zone.id for zone in zones}
    if unknown:
        raise ConfigError(f"{file}: events name zones that are not there: {', '.join(sorted(unknown))}")
    return Truth(zones, events)


def watch(where: Street, zones: tuple[Zone, ...], detector: Detector, hours: float, every_s: float) -> list[Played]:
    """A street in which nothing happens, looped for so many hours: a third of them under each of the conditions."""
    remembering = Remembering(detector, where)
    return [
        play(
            f"looped {where.site.name}, {conditions.name}",
            Truth(zones, ()),
            footage.looped(where, hours * 3600 / len(VARIED), every_s, conditions),
            remembering,
        )
        for conditions in VARIED
    ]


def look_every_s(seconds: float, zones: Sequence[Zone]) -> float:
    """A look a second on short clips, a quarter of the shortest dwell (10 s at most) on long ones."""
    dwell_s = min((zone.dwell_s for zone in zones if zone.dwell_s), default=40.0)
    return 1.0 if seconds < 300 else max(1.0, min(10.0, dwell_s / 4))


def play(clip: str, truth: Truth, frames: Iterable[Frame], detector: Detector) -> Played:
    """Send looks through detector, tracker, change detector and rules, and note what would have been told."""
    view = View(zones=truth.zones)
    camera = Camera(clip, clip, kind=SourceKind.FILE, views=(view,))
    analyser = SceneAnalyser(
        camera,
        view,
        RuleSettings(),
        detector.names,
        detector.version,
        close_look=lambda image: detector.detect([image])[0],
    )
    played, standing = Played(clip, truth), dict[tuple[ViolationType, str], Alarm]()
    began = None
    for frame in frames:
        began = began or frame.captured_at
        now_s = (frame.captured_at - began).total_seconds()
        (detections,) = detector.detect([frame.image])
        played.looks, played.seconds = played.looks + 1, now_s
        for finding in analyser.look(frame, detections):
            played.findings += 1
            played.unknown += finding.state is FindingState.UNKNOWN
            _note(played, standing, finding, now_s, frame.image)
    _match(played)
    return played


def _note(
    played: Played, standing: dict[tuple[ViolationType, str], Alarm], finding: Finding, now_s: float, image: Image
) -> None:
    alarm = standing.get((finding.type, finding.zone_id))
    if alarm is None and finding.dwelled:
        zone = next(zone for zone in played.truth.zones if zone.id == finding.zone_id)
        alarm = Alarm(played.clip, finding, now_s, annotate(image, zone, finding))
        standing[alarm.site] = alarm
        played.alarms.append(alarm)
    elif alarm is not None:
        alarm.absent = alarm.absent + 1 if finding.state is FindingState.ABSENT else 0
        if alarm.absent >= ABSENT_LOOKS:
            del standing[alarm.site]


def _match(played: Played) -> None:
    for alarm in played.alarms:
        alarm.event = next(
            (
                event
                for event in played.truth.events
                if (event.type, event.zone) == alarm.site and event.start_s <= alarm.opened_s <= event.end_s + _GRACE_S
            ),
            None,
        )


def results(played: Sequence[Played], *, prefix: str = "") -> list[Result]:
    """The figures over all clips; a repeated alarm of one event is no second event and no false alarm."""
    events = sum(len(one.truth.events) for one in played)
    found = sum(len(one.found) for one in played)
    false = sum(len(one.false) for one in played)
    alarms = found + false
    hours = sum(one.seconds for one in played) / 3600
    rows = [Result(f"{prefix}clips", len(played), "clips"), Result(f"{prefix}camera_hours", hours, "h")]
    if alarms:
        rows.append(harness.at_least(f"{prefix}event_precision", found / alarms, "share", 0.9))
    if events:
        rows.append(harness.at_least(f"{prefix}event_recall", found / events, "share", 0.9))
    if hours:
        rows.append(harness.at_most(f"{prefix}false_alarms_per_camera_hour", false / hours, "1/h", 0.5))
    delays = _delays_s(played)
    if delays:
        rows.append(Result(f"{prefix}delay_after_dwell_median_s", float(np.median(delays)), "s"))
        rows.append(Result(f"{prefix}delay_after_dwell_max_s", max(delays), "s"))
    unknown = sum(one.unknown for one in played) / max(1, sum(one.findings for one in played))
    rows.append(Result(f"{prefix}unknown_share", unknown, "share"))
    return rows


def _delays_s(played: Sequence[Played]) -> list[float]:
    """From the end of an event's dwell to its first alarm."""
    delays = []
    for one in played:
        for event in one.found:
            first = min((alarm for alarm in one.alarms if alarm.event is event), key=lambda alarm: alarm.opened_s)
            delays.append(first.opened_s - event.start_s - first.finding.dwell_s)
    return delays


def account(played: Sequence[Played]) -> str:
    """A line a clip and a line a mistake, in words."""
    lines = []
    for one in played:
        lines.append(
            f"{one.clip}: {one.seconds:.0f} s, {one.looks} looks, {len(one.found)} of {len(one.truth.events)} events, "
            f"{len(one.false)} false"
        )
        lines += [f"  missed {event.type} in {event.zone} from {event.start_s:g} s" for event in one.missed]
        lines += [f"  false at {alarm.opened_s:.1f} s: {alarm.finding.why.en}" for alarm in one.false]
        lines += [f"  found at {a.opened_s:.1f} s: {a.finding.why.en}" for a in one.alarms if a.event is not None]
    return "\n".join(lines)


def contact_sheet(alarms: Sequence[Alarm], file: Path) -> None:
    """The pictures of alarms, three a row, for people to look at."""
    import cv2

    if not alarms:
        return
    tiles = [cv2.resize(alarm.look, (480, 300)) for alarm in alarms]
    for alarm, tile in zip(alarms, tiles, strict=True):
        mark = "FALSE" if alarm.event is None else "found"
        text = f"{mark} {alarm.clip[:28]} {alarm.opened_s:.0f}s {alarm.finding.type}"
        cv2.putText(tile, text, (6, 290), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 3, cv2.LINE_AA)
        cv2.putText(tile, text, (6, 290), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 3)
    rows = [np.hstack(tiles[i : i + 3]) for i in range(0, len(tiles), 3)]
    cv2.imwrite(str(file), np.vstack(rows))


def pairs(clips: Sequence[Path], truths: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Each clip with its truth: in order, or by name where folders are given.

    Raises:
        ConfigError: a clip without a truth.
        NotThereError: no such clip or folder.
    """
    for path in (*clips, *truths):
        if not path.exists():
            raise NotThereError(f"there is no {path}")
    found = [file for path in clips for file in (_clips_in(path) if path.is_dir() else [path])]
    files = [file for path in truths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    by_name = {file.stem: file for file in files}
    if any(path.is_dir() for path in (*clips, *truths)):
        return [(clip, by_name[clip.stem]) for clip in found if clip.stem in by_name]
    if len(found) != len(files):
        raise ConfigError(f"{len(found)} clips and {len(files)} truths: give each clip its --truth, in order")
    return list(zip(found, files, strict=True))


def _clips_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in CLIPS)


def open_model(model: str) -> Detector:
    from vision.detectors.catalogue import open_detector

    return open_detector(model, device="auto", score=DETECTOR_SCORE)


def extend(parser: argparse.ArgumentParser) -> None:
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "clips"
    parser.add_argument("clips", nargs="*", type=Path, default=[shared], help="clips or folders of clips")
    parser.add_argument("--truth", action="append", type=Path, default=[], help="a truth file, or a folder of them")
    parser.add_argument("--sample-s", type=float, default=None, help="seconds between looks; chosen by length if unset")
    parser.add_argument("--model", default="", help="model of the catalogue, or a file; the default model if unset")
    parser.add_argument("--sheet", type=Path, default=None, metavar="PNG", help="draw every alarm into this picture")
    parser.add_argument("--looped-h", type=float, default=0.0, metavar="H", help="hours of every clip without events")


def run(args: argparse.Namespace) -> list[Result]:
    truths = args.truth or [path / "truth" for path in args.clips if path.is_dir()]
    work = pairs(args.clips, truths)
    if not work:
        raise ConfigError("no clip with a truth: give CLIP --truth TRUTH.yaml")
    if args.quick:
        work = [(clip, truth) for clip, truth in work if length_s(clip) < 60]
    detector = open_model(args.model)
    try:
        if args.looped_h:
            played = list(_looped(work, detector, args.looped_h, args.sample_s or LOOPED_EVERY_S))
        else:
            played = [play_clip(clip, read_truth(truth), detector, args.sample_s) for clip, truth in work]
            print(account(played))
    finally:
        detector.close()
    if args.sheet is not None:
        contact_sheet([alarm for one in played for alarm in one.alarms], args.sheet)
    return results(played, prefix="looped_" if args.looped_h else "")


def play_clip(clip: Path, truth: Truth, detector: Detector, sample_s: float | None = None) -> Played:
    every_s = sample_s or look_every_s(length_s(clip), truth.zones)
    return play(clip.stem, truth, footage.looks(clip, every_s, ManualClock(EPOCH)), detector)


def _looped(work: Sequence[tuple[Path, Path]], detector: Detector, hours: float, every_s: float) -> Iterator[Played]:
    """Every clip whose truth has no events; its zones with the dwell that the rules set."""
    for clip, file in work:
        truth = read_truth(file)
        if not truth.events:
            zones = tuple(replace(zone, dwell_s=None) for zone in truth.zones)
            where = footage.street(Site(clip.name, zones[0].polygon), clip.parent, detector)
            for one in watch(where, zones, detector, hours, every_s):
                print(account([one]), flush=True)
                yield one


def main(argv: list[str] | None = None) -> int:
    return harness.main("events", run, extend, argv)
