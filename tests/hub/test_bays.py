"""How full bike bays were."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.hub.bays import BayBook, bay_tables
from vision.hub.places import Place, located
from vision.storage.database import Database
from vision.storage.tables import BayHourRow
from vision.testing import ManualClock

SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))
SHANGHAI = ZoneInfo("Asia/Shanghai")
EIGHT = datetime(2026, 7, 1, 0, tzinfo=UTC)  # 08:00 in Shanghai


class Street:
    """One bay for ten bikes, counted by hand."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.told: dict[str, dict[str, Any]] = {}
        zone = Zone("bay", ZoneKind.BIKE_BAY, SQUARE, capacity=10)
        view = View(zones=(zone,))
        self.place: Place | None = located(Camera("exit", "rtsp://x", district="east"), view, zone, None, None)
        self.book = BayBook(database, clock, lambda: self.told, lambda _site: self.place)

    def counts(self, bikes: int, at: datetime) -> int:
        self.told = {"exit": {"bays": {"main/bay": {"bikes": bikes, "at": at.isoformat()}}}, "gate": {}}
        return self.book.once()


def test_counts_become_hours_and_overflow_minutes(database: Database, clock: ManualClock) -> None:
    street = Street(database, clock)
    for minute, bikes in enumerate([4, 8, 12, 14]):
        assert street.counts(bikes, EIGHT + timedelta(minutes=10 * minute)) == 1
    assert street.counts(14, EIGHT + timedelta(minutes=30)) == 0  # the same count again
    street.counts(6, EIGHT + timedelta(minutes=60))
    with database.reading() as session:
        told = bay_tables(session, EIGHT, EIGHT + timedelta(hours=2), SHANGHAI)
        elsewhere = bay_tables(session, EIGHT, EIGHT + timedelta(hours=2), SHANGHAI, ["west"])
    (bay,) = told["bay"]
    assert (bay["bay"], bay["capacity"], bay["bikes_most"], bay["bikes_mean"]) == ("exit/bay", 10, 14, 8.8)
    assert (bay["overflow_min"], bay["watched_min"], bay["occupancy"]) == (20.0, 60.0, 0.88)
    hours = {row["hour"]: row for row in told["bay_hour"]}
    assert (hours[8]["overflow_min"], hours[8]["occupancy"]) == (20.0, 0.95)
    assert (hours[9]["overflow_min"], hours[9]["bikes_most"]) == (0.0, 6)
    assert hours[10]["occupancy"] is None
    assert elsewhere["bay"] == []


def test_a_long_silence_is_not_watching(database: Database, clock: ManualClock) -> None:
    street = Street(database, clock)
    street.counts(12, EIGHT)
    street.counts(12, EIGHT + timedelta(hours=3))
    with database.reading() as session:
        (bay,) = bay_tables(session, EIGHT, EIGHT + timedelta(hours=4), SHANGHAI)["bay"]
    assert (bay["overflow_min"], bay["watched_min"]) == (0.0, 0.0)


def test_a_bay_of_unknown_size_has_counts_but_no_overflow(database: Database, clock: ManualClock) -> None:
    street = Street(database, clock)
    street.place = None
    street.counts(40, EIGHT)
    street.counts(40, EIGHT + timedelta(minutes=10))
    with database.reading() as session:
        (bay,) = bay_tables(session, EIGHT, EIGHT + timedelta(hours=1), SHANGHAI)["bay"]
    assert (bay["capacity"], bay["occupancy"], bay["overflow_min"], bay["bikes_mean"]) == (None, None, 0.0, 40.0)


def test_old_hours_are_dropped(database: Database, clock: ManualClock) -> None:
    street = Street(database, clock)
    street.counts(1, clock.now() - timedelta(days=401))
    street.counts(1, clock.now())
    clock.advance(3600)
    street.counts(2, clock.now())
    with database.reading() as session:
        assert len(session.scalars(select(BayHourRow)).all()) == 2
