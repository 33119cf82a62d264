"""Several hubs on one PostgreSQL: shares of the work, twins across their borders, what one knows of another's doing."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from tests.incidents.street import present
from vision.core.clock import SystemClock
from vision.core.findings import Finding
from vision.core.registry import Camera, View, Zone, ZoneKind
from vision.hub import dedup
from vision.hub.incidents import IncidentService
from vision.hub.ownership import LEASE_S, Ownership, OwnershipLostError
from vision.hub.runtime import CHORES, Hub
from vision.hub.sites import Sites
from vision.hub.surroundings import CitySurroundings
from vision.hub.writer import Books, Writer
from vision.incidents.events import CaseFiled
from vision.storage.bus import PARTITIONS, MemoryBus
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, OutboxRow, WitnessRow
from vision.testing import ManualClock

pytestmark = pytest.mark.server
SQUARE = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))


def across(camera_id: str, east: float, area: str) -> Camera:
    """A camera whose zone lies around a point of the street."""
    corners = ((-5e-5, 5e-5), (5e-5, 5e-5), (5e-5, -5e-5), (-5e-5, -5e-5))
    ground = tuple((120.0 + east + dx, 31.0 + dy) for dx, dy in corners)
    zone = Zone("kerb", ZoneKind.KEEP_CLEAR, SQUARE, name="kerb", ground=ground)
    return Camera(camera_id, "rtsp://x", district=area, views=(View(zones=(zone,)),))


@pytest.fixture
def border() -> CitySurroundings:
    """Two cameras of two districts that see the same piece of street."""
    cameras = [across("east", 0.0, "east"), across("west", 1e-4, "west")]
    city = CitySurroundings(lambda: cameras)
    city.refresh()
    return city


def seen(camera_id: str, stood_s: float = 200) -> Finding:
    return replace(present(stood_s, since=0), camera_id=camera_id)


def service(database: Database, surroundings: CitySurroundings) -> IncidentService:
    return IncidentService(database, ManualClock(), surroundings, route=lambda _t, _d: ["city"])


def incidents(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(IncidentRow)) or 0


def test_hubs_share_evenly_and_nothing_is_owned_twice(city_database: Database) -> None:
    clock = SystemClock()
    hubs = [Ownership(city_database, clock, f"h{n}", CHORES + 1) for n in range(3)]
    assert len(hubs[0].turn()) == CHORES + 1, "alone it has everything"
    for _ in range(3):
        for hub in hubs:
            hub.turn()
    owned = [hub.owned for hub in hubs]
    assert sorted(map(len, owned)) == [5, 6, 6]
    assert frozenset().union(*owned) == frozenset(range(PARTITIONS + 1))


def run_out(database: Database) -> None:
    """Every lease ends now, without a wait for it: nobody knows how long a test takes on a busy machine."""
    with database.transaction() as session:
        session.execute(text("UPDATE hub_shares SET until = now() - interval '1 second'"))
        session.execute(text("UPDATE hubs SET seen_at = now() - interval '1 minute'"))


def test_what_a_dead_hub_owned_goes_to_the_others_and_its_late_write_is_refused(city_database: Database) -> None:
    clock = ManualClock()
    late, next_ = (Ownership(city_database, clock, name, 4) for name in ("late", "next"))
    late.turn()
    with city_database.transaction() as session:
        late.require(session, {0, 3})
    run_out(city_database)
    assert next_.turn() == {0, 1, 2, 3}
    with pytest.raises(OwnershipLostError), city_database.transaction() as session:
        late.require(session, {3})
    clock.advance(LEASE_S + 1)
    assert late.owned == frozenset(), "a hub that slept knows it by its own clock"


def test_a_share_is_not_taken_while_its_owner_writes(city_database: Database) -> None:
    clock = ManualClock()
    owner, other = (Ownership(city_database, clock, name, 2) for name in ("owner", "other"))
    owner.turn()
    with city_database.transaction() as session:
        owner.require(session, {0})
        run_out(city_database)
        assert other.turn() == {1}
    assert other.turn() >= {0}


def test_a_hub_that_leaves_gives_everything_back(city_database: Database) -> None:
    clock = ManualClock()
    one, two = (Ownership(city_database, clock, name, 4) for name in ("one", "two"))
    one.turn()
    one.leave()
    assert two.turn() == {0, 1, 2, 3}


def test_a_thousand_beginnings_at_once_leave_room_in_the_lock_table(city_database: Database) -> None:
    cameras = [across(f"c{n}", n * 0.05, "d") for n in range(1000)]
    city = CitySurroundings(lambda: cameras)
    city.refresh()
    writer = Writer(ManualClock(), city, Sites(), Books(), shared=True)
    looks = [dedup.seen(city, seen(camera.id)) for camera in cameras]
    with city_database.transaction() as session:
        work = writer.start(session)
        writer.claim(work, looks)
        held = session.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"))
        assert 500 < (held or 0) <= 1024
        assert len(work.absent) == 1000


def test_cameras_of_two_hubs_on_one_ground_make_one_incident(city_database: Database, border: CitySurroundings) -> None:
    east, west = service(city_database, border), service(city_database, border)
    east.take([seen("east")])
    west.take([seen("west", 210)])
    assert incidents(city_database) == 1
    with city_database.reading() as session:
        assert set(session.scalars(select(WitnessRow.camera_id))) == {"east", "west"}
        assert session.scalar(select(func.count()).select_from(OutboxRow).where(OutboxRow.kind == "file")) == 1


def test_a_hub_hears_what_another_changed(city_database: Database, border: CitySurroundings) -> None:
    here, there = service(city_database, border), service(city_database, border)
    here.take([seen("east")])
    assert there.follow() == 1
    assert there.follow() == 0
    with city_database.reading() as session:
        (incident_id,) = session.scalars(select(IncidentRow.id))
    there.command(incident_id, CaseFiled("city", "C-1"))
    assert here.follow() == 1
    assert here.watched() == 1


def test_a_timer_fires_in_one_hub(city_database: Database, border: CitySurroundings) -> None:
    here = service(city_database, border)
    here.take([seen("east")])
    with city_database.transaction() as session:
        row = session.scalars(select(IncidentRow).with_for_update()).one()
        row.next_timer_at = row.began_at
        session.flush()
        assert service(city_database, border).fire_timers() == 0, "another hub holds it"


def test_a_hub_that_lost_its_shares_leaves_the_looks_to_the_next(
    city_database: Database, border: CitySurroundings
) -> None:
    class Refusing(Ownership):
        def require(self, session: object, shares: object) -> None:
            raise OwnershipLostError("h1 no longer owns shares [0]")

    bus, clock = PartedBus(), SystemClock()
    ownership = Refusing(city_database, clock, "h1", CHORES + 1)
    hub = Hub(bus, service(city_database, border), clock, ownership=ownership)
    ownership.turn()
    bus.publish([seen("east")])
    assert hub.take_once(wait_s=0) == 0
    assert bus.waiting() == 1
    assert incidents(city_database) == 0


class PartedBus(MemoryBus):
    """Says of which partition each finding is."""

    def read(self, *, wait_s: float, limit: int) -> list[tuple[str, Finding]]:
        return [(f"0/{key}", finding) for key, finding in super().read(wait_s=wait_s, limit=limit)]
