"""Which cameras the hub wants seen more often."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.incidents.street import absent, present
from vision.hub.boosts import Boosts
from vision.hub.incidents import IncidentService
from vision.storage.database import Database
from vision.storage.tables import IncidentRow, WitnessRow
from vision.testing import ManualClock


@dataclass
class Posted:
    posts: list[set[str]] = field(default_factory=list)

    def boost(self, camera_ids: Iterable[str]) -> None:
        self.posts.append(set(camera_ids))


def test_from_the_first_suspicion_to_the_end(service: IncidentService, database: Database, clock: ManualClock) -> None:
    board = Posted()
    boosts = Boosts(database, board, clock)
    boosts.once()
    service.take([present(0), present(10, since=0)])
    boosts.once()
    boosts.once()
    service.take([absent(20), absent(90), absent(140)])
    boosts.once()
    assert board.posts == [set(), {"gate"}, set()]


def test_witnesses_are_seen_as_often(service: IncidentService, database: Database, clock: ManualClock) -> None:
    service.take([present(200, since=0)])
    with database.transaction() as session:
        incident = session.query(IncidentRow).one()
        witness = WitnessRow(incident_id=incident.id, camera_id="opposite", view_id="main", zone_id="kerb")
        witness.first_seen_at = witness.last_seen_at = incident.began_at
        session.add(witness)
    board = Posted()
    Boosts(database, board, clock).once()
    assert board.posts == [{"gate", "opposite"}]


def test_told_again_to_a_redis_that_may_have_forgotten(database: Database, clock: ManualClock) -> None:
    board = Posted()
    boosts = Boosts(database, board, clock)
    for _ in range(13):
        boosts.once()
        clock.advance(10)
    assert board.posts == [set()] * 3
