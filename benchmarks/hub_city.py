"""A city's traffic of findings, made up but of the real size: most looks say what the last one said."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vision.core.findings import Finding, FindingObject, FindingState, Subtype, ViolationType, Why
from vision.core.geometry import Box
from vision.core.registry import Camera, View, Zone, ZoneKind

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
BOX: Box = (0.45, 0.5, 0.52, 0.6)
KINDS = (
    (ViolationType.GARBAGE, Subtype.EXPOSED_GARBAGE),
    (ViolationType.OUT_OF_STORE, Subtype.OUT_OF_STORE),
    (ViolationType.BIKE_MISPARKED, Subtype.BIKE_MISPARKED),
)
QUIET = Why("区域内无目标。", "Nothing stands in the zone.")
STANDING = Why("有物品停留。", "Something has been left standing.")
DARK = Why("画面太暗。", "The picture is too dark.")


def cameras(count: int) -> list[Camera]:
    """One zone each, in 9 districts, 30 m apart on a square plan, with its ground polygon."""
    side = max(1, int(count**0.5))
    found = []
    for n in range(count):
        east, north = 120.0 + (n % side) * 30 / 95_400, 31.0 + (n // side) * 30 / 111_195
        ground = tuple((east + dx * 5e-5, north + dy * 5e-5) for dx, dy in ((-1, 1), (1, 1), (1, -1), (-1, -1)))
        zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, speaker_ids=("horn",), ground=ground)
        found.append(
            Camera(f"c{n:05d}", "rtsp://x", place=f"Street {n}", district=f"d{n % 9}", views=(View(zones=(zone,)),))
        )
    return found


@dataclass(slots=True)
class Site:
    """One camera's zone: what it shows, and since when."""

    camera_id: str
    kind: int
    state: FindingState = FindingState.ABSENT
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class City:
    """Sites that change now and then.

    Attributes:
        starts_per_hour: how often something is left at one site. 0.05 is twenty times what one district of 17,500
            feeds files in a year by video; most of it is gone before its dwell is over.
        blinks_per_hour: how often one site cannot be judged for a minute.
    """

    count: int
    every_s: float = 10.0
    starts_per_hour: float = 0.05
    blinks_per_hour: float = 0.2
    seed: int = 7
    sites: list[Site] = field(default_factory=list)
    _chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self.sites = [Site(f"c{n:05d}", n % 3) for n in range(self.count)]

    def stand(self, at: datetime, share: float) -> None:
        """Begin with this share of sites in violation, for hours to come."""
        for site in self.sites:
            if self._chance.random() < share:
                site.state, site.since = FindingState.PRESENT, at - timedelta(minutes=10)
                site.until = at + timedelta(hours=self._chance.uniform(1, 12))

    def looks(self, at: datetime) -> Iterator[Finding]:
        """One look of every site."""
        starts, blinks = (rate * self.every_s / 3600 for rate in (self.starts_per_hour, self.blinks_per_hour))
        for site in self.sites:
            if site.until is not None and at >= site.until:
                site.state, site.until = FindingState.ABSENT, None
            elif site.until is None:
                dice = self._chance.random()
                if dice < starts:
                    site.state, site.since = FindingState.PRESENT, at
                    site.until = at + timedelta(seconds=self._chance.expovariate(1 / 240))
                elif dice < starts + blinks:
                    site.state, site.until = FindingState.UNKNOWN, at + timedelta(seconds=60)
            yield look(site, at)


def look(site: Site, at: datetime) -> Finding:
    """What one look at the site says."""
    type_, subtype = KINDS[site.kind]
    if site.state is FindingState.PRESENT and site.since is not None:
        return Finding(
            site.camera_id,
            "main",
            "kerb",
            type_,
            subtype,
            site.state,
            at,
            site.since,
            180.0,
            STANDING,
            (FindingObject("thing", BOX, 0.8, site.since, at),),
            0.8,
            model="street-n 1",
            rules="r1",
        )
    why = QUIET if site.state is FindingState.ABSENT else DARK
    return Finding(
        site.camera_id, "main", "kerb", type_, subtype, site.state, at, at, 180.0, why, model="street-n 1", rules="r1"
    )


def changes(
    count: int, begin: datetime, hours: float, *, starts_per_hour: float, blinks_per_hour: float, seed: int = 7
) -> Iterator[Finding]:
    """Only the looks that say something else than the one before, of every site, in order of time."""
    chance = random.Random(seed)
    told: list[tuple[float, int, FindingState]] = []
    for n in range(count):
        at = 0.0
        while at < hours * 3600:
            at += chance.expovariate((starts_per_hour + blinks_per_hour) / 3600)
            stands = chance.random() < starts_per_hour / (starts_per_hour + blinks_per_hour)
            state = FindingState.PRESENT if stands else FindingState.UNKNOWN
            lasts_s = chance.expovariate(1 / 240) if stands else 60.0
            told += [(at, n, state), (at + lasts_s, n, FindingState.ABSENT)]
            at += lasts_s + 60.0
    sites = [Site(f"c{n:05d}", n % 3) for n in range(count)]
    for at, n, state in sorted(told):
        moment = begin + timedelta(seconds=at)
        site = sites[n]
        site.state, site.since = state, moment
        yield look(site, moment)
