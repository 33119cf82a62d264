"""The daily report: one day's figures for the whole city and for each district, made by itself in the morning."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from vision.alerts.effect import Effects, effects
from vision.core.clock import Clock
from vision.core.errors import NotThereError, StreetwardError
from vision.core.ports import BlobStore
from vision.hub.statistics import Table, items, tables
from vision.storage.database import Database
from vision.storage.registry import Registry

log = structlog.get_logger()
_EVERY_S = 60.0
Grace = Callable[[str, str, str], float]


@dataclass(frozen=True, slots=True)
class Section:
    """A district's day, or the whole city's (`district` None).

    Attributes:
        tables: as hub.statistics makes them.
        cameras: enabled ones of the district.
    """

    district: str | None
    tables: Mapping[str, Table]
    effect: Effects
    cameras: int


@dataclass(frozen=True, slots=True)
class Names:
    """What people call cameras, shops and grids, by id."""

    cameras: Mapping[str, str] = field(default_factory=dict)
    shops: Mapping[str, str] = field(default_factory=dict)
    grids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """One local day in figures. `whole`: the day was over when it was counted."""

    city: str
    date: date
    zone: ZoneInfo
    made_at: datetime
    whole: bool
    sections: tuple[Section, ...]
    names: Names


class DayBook:
    """Counts days and keeps their reports with the evidence."""

    def __init__(
        self, database: Database, registry: Registry, clock: Clock, *, city: str, zone: ZoneInfo, grace_s: Grace
    ) -> None:
        self._database, self._registry, self._clock = database, registry, clock
        self._city, self._zone, self._grace_s = city, zone, grace_s

    def today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    def count(self, day: date, districts: Sequence[str] = ()) -> Day:
        """The day's figures, of some districts or of all: the whole first, then each district by name.

        Raises:
            NotThereError: the day has not begun.
            StorageError: the database cannot be read.
        """
        if day > self.today():
            raise NotThereError(f"{day} has not begun")
        begin = datetime.combine(day, time(), self._zone)
        until = datetime.combine(day + timedelta(days=1), time(), self._zone)
        cameras = {key: doc for key, doc in self._registry.documents("camera").items() if doc.get("enabled", True)}
        of = {key: str(doc.get("district", "")) for key, doc in cameras.items()}
        shown = sorted(set(districts) or set(of.values()) - {""})
        with self._database.reading() as session:
            sections = [self._section(session, begin, until, districts, None, of)]
            if len(shown) > 1:
                sections += [self._section(session, begin, until, (name,), name, of) for name in shown]
        now = self._clock.now()
        return Day(self._city, day, self._zone, now, until <= now, tuple(sections), self._names())

    def _section(  # noqa: PLR0917 - one day's bounds, whose, and what stands there
        self,
        session: Session,
        begin: datetime,
        until: datetime,
        districts: Sequence[str],
        name: str | None,
        of: Mapping[str, str],
    ) -> Section:
        found = items(session, begin, until, districts)
        watched = sum(not districts or district in districts for district in of.values())
        effect = effects(session, begin, until, timezone=self._zone, grace_s=self._grace_s, districts=districts)
        return Section(name, tables(found, 1.0, self._zone, cameras=watched), effect, watched)

    def _names(self) -> Names:
        def named(kind: str) -> dict[str, str]:
            return {key: str(doc.get("name") or key) for key, doc in self._registry.documents(kind).items()}

        return Names(named("camera"), named("shop"), named("grid"))


class DailyReports:
    """Makes yesterday's report once the configured local time has come, and keeps it in the blob store."""

    def __init__(
        self, book: DayBook, blobs: BlobStore, clock: Clock, *, at: time | None, zone: ZoneInfo, language: str
    ) -> None:
        """`at` None: none is made by itself."""
        self._book, self._blobs, self._clock = book, blobs, clock
        self._at, self._zone, self._language = at, zone, language
        self._done: date | None = None

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.once()
            except StreetwardError as error:
                log.warning("report_not_made", reason=str(error))
            self._clock.sleep(_EVERY_S, stop)

    def once(self) -> bool:
        """Whether a report was made. Raises StorageError."""
        local = self._clock.now().astimezone(self._zone)
        yesterday = local.date() - timedelta(days=1)
        if self._at is None or local.time() < self._at or self._done == yesterday:
            return False
        key = report_key(yesterday, self._language)
        made = not self._blobs.exists(key)
        if made:
            self._blobs.put(key, self.printed(yesterday, self._language), media_type="application/pdf")
            log.info("report_made", day=yesterday.isoformat())
        self._done = yesterday
        return made

    def get(self, day: date, language: str, districts: Sequence[str] = ()) -> bytes:
        """A day's report as PDF: the kept one of the whole city, else one made now.

        Raises:
            NotThereError: the day has not begun.
            StorageError: the database cannot be read.
        """
        key = report_key(day, language)
        if not districts and self._blobs.exists(key):
            return self._blobs.get(key)
        return self.printed(day, language, districts)

    def printed(self, day: date, language: str, districts: Sequence[str] = ()) -> bytes:
        from vision.hub.daily_pdf import printed  # a font of 5 MB, only when there is something to print

        return printed(self._book.count(day, districts), language)


def report_key(day: date, language: str) -> str:
    return f"reports/daily/{day.isoformat()}.{language}.pdf"
